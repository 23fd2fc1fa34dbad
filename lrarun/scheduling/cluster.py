"""Train on a Dask cluster: each run is a task, with one BLAS thread.

If every worker sees the results folder, the workers train in it, each under its run's lock.
Another worker then resumes the run of a worker that died, from its last checkpoint.
If not, a worker trains in a temporary folder and sends the files back at the end. This
process holds the lock, and a run whose worker died starts again from its first epoch.
Dask itself gives a dead worker's task to another worker, a few times
(``distributed.scheduler.allowed-failures``).
"""

from __future__ import annotations

import pickle
import queue
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from lrarun.data.load import absolute
from lrarun.data.progress import Progress
from lrarun.data.published import PUBLISHED
from lrarun.errors import LrarunError, UsageError, how_to_install
from lrarun.files import write_atomic
from lrarun.results.result import FAILED
from lrarun.results.run_folder import RUN
from lrarun.runs import retraining
from lrarun.runs.events import Busy, Ended, Event
from lrarun.runs.failures import reason_of
from lrarun.runs.lock import Locked, locked
from lrarun.runs.run import begin_anew
from lrarun.scheduling import cluster_task as task
from lrarun.scheduling.backend import STOPPED, Backend, Deliver
from lrarun.scheduling.outcome import KILLED
from lrarun.scheduling.plan import Job

CONNECT_SECONDS = 10


class Cluster(Backend):
    """The workers of a Dask scheduler, which gets all jobs at once and distributes them itself.

    Args:
        address: of the scheduler, such as ``tcp://10.0.0.1:8786``.
        results: the folder that holds the runs' folders.
        data_dir: where workers look for data sets, if that folder exists on their machine.
        progress: notified if the cluster has no worker yet.

    Raises:
        UsageError: Dask is not installed.
        LrarunError: the scheduler does not answer.
    """

    def __init__(self, address: str, results: Path, data_dir: Path | None, progress: Progress | None = None):
        self.results = results.resolve()
        self.data_dir = str(data_dir.resolve()) if data_dir else None
        self._client = _connect(address)
        self._topic = f"lrarun-{uuid.uuid4().hex}"
        self._arrived: queue.Queue[tuple[str, Any]] = queue.Queue()  # run id, and an event or a task that is done
        self._jobs: dict[str, tuple[Job, Any]] = {}
        self._locks: dict[str, ExitStack] = {}
        self._client.subscribe_topic(self._topic, self._receive)
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
        # First as a task, so that a cluster that grows on demand starts a worker; then on every worker there is.
        self._client.submit(task.sees, str(self._marker), pure=False).result()
        return all(self._client.run(task.sees, str(self._marker)).values())

    @property
    def free(self) -> bool:
        return True

    def submit(self, job: Job) -> None:
        try:
            if job.anew:
                begin_anew(self.results / job.run_id)  # here and once: a second attempt resumes
            if not self.shared:
                self._locks[job.run_id] = ExitStack()
                self._locks[job.run_id].enter_context(locked(self.results / job.run_id))
        except Locked:
            self._locks.pop(job.run_id, None)
            self._jobs[job.run_id] = job, None
            self._arrived.put((job.run_id, Busy()))
            return
        name = job.spec.dataset
        order = task.Order(
            spec=job.spec.to_dict(),
            run_id=job.run_id,
            dataset=name if name in PUBLISHED else absolute(name),
            data_dir=self.data_dir,
            results=str(self.results) if self.shared else None,
            marker=str(self._marker),
            topic=self._topic,
            limits=job.limits,
        )
        future = self._client.submit(
            task.train_order, order, key=f"{job.run_id}-{uuid.uuid4().hex}", priority=-len(self._jobs)
        )
        self._jobs[job.run_id] = job, future
        future.add_done_callback(lambda done: self._arrived.put((job.run_id, done)))

    def _receive(self, event: tuple[float, Any]) -> None:
        _, (run_id, pickled) = event
        self._arrived.put((run_id, pickle.loads(pickled)))

    def wait(self, seconds: float, deliver: Deliver) -> None:
        with suppress(queue.Empty):
            self._pass_on(*self._arrived.get(timeout=seconds), deliver)
            while True:
                self._pass_on(*self._arrived.get_nowait(), deliver)

    def _pass_on(self, run_id: str, arrived: Any, deliver: Deliver) -> None:
        if run_id not in self._jobs:
            return  # a late event of a run that has ended
        job, future = self._jobs[run_id]
        event: Event = self._last_event(job, future) if arrived is future and future is not None else arrived
        if isinstance(event, Ended | Busy):
            del self._jobs[run_id]
            self._locks.pop(run_id, ExitStack()).close()
        deliver(job, event)

    def _last_event(self, job: Job, future: Any) -> Ended | Busy:
        """Return how a task ended, and put the files that its worker sent into the run's folder."""
        from distributed import KilledWorker

        try:
            if future.cancelled():
                return STOPPED
            ended, files = future.result()
            if files:
                _install(self.results / job.run_id, files)
            return ended
        except KilledWorker:
            return Ended(KILLED, "its worker died, and so did the next ones that were given it")
        except Exception as error:  # in the task, in transit, or on this disk
            return Ended(FAILED, reason_of(error))

    def stop(self, deliver: Deliver) -> None:
        self._client.cancel([future for _, future in self._jobs.values() if future is not None], force=True)
        for run_id in list(self._jobs):
            self._pass_on(run_id, STOPPED, deliver)

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
    """Write a run's files into its folder, which is locked; ``run.json``, which says it is finished, comes last."""
    for name in sorted(files, key=lambda name: name == RUN):
        write_atomic(retraining.place(folder) / name, files[name])
    retraining.settle(folder)
