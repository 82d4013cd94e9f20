"""Medians of alternating runs, and the rows that the table and the JSON are made of."""

from __future__ import annotations

import os
import platform
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median


@dataclass(frozen=True)
class Row:
    """One comparison: a subject of ours beside a baseline, measured in the same run.

    Parameters
    ----------
    benchmark, subject, baseline
        What was done, by which of ours, beside what (empty: an absolute figure).
    value, other
        Ours and the baseline's, in `unit`.
    aim
        What was aimed at, as a ratio (baseline / ours, at least) or, without baseline, as a figure (at most).
    """

    benchmark: str
    subject: str
    baseline: str
    value: float
    other: float | None
    unit: str
    aim: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than the baseline."""
        return None if self.other is None else self.other / self.value

    @property
    def reached(self) -> bool | None:
        """Whether the aim was reached in this run; None where none was set."""
        if self.aim is None:
            return None
        return self.value <= self.aim if self.ratio is None else self.ratio >= self.aim


def alternate(candidates: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each candidate; they take turns, so that a busy moment hits all of them.

    Every candidate runs once before it counts.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for run in candidates.values():
        run()
    for _ in range(repeats):
        for name, run in candidates.items():
            start = time.perf_counter()
            result = run()
            seconds[name].append(time.perf_counter() - start)
            del result
    return {name: median(times) for name, times in seconds.items()}


def once(run: Callable[[], object]) -> float:
    """Seconds of a single run, for what takes too long to be repeated."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def peak_megabytes(run: Callable[[], object]) -> float:
    """Highest memory traced while running (allocations by NumPy included)."""
    tracemalloc.start()
    try:
        result = run()
        peak = tracemalloc.get_traced_memory()[1]
        del result
    finally:
        tracemalloc.stop()
    return peak / 2**20


def environment(threads: int) -> dict[str, object]:
    """What the numbers were taken on."""
    packages = ("numpy", "scipy", "sympy", "python-flint", "torch", "symengine")
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": threads,
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "packages": {name: _version(name) for name in packages},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
