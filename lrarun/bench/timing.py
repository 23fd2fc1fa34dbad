"""Times of short calls on a machine that does other things as well."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

# Calls of one task in a row: the first finds the caches as the other task left them, the
# rest as in a loop of their own.
IN_A_ROW = 8


@contextmanager
def no_collection() -> Iterator[None]:
    """Keeps Python's garbage collector from running meanwhile."""
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
        run: the call.
        prepare: called before each call of ``run``, and not timed.
    """

    run: Callable[[], Any]
    prepare: Callable[[], Any] = lambda: None


def alternate(tasks: Mapping[str, Task], seconds: float, in_a_row: int = IN_A_ROW) -> dict[str, float]:
    """The shortest time of each task, in seconds.

    The tasks take turns, some calls in a row each, so that what slows the machine for a
    while slows all of them; the shortest call is the one that nothing disturbed. What counts
    is the processor's time, of all of this process's threads: on an idle machine, the time
    that passes; on a busy one, what would have passed.

    Args:
        tasks: by name.
        seconds: for all tasks together, without their first call, which warms up; each
            is called ``in_a_row`` times at least.
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
