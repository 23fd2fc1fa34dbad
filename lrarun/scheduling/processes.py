"""Training in several processes of this machine, one BLAS thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lrarun import THREAD_VARIABLES
from lrarun.data.sharing import SharedDataset
from lrarun.results.read import INTERRUPTED
from lrarun.runs.run import mark_interrupted
from lrarun.scheduling import worker as worker_process
from lrarun.scheduling.backend import Backend, Busy, Ended, Hear
from lrarun.scheduling.plan import Job
from lrarun.scheduling.schedule import KILLED
from lrarun.scheduling.stopping import GRACE

ENDING = 0.5  # seconds that a process has to end after its pipe did, so that its own exit code is known


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: Any = None  # a Job, while it trains one


class Processes(Backend):
    """Fresh processes, started as they are needed; one that is killed takes only its own run with it.

    Args:
        count: processes at most.
        results: the folder that holds the runs' folders.
        datasets: by name, all that will be needed.
    """

    def __init__(self, count: int, results: Path, datasets: Mapping[str, SharedDataset]):
        self.count, self.results, self.datasets = count, results, datasets
        self._workers: list[_Worker] = []

    @property
    def free(self) -> bool:
        return len(self._busy()) < self.count

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.job is not None]

    def submit(self, job: Job) -> None:
        for idle in [worker for worker in self._workers if worker.job is None]:
            try:
                idle.connection.send((job.spec, job.anew))
            except OSError:  # killed while it had nothing to do
                self._remove(idle)
                continue
            idle.job = job
            return
        fresh = self._start()
        fresh.job = job
        with suppress(OSError):  # dead already: `wait` will find out
            fresh.connection.send((job.spec, job.anew))

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=worker_process.main, args=(theirs, self.results, self.datasets), daemon=True)
        with _environment_of_a_worker():
            process.start()
        theirs.close()  # so that the pipe ends with the process
        started = _Worker(process, ours)
        self._workers.append(started)
        return started

    def wait(self, seconds: float, hear: Hear) -> None:
        busy = self._busy()
        by_connection: dict[object, _Worker] = {worker.connection: worker for worker in busy}
        for connection in wait([worker.connection for worker in busy], seconds):
            self._listen(by_connection[connection], hear)

    def _listen(self, speaking: _Worker, hear: Hear) -> None:
        job = speaking.job
        try:
            message = speaking.connection.recv()
        except (EOFError, OSError):
            self._remove(speaking)
            hear(job, Ended(KILLED, _how_it_ended(speaking.process)))
            return
        if isinstance(message, Ended | Busy):
            speaking.job = None
        if isinstance(message, Ended) and message.state == INTERRUPTED:
            self._remove(speaking, patience=0)  # it was asked to stop, and takes nothing more
        hear(job, message)

    def _remove(self, gone: _Worker, patience: float = ENDING) -> None:
        self._workers.remove(gone)
        gone.connection.close()
        gone.process.join(patience)
        if gone.process.is_alive():
            gone.process.kill()
            gone.process.join()
        if gone.job is not None:
            mark_interrupted(self.results / gone.job.run_id, _how_it_ended(gone.process))

    def stop(self, hear: Hear) -> None:
        for busy in self._busy():
            with suppress(OSError):
                busy.connection.send(None)
        end = time.monotonic() + GRACE
        while self._busy() and (left := end - time.monotonic()) > 0:
            self.wait(left, hear)
        for late in self._busy():
            self._remove(late, patience=0)
            hear(late.job, Ended(INTERRUPTED, "ended without a checkpoint of its last seconds"))

    def close(self) -> None:
        for left in list(self._workers):
            self._remove(left, patience=0)


def _how_it_ended(process: BaseProcess) -> str:
    code = process.exitcode
    if code is None or code >= 0:
        return f"its process ended with exit code {code}"
    name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
    return f"its process was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


@contextmanager
def _environment_of_a_worker() -> Iterator[None]:
    """What a process started in this block inherits: one BLAS thread, and no ear for Ctrl-C from its first moment."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
