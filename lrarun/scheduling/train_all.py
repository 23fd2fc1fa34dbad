"""Train many runs: choose a backend, load the data sets, run the schedule."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from lrarun.data.dataset import Dataset
from lrarun.data.load import load_to_train
from lrarun.data.progress import Progress
from lrarun.data.sharing import share
from lrarun.errors import UsageError
from lrarun.scheduling.backend import Backend
from lrarun.scheduling.in_process import InProcess
from lrarun.scheduling.outcome import Outcome
from lrarun.scheduling.plan import RESUME, SKIP, TRAIN, Job
from lrarun.scheduling.processes import Processes, cores
from lrarun.scheduling.schedule import Schedule
from lrarun.scheduling.stop_signals import GRACE, stop_requests
from lrarun.scheduling.watcher import Watcher
from lrarun.specs.spec import JAX, NUMPY, Spec


def train_all(
    jobs: Iterable[Job],
    results: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    stack: int | None = None,
    data_dir: Path | None = None,
    watcher: Watcher | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Train jobs, longest first, and return how each ended, in the order given.

    A run that fails, diverges or is killed does not stop the others; its outcome has the
    reason. If another process is training a run, wait for it, and take the run over if that
    process dies.

    With more than one worker, a script must call this under ``if __name__ == "__main__":``,
    because ``multiprocessing`` imports the script in each fresh process.

    Args:
        jobs: from :func:`lrarun.scheduling.plan.plan`.
        results: the folder that holds the runs' folders.
        workers: number of processes, by default that of the cores; 1 trains in this process.
        scheduler: address of a Dask scheduler, to train on its cluster instead.
        stack: the most networks in a stack, for runs of the engine jax; by default as many as the device holds.
        data_dir: where to look for data sets, see :func:`lrarun.data.load.load`.
        watcher: called as the runs go.
        progress: called as data sets are downloaded.

    Raises:
        UsageError: the engine jax can't train one of the runs, or not here; nothing was trained.
        DataError, FetchError: a data set is damaged or can't be downloaded; nothing was trained.
        KeyboardInterrupt: on SIGINT, SIGTERM or SIGHUP, within about two seconds; the runs' states are stored.
    """
    jobs, watcher = list(jobs), watcher or Watcher()
    stacked = [job for job in jobs if job.spec.engine == JAX]
    due = [job for job in stacked if job.action != SKIP]
    if due and scheduler is not None:
        raise UsageError("a cluster trains runs of the engine numpy; train those of the engine jax without --scheduler")
    if due:
        from lrarun.runs.stack import refuse_unknown

        for job in due:
            refuse_unknown(job.spec)
    with ExitStack() as opened:
        parts: list[tuple[Sequence[Job], Backend]] = []
        if scheduler is not None:
            backend, count = _cluster(scheduler, results, data_dir, progress), None
            stop = opened.enter_context(stop_requests())
            parts.append((jobs, backend))
        else:
            plain = [job for job in jobs if job.spec.engine == NUMPY]
            count = min(workers or cores(), sum(job.action in (TRAIN, RESUME) for job in plain)) or 1
            loaded = _load([job.spec for job in jobs if job.action != SKIP], data_dir, progress)
            # A stack stores many runs, and takes the time that it needs for that.
            stop = opened.enter_context(stop_requests(GRACE if count == 1 and not due else None))
            if due:
                parts.append((stacked, _stacks(results, loaded, stop, stack)))
            if plain or not due:
                spool = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="lrarun-")))
                parts.append((jobs if not due else plain, _here(count, results, loaded, stop, spool)))
        watcher.planned(jobs, count)
        outcomes = [
            outcome for part, backend in parts for outcome in Schedule(part, results, backend, watcher).run(stop)
        ]
    by_id = {outcome.run_id: outcome for outcome in outcomes}
    return [by_id[job.run_id] for job in jobs]


def _here(count: int, results: Path, loaded: dict[str, Dataset], stop: Callable[[], bool], spool: Path) -> Backend:
    """Return this process, or several of this machine."""
    if count == 1:
        return InProcess(results, loaded, stop)
    return Processes(count, results, {name: share(dataset, spool) for name, dataset in loaded.items()})


def _stacks(results: Path, loaded: dict[str, Dataset], stop: Callable[[], bool], size: int | None) -> Backend:
    from lrarun.scheduling.stacks import Stacks  # JAX is an extra

    return Stacks(results, dict(loaded), stop, size)


def _load(specs: Iterable[Spec], data_dir: Path | None, progress: Progress | None) -> dict[str, Dataset]:
    """Load each data set once; without its test samples if no run is scored on them."""
    dtypes: dict[str, set[str]] = {}
    tested: set[str] = set()
    for spec in specs:
        dtypes.setdefault(spec.dataset, set()).add(spec.dtype)
        if spec.scores == "test":
            tested.add(spec.dataset)
    return {name: load_to_train(name, data_dir, progress, dtypes[name], name in tested) for name in dtypes}


def _cluster(address: str, results: Path, data_dir: Path | None, progress: Progress | None) -> Backend:
    from lrarun.scheduling.cluster import Cluster  # Dask is an extra

    return Cluster(address, results, data_dir, progress)
