"""``python -m benchmarks [--only NAME] [--threads N] [--output FILE]``.

Each benchmark runs in a process of its own: what another one leaves behind (memory, thread pools) changes
its numbers. The two sides of a ratio are always measured in the same process, taking turns. One thread is the
default: on a busy machine the threads of BLAS wait for each other, and medians of two runs differ by half.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.measure import Row, environment
from benchmarks.table import render

NAMES = (
    "certification", "lifted_table", "latex", "layer", "layer_in_torch", "ring", "second_order", "jets", "memory",
    "selective_scan", "input_hessian", "radius", "smallest_edit",
)  # fmt: skip


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios, measured in one run.")
    parser.add_argument("--only", choices=NAMES, action="append", help="run these alone (may be repeated)")
    parser.add_argument("--threads", type=int, default=1, help="threads on both sides (default: 1)")
    parser.add_argument("--output", type=Path, default=Path("benchmarks.json"), help="where the JSON goes")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(name: str, threads: int) -> Iterator[Row]:
    """The rows of one benchmark from a fresh process, whose libraries are told the number of threads."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    command = [sys.executable, "-m", "benchmarks", "--here", "--only", name, "--threads", str(threads)]
    done = subprocess.run(command, env=os.environ | limits, check=True, stdout=subprocess.PIPE, text=True)
    return (Row(**fields) for fields in json.loads(done.stdout))


def main() -> None:
    arguments = _arguments()
    names, threads = arguments.only or NAMES, arguments.threads
    if arguments.here:
        rows = [row for name in names for row in import_module(f"benchmarks.{name}").rows(threads)]
        print(json.dumps([asdict(row) for row in rows]))
        return
    surroundings = environment(threads)
    waiting = track(names, "measuring", console=Console(stderr=True))
    rows = [row for name in waiting for row in _measure(name, threads)]
    Console(width=None if sys.stdout.isatty() else 140).print(render(rows, surroundings))
    records = [{**asdict(row), "ratio": row.ratio, "reached": row.reached} for row in rows]
    arguments.output.write_text(json.dumps({"environment": surroundings, "rows": records}, indent=2) + "\n")
    print(f"written to {arguments.output}", file=sys.stderr)


if __name__ == "__main__":
    main()
