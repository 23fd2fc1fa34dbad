"""A worker process: takes jobs from a pipe, trains them, and sends their events back."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from lrarun.data.dataset import Dataset
from lrarun.data.sharing import SharedDataset
from lrarun.results.result import INTERRUPTED
from lrarun.runs.events import Ended, Event
from lrarun.scheduling.backend import STOPPED, train

PIPE_CHECK_SECONDS = 0.05  # between two looks into the pipe while training


def main(connection: Connection, results: Path, datasets: Mapping[str, SharedDataset]) -> None:
    """Train jobs until the pipe closes, as it does too when the main process dies."""
    worker = _Worker(connection)
    sys.stdout = sys.stderr  # what a rule prints is no data of the command's
    # Ctrl-C and the end of the terminal reach the main process, which stops its workers.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, worker.terminate)
    opened: dict[str, Dataset] = {}
    with suppress(EOFError, OSError):
        while (order := connection.recv()) is not None:
            spec, anew, limits = order
            if spec.dataset not in opened:
                opened[spec.dataset] = datasets[spec.dataset].open()
            with worker.training():
                dataset = opened[spec.dataset]
                ended = train(spec, anew, dataset, results, worker.emit, worker.asked_to_stop, limits)
            if worker.terminated and ended == STOPPED:
                ended = Ended(INTERRUPTED, "its process was asked to end (SIGTERM)")
            worker.emit(ended)


class _Worker:
    def __init__(self, connection: Connection):
        self.connection = connection
        self.terminated = False
        self._training = False
        self._stopping = False
        self._next_check = 0.0

    @contextmanager
    def training(self) -> Iterator[None]:
        self._training = True
        yield
        self._training = False

    def terminate(self, *_: object) -> None:
        """Handle SIGTERM: exit at once if no run is in training, else store its state first."""
        if not self._training:
            raise SystemExit
        self.terminated = True

    def emit(self, event: Event) -> None:
        # If the main process has died, `asked_to_stop` will notice.
        with suppress(OSError):
            self.connection.send(event)

    def asked_to_stop(self) -> bool:
        now = time.monotonic()
        if not self._stopping and now >= self._next_check:
            self._next_check = now + PIPE_CHECK_SECONDS
            # While a run is in training, the pipe can only bring the request to stop, or close.
            self._stopping = self.connection.poll()
        return self._stopping or self.terminated
