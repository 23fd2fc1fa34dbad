"""Train many runs: choose a backend, load the data sets, run the schedule."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from lrarun.data.load import load_to_train
from lrarun.data.sharing import share
from lrarun.data.sources import Progress
from lrarun.scheduling.backend import Backend
from lrarun.scheduling.in_process import Here
from lrarun.scheduling.plan import RESUME, SKIP, TRAIN, Job
from lrarun.scheduling.processes import Processes, cores
from lrarun.scheduling.schedule import Outcome, Schedule
from lrarun.scheduling.stopping import GRACE, stop_requests
from lrarun.scheduling.watcher import Watcher


def train_all(
    jobs: Iterable[Job],
    results: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    data_dir: Path | None = None,
    watcher: Watcher | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Trains jobs, longest first; returns how each ended, in the order given.

    No run stops another: one that fails, diverges or whose process is killed is among
    the outcomes with its reason. A run that another process is training is waited for,
    and taken over if that process dies.

    With more than one worker, a script has to call this under ``if __name__ ==
    "__main__":``, as every use of ``multiprocessing`` with fresh processes.

    Args:
        jobs: from :func:`lrarun.scheduling.plan.plan`.
        results: the folder that holds the runs' folders.
        workers: processes to train in; 1 trains in this one. By default the cores.
        scheduler: address of a Dask scheduler, to train there and not here.
        data_dir: where data sets are looked for, see :func:`lrarun.data.load.load`.
        watcher: told how the runs go.
        progress: told of downloads of data sets.

    Raises:
        DataError, FetchError: a data set is damaged or cannot be had; nothing was trained.
        KeyboardInterrupt: on SIGINT or SIGTERM, within about two seconds; the runs' states are stored.
    """
    jobs, watcher = list(jobs), watcher or Watcher()
    with ExitStack() as stack:
        backend: Backend
        if scheduler is not None:
            backend, count = _cluster(scheduler, results, data_dir, progress), None
            stop = stack.enter_context(stop_requests())
        else:
            count = min(workers or cores(), sum(job.action in (TRAIN, RESUME) for job in jobs)) or 1
            names = dict.fromkeys(job.spec.dataset for job in jobs if job.action != SKIP)
            loaded = {name: load_to_train(name, data_dir, progress) for name in names}
            stop = stack.enter_context(stop_requests(GRACE if count == 1 else None))
            if count == 1:
                backend = Here(results, loaded, stop)
            else:
                spool = stack.enter_context(tempfile.TemporaryDirectory(prefix="lrarun-"))
                shared = {name: share(dataset, Path(spool)) for name, dataset in loaded.items()}
                loaded.clear()  # what was in no file is in one now
                backend = Processes(count, results, shared)
        watcher.planned(jobs, count)
        return Schedule(jobs, results, backend, watcher).run(stop)


def _cluster(address: str, results: Path, data_dir: Path | None, progress: Progress | None) -> Backend:
    from lrarun.scheduling.cluster import Cluster  # Dask is an extra

    return Cluster(address, results, data_dir, progress)
