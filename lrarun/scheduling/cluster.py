"""Training on a Dask cluster: the runs are its tasks, one BLAS thread each.

If every worker sees the results folder, each trains in it, under the run's lock, and a
run whose worker dies goes on elsewhere from its last checkpoint. If not, a worker trains
in a folder of its own and sends back what is in it at the end, the lock is held here,
and a run whose worker dies is begun again. Dask itself gives a dead worker's task to
another one, a few times (``distributed.scheduler.allowed-failures``).
"""

from __future__ import annotations

import os
import queue
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from lrarun.data.published import PUBLISHED
from lrarun.data.sources import Progress
from lrarun.errors import LrarunError, UsageError, how_to_install
from lrarun.files import write_atomic
from lrarun.results.read import FAILED, INTERRUPTED
from lrarun.runs.failures import reason_of
from lrarun.runs.lock import Locked, locked
from lrarun.runs.run import RUN, forget
from lrarun.scheduling import cluster_task as task
from lrarun.scheduling.backend import Backend, Busy, Ended, Hear, Message
from lrarun.scheduling.plan import Job
from lrarun.scheduling.schedule import KILLED

CONNECT_SECONDS = 10


class Cluster(Backend):
    """The workers of a Dask scheduler; it gets all jobs at once and hands them out itself.

    Args:
        address: the scheduler's, such as ``tcp://10.0.0.1:8786``.
        results: the folder that holds the runs' folders.
        data_dir: where workers look for data sets, if they have a folder of that name.
        progress: told if there is no worker yet.

    Raises:
        UsageError: Dask is not installed.
        LrarunError: the scheduler does not answer.
    """

    def __init__(self, address: str, results: Path, data_dir: Path | None, progress: Progress | None = None):
        self.results = results.resolve()
        self.data_dir = str(data_dir.resolve()) if data_dir else None
        self._client = _connect(address)
        self._topic = f"lrarun-{uuid.uuid4().hex}"
        self._said: queue.Queue[tuple[str, Message | Any]] = queue.Queue()
        self._jobs: dict[str, tuple[Job, Any]] = {}
        self._locks: dict[str, ExitStack] = {}
        self._client.subscribe_topic(self._topic, self._hear_event)
        self._marker = self.results / f".shared-{uuid.uuid4().hex}"
        self.results.mkdir(parents=True, exist_ok=True)
        self._marker.touch()
        try:
            self.shared = self._is_shared(progress or Progress())
        except BaseException:
            self.close()
            raise

    def _is_shared(self, progress: Progress) -> bool:
        if not self._client.scheduler_info(n_workers=0)["n_workers"]:
            progress.note("waiting for the cluster's first worker (Ctrl-C gives up)")
        # A task, so that a cluster which grows on demand begins to; then all the workers that there are.
        self._client.submit(task.sees, str(self._marker), pure=False).result()
        return all(self._client.run(task.sees, str(self._marker)).values())

    @property
    def free(self) -> bool:
        return True

    def submit(self, job: Job) -> None:
        try:
            if job.anew:
                forget(self.results / job.run_id)  # here and once: a second attempt is to go on
            if not self.shared:
                self._locks[job.run_id] = ExitStack()
                self._locks[job.run_id].enter_context(locked(self.results / job.run_id))
        except Locked:
            self._locks.pop(job.run_id, None)
            self._jobs[job.run_id] = job, None
            self._said.put((job.run_id, Busy()))
            return
        name = job.spec.dataset
        order = task.Order(
            spec=job.spec.to_dict(),
            run_id=job.run_id,
            dataset=name if name in PUBLISHED else str(Path(os.path.expanduser(name)).resolve()),
            data_dir=self.data_dir,
            results=str(self.results) if self.shared else None,
            marker=str(self._marker),
            topic=self._topic,
        )
        future = self._client.submit(
            task.train_order, order, key=f"{job.run_id}-{uuid.uuid4().hex}", priority=-len(self._jobs)
        )
        self._jobs[job.run_id] = job, future
        future.add_done_callback(lambda done: self._said.put((job.run_id, done)))

    def _hear_event(self, event: tuple[float, Any]) -> None:
        _, (run_id, message) = event
        self._said.put((run_id, task.unpacked(message)))

    def wait(self, seconds: float, hear: Hear) -> None:
        with suppress(queue.Empty):
            self._pass_on(*self._said.get(timeout=seconds), hear)
            while True:
                self._pass_on(*self._said.get_nowait(), hear)

    def _pass_on(self, run_id: str, message: Any, hear: Hear) -> None:
        if run_id not in self._jobs:
            return  # what came late of a run that has ended
        job, future = self._jobs[run_id]
        if message is future and future is not None:
            message = self._ended(job, future)
        if isinstance(message, Ended | Busy):
            del self._jobs[run_id]
            self._locks.pop(run_id, ExitStack()).close()
        hear(job, message)

    def _ended(self, job: Job, future: Any) -> Ended | Busy:
        """How a task ended; what its worker sent is then in the run's folder."""
        from distributed import KilledWorker

        try:
            if future.cancelled():
                return Ended(INTERRUPTED, "stopped")
            ended, files = future.result()
            if files:
                _install(self.results / job.run_id, files)
            return task.unpacked(ended)  # type: ignore[return-value]
        except KilledWorker:
            return Ended(KILLED, "its worker died, and so did the next ones that were given it")
        except Exception as error:  # of the task, in transit, or of this disk
            return Ended(FAILED, reason_of(error))

    def stop(self, hear: Hear) -> None:
        self._client.cancel([future for _, future in self._jobs.values() if future is not None], force=True)
        for run_id in list(self._jobs):
            self._pass_on(run_id, Ended(INTERRUPTED, "stopped"), hear)

    def close(self) -> None:
        for lock in self._locks.values():
            lock.close()
        with suppress(OSError):
            self._marker.unlink(missing_ok=True)
        self._client.close()


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(f"--scheduler needs Dask; install it with: {how_to_install('cluster')}") from None
    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise LrarunError(f"{address}: no Dask scheduler answers there ({error})") from error


def _install(folder: Path, files: dict[str, bytes]) -> None:
    """Puts a run's files into its folder, which is locked; what says that it is finished comes last."""
    for name in sorted(files, key=lambda name: name == RUN):
        write_atomic(folder / name, files[name])
