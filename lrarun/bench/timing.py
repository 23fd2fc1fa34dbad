"""Times of short calls on a machine that is not idle."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

# Calls of one task in a row. The first finds the caches as the other task left them, the rest as in a loop.
IN_A_ROW = 8


@contextmanager
def no_collection() -> Iterator[None]:
    """Switch Python's garbage collector off meanwhile."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Task(NamedTuple):
    """What is timed.

    Attributes:
        run: the call that is timed.
        prepare: called before each ``run``; not timed.
    """

    run: Callable[[], Any]
    prepare: Callable[[], Any] = lambda: None


def alternate(tasks: Mapping[str, Task], seconds: float, in_a_row: int = IN_A_ROW) -> dict[str, float]:
    """Return the shortest time of each task, in seconds.

    The tasks take turns, some calls in a row each: whatever slows the machine for a while
    slows all of them. The shortest call is the one that nothing disturbed. Times are the
    processor's, summed over this process's threads. They hardly depend on what else the
    machine does.

    Args:
        tasks: by name.
        seconds: for all tasks together, after a first call of each to warm up. Each task is
            called at least ``in_a_row`` times.
        in_a_row: calls of one task before the next has its turn.
    """
    for task in tasks.values():
        _timed(task)
    shortest = dict.fromkeys(tasks, float("inf"))
    end = time.process_time() + seconds
    with no_collection():
        while True:
            for name, task in tasks.items():
                shortest[name] = min(shortest[name], *(_timed(task) for _ in range(in_a_row)))
            if time.process_time() > end:
                return shortest


def _timed(task: Task) -> float:
    task.prepare()
    start = time.process_time()
    task.run()
    return time.process_time() - start
