"""Ctrl-C as a request: the first one lets the runs store their state, the second ends the program at once."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

GRACE = 1.0  # seconds that a run may take to store its state once it is asked to stop
# SIGHUP comes when the terminal is closed; `nohup` has it ignored, and then it stays so.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Whether the user asked to stop: call it to know."""

    def __init__(self, grace: float | None = None):
        self.asked = False
        self._timer = None if grace is None else threading.Timer(grace, _thread.interrupt_main)
        if self._timer:
            self._timer.daemon = True

    def __call__(self) -> bool:
        return self.asked

    def handle(self, *_: object) -> None:
        """Handle a signal; raise KeyboardInterrupt the second time."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self._timer:
            self._timer.start()

    def cancel(self) -> None:
        """Cancel the timer that ends the block."""
        if self._timer:
            self._timer.cancel()


@contextmanager
def stop_requests(grace: float | None = None) -> Iterator[StopRequest]:
    """Turn the first SIGINT, SIGTERM or SIGHUP in this block into a request.

    Only the main thread gets signals; in any other, this changes nothing.

    Args:
        grace: seconds after the request at which KeyboardInterrupt is raised if the block has not ended.
    """
    request = StopRequest(grace)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    heard = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, request.handle) for number in heard}
    try:
        yield request
    finally:
        request.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
