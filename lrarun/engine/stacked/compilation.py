"""Compile in a thread of its own, so that a request to stop need not wait for the compiler."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from lrarun.engine.stacked.device import numerics

LOOK_SECONDS = 0.05  # between two looks whether the compiler is done

MOST_KEPT = 8  # compilations that a process remembers

_busy: set[threading.Thread] = set()
_kept: dict[Hashable, Compilation] = {}


class Compilation:
    """Functions that are compiled while whoever wants them can be asked to stop.

    Args:
        wanted: by name, what traces a function and returns its ``jax.stages.Lowered``.
    """

    def __init__(self, wanted: Mapping[str, Callable[[], Any]]):
        self._wanted = dict(wanted)
        self._compiled: dict[str, Any] = {}
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._compile, name="lrarun-jax", daemon=True)
        _busy.add(self._thread)
        self._thread.start()

    def _compile(self) -> None:
        try:
            with numerics():
                for name, lower in self._wanted.items():
                    self._compiled[name] = lower().compile()
        except BaseException as error:
            self._error = error
        finally:
            _busy.discard(self._thread)

    def wait(self, pause: Callable[[], bool] = lambda: False) -> bool:
        """Wait until all is compiled; return False if ``pause()`` is true before that. Raises the compiler's error."""
        while self._thread.is_alive():
            self._thread.join(LOOK_SECONDS)
            if self._thread.is_alive() and pause():
                return False
        if self._error is not None:
            raise self._error
        return True

    @property
    def failed(self) -> bool:
        """Whether the compiler, or what traces, has ended with an error."""
        return self._error is not None

    def __getitem__(self, name: str) -> Any:
        return self._compiled[name]


def compiled(key: Hashable, wanted: Mapping[str, Callable[[], Any]]) -> Compilation:
    """Return a compilation in progress or done, that of the last stack with an equal key if there was one.

    Args:
        key: what the compiled functions depend on, the shapes of arrays among it.
        wanted: as for :class:`Compilation`.
    """
    found = _kept.pop(key, None)
    if found is None or found.failed:
        found = Compilation(wanted)
    _kept[key] = found
    while len(_kept) > MOST_KEPT:
        del _kept[next(iter(_kept))]
    return found


@atexit.register
def _leave_the_compiler() -> None:
    """End the process at once if a compiler is still at work: to unload it crashes, to wait takes up to a minute."""
    if _busy:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)  # only a request to stop leaves a compiler at work
