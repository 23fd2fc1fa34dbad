"""A worker process: takes jobs from a pipe, trains them, sends messages back."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from lrarun.data.dataset import Dataset
from lrarun.data.sharing import SharedDataset
from lrarun.results.read import INTERRUPTED
from lrarun.scheduling.backend import STOPPED, Ended, Message, train

LISTEN_SECONDS = 0.05  # between two looks into the pipe while training


def main(connection: Connection, results: Path, datasets: Mapping[str, SharedDataset]) -> None:
    """A worker's life: until the pipe ends, which it also does when the main process dies."""
    worker = _Worker(connection)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the main process, which says what to do
    signal.signal(signal.SIGTERM, worker.terminate)
    opened: dict[str, Dataset] = {}
    with suppress(EOFError, OSError):
        while (order := connection.recv()) is not None:
            spec, anew = order
            if spec.dataset not in opened:
                opened[spec.dataset] = datasets[spec.dataset].open()
            with worker.training():
                ended = train(spec, anew, opened[spec.dataset], results, worker.tell, worker.asked_to_stop)
            if worker.terminated and ended == STOPPED:
                ended = Ended(INTERRUPTED, "its process was asked to end (SIGTERM)")
            worker.tell(ended)


class _Worker:
    def __init__(self, connection: Connection):
        self.connection = connection
        self.terminated = False
        self._training = False
        self._stopping = False
        self._next_look = 0.0

    @contextmanager
    def training(self) -> Iterator[None]:
        self._training = True
        yield
        self._training = False

    def terminate(self, *_: object) -> None:
        """SIGTERM's handler: at once if nothing is lost by it."""
        if not self._training:
            raise SystemExit
        self.terminated = True

    def tell(self, message: Message) -> None:
        # Without a main process there is nobody to tell, and `asked_to_stop` will notice.
        with suppress(OSError):
            self.connection.send(message)

    def asked_to_stop(self) -> bool:
        now = time.monotonic()
        if not self._stopping and now >= self._next_look:
            self._next_look = now + LISTEN_SECONDS
            # While a run is trained, all that can come is the request to stop, or the pipe's end.
            self._stopping = self.connection.poll()
        return self._stopping or self.terminated
