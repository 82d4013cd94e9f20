"""Work that is spread over processes: each result is given out as soon as it is there."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(task: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[Result]:
    """Results of a task for all items, in the order in which they end.

    Parameters
    ----------
    task
        A function of a module, or a partial one of such; it and its results can be pickled.
    items
        What it is done for.
    jobs
        Processes at a time; with 1 everything runs in this one.

    Raises
    ------
    ValueError
        No process is asked for.
    """
    if jobs < 1:
        msg = f"at least one process is needed, got jobs={jobs}"
        raise ValueError(msg)
    if jobs == 1 or len(items) < 2:
        yield from map(task, items)
        return
    # processes that start afresh: a fork would copy locks that threads of this process hold
    pool = ProcessPoolExecutor(min(jobs, len(items)), get_context("spawn"))
    others = active_children()
    tasks: list[Future[Result]] = []
    try:
        with _deaf_to_interrupts():
            tasks += (pool.submit(task, item) for item in items)
        yield from (done.result() for done in as_completed(tasks))
    finally:
        if not all(one.done() for one in tasks):  # interrupted, or the reader of these results has stopped
            for worker in active_children():
                if worker not in others:
                    worker.terminate()
        # waited for: a pool that still closes its pipes while Python ends says so on the terminal
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that start meanwhile never hear an interrupt from the terminal: this one does, and ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
