"""Train in several processes of this machine, each with one BLAS thread."""

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

from lrarun import THREAD_VARIABLES
from lrarun.data.sharing import SharedDataset
from lrarun.results.result import INTERRUPTED
from lrarun.runs.events import Busy, Ended
from lrarun.runs.run import mark_interrupted
from lrarun.scheduling import worker as worker_process
from lrarun.scheduling.backend import Backend, Deliver
from lrarun.scheduling.outcome import KILLED
from lrarun.scheduling.plan import Job
from lrarun.scheduling.stop_signals import GRACE

EXIT_SECONDS = 0.5  # that a process may take to exit once its pipe is closed, so that its exit code is known


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: Job | None = None  # the job that it trains now


class Processes(Backend):
    """Worker processes, started as they are needed; a process that is killed costs only its own run.

    Args:
        count: the most processes at a time.
        results: the folder that holds the runs' folders.
        datasets: every data set that the jobs need, by name.
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
                idle.connection.send((job.spec, job.anew, job.limits))
            except OSError:  # killed while it was idle
                self._remove(idle)
                continue
            idle.job = job
            return
        fresh = self._start()
        fresh.job = job
        with suppress(OSError):  # it has died already; `wait` will notice
            fresh.connection.send((job.spec, job.anew, job.limits))

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=worker_process.main, args=(theirs, self.results, self.datasets), daemon=True)
        with _environment_of_a_worker():
            process.start()
        theirs.close()  # so that the pipe closes when the process ends
        started = _Worker(process, ours)
        self._workers.append(started)
        return started

    def wait(self, seconds: float, deliver: Deliver) -> None:
        busy = self._busy()
        by_connection: dict[object, _Worker] = {worker.connection: worker for worker in busy}
        for connection in wait([worker.connection for worker in busy], seconds):
            self._receive(by_connection[connection], deliver)

    def _receive(self, worker: _Worker, deliver: Deliver) -> None:
        job = worker.job
        assert job is not None, "only busy workers are waited for"
        try:
            event = worker.connection.recv()
        except (EOFError, OSError):
            self._remove(worker)
            deliver(job, Ended(KILLED, _how_it_ended(worker.process)))
            return
        if isinstance(event, Ended | Busy):
            worker.job = None
        if isinstance(event, Ended) and event.state == INTERRUPTED:
            self._remove(worker, patience=0)  # it was asked to stop, and takes no more jobs
        deliver(job, event)

    def _remove(self, worker: _Worker, patience: float = EXIT_SECONDS) -> None:
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join(patience)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        if worker.job is not None:
            mark_interrupted(self.results / worker.job.run_id, _how_it_ended(worker.process))

    def stop(self, deliver: Deliver) -> None:
        for busy in self._busy():
            with suppress(OSError):
                busy.connection.send(None)
        end = time.monotonic() + GRACE
        while self._busy() and (left := end - time.monotonic()) > 0:
            self.wait(left, deliver)
        for late in self._busy():
            self._remove(late, patience=0)
            assert late.job is not None
            deliver(late.job, Ended(INTERRUPTED, "ended without a checkpoint of its last seconds"))

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
    """Let processes that start in this block use one BLAS thread and ignore Ctrl-C and SIGHUP from the first."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGHUP])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
