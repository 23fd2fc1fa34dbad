"""Ctrl-C as a request: the first one lets the runs store where they are, the second ends it at once."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

GRACE = 1.0  # seconds that a run has to store its state after it was asked to stop
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether someone asked for an end. Call it to know."""

    def __init__(self, grace: float | None = None):
        self.asked = False
        self._timer = None if grace is None else threading.Timer(grace, _thread.interrupt_main)
        if self._timer:
            self._timer.daemon = True

    def __call__(self) -> bool:
        return self.asked

    def handle(self, *_: object) -> None:
        """The signals' handler; raises KeyboardInterrupt the second time."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self._timer:
            self._timer.start()

    def cancel(self) -> None:
        """Forgets the grace."""
        if self._timer:
            self._timer.cancel()


@contextmanager
def stop_requests(grace: float | None = None) -> Iterator[StopRequest]:
    """Turns the first SIGINT or SIGTERM in this block into a request.

    In another thread than the main one, which gets no signals, nothing is changed.

    Args:
        grace: seconds after which KeyboardInterrupt is raised if the block still lasts.
    """
    request = StopRequest(grace)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.handle) for number in SIGNALS}
    try:
        yield request
    finally:
        request.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
