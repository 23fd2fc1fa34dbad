"""Many runs: here, in processes, on a Dask cluster.

:func:`lrarun.planning.plan` says what is to be trained; :func:`train_all` trains it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from lrarun import datasets
from lrarun.executors.backend import Backend
from lrarun.executors.here import Here
from lrarun.executors.processes import Processes, cores
from lrarun.executors.scheduling import Outcome, Schedule, raise_for_failures
from lrarun.executors.stopping import GRACE, stop_requests
from lrarun.planning import RESUME, SKIP, TRAIN, Job
from lrarun.sharing import share
from lrarun.sources import Progress
from lrarun.watching import Watcher

__all__ = ["Outcome", "Watcher", "cores", "raise_for_failures", "train_all"]


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
        jobs: from :func:`lrarun.planning.plan`.
        results: the folder that holds the runs' folders.
        workers: processes to train in; 1 trains in this one. By default the cores.
        scheduler: address of a Dask scheduler, to train there and not here.
        data_dir: where data sets are looked for, see :func:`lrarun.datasets.load`.
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
            loaded = {name: datasets.load_to_train(name, data_dir, progress) for name in names}
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
    from lrarun.executors.cluster import Cluster  # Dask is an extra

    return Cluster(address, results, data_dir, progress)
