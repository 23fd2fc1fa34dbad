"""Train a run as a task on a Dask worker. All that the task needs is in its argument."""

from __future__ import annotations

import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrarun import __version__
from lrarun.data.dataset import Dataset
from lrarun.data.load import load
from lrarun.data.values import check_dtype
from lrarun.results.result import FAILED
from lrarun.results.run_folder import LOCK
from lrarun.runs.events import Busy, Ended, EpochDone, Event
from lrarun.runs.pruning import Limits
from lrarun.scheduling.backend import train
from lrarun.specs.build import make_spec

CANCEL_CHECK_SECONDS = 0.1  # between two checks whether the task was cancelled
EPOCH_SECONDS = 0.5  # between two epochs that are reported

_loaded: dict[tuple[str, bool], Dataset] = {}  # by name, and whether with its test samples
_loading = threading.Lock()


@dataclass(frozen=True)
class Order:
    """One run for a worker.

    Attributes:
        spec: the resolved spec.
        run_id: the spec's run id on the machine that submits it.
        dataset: a name, or an absolute path.
        data_dir: where to look for data sets, if that folder exists here.
        results: the folder to train in, or None to send the files back.
        marker: a file in that folder, which this worker must see.
        topic: Dask's topic for the run's events.
        limits: as for :func:`lrarun.runs.run.run`.
    """

    spec: dict[str, Any]
    run_id: str
    dataset: str
    data_dir: str | None
    results: str | None
    marker: str
    topic: str
    limits: Limits = ()


def sees(marker: str) -> bool:
    """Return whether this machine has the file."""
    return os.path.exists(marker)


def train_order(order: Order) -> tuple[Ended | Busy, dict[str, bytes] | None]:
    """Train a run as a Dask task; return how it ended, and its files if the results folder is not shared."""
    if order.results is None:
        with tempfile.TemporaryDirectory(prefix="lrarun-") as own:
            ended = _train(order, Path(own))
            return ended, _files(Path(own) / order.run_id)
    if not sees(order.marker):
        return Ended(FAILED, f"a worker does not see the folder {order.results}, which the first ones did"), None
    return _train(order, Path(order.results)), None


def _train(order: Order, results: Path) -> Ended | Busy:
    spec = make_spec(order.spec)
    if spec.run_id != order.run_id:
        reason = f"a worker's version of lrarun ({__version__}) gives this run another id; install the same everywhere"
        return Ended(FAILED, reason)
    try:
        dataset = _load(order.dataset, order.data_dir, spec.scores == "test")
        check_dtype(order.dataset, dataset, spec.dtype)
    except Exception as error:
        return Ended(FAILED, f"on its worker: {error}")
    return train(spec, False, dataset, results, _emitter(order), _cancelled(), order.limits)


def _load(name: str, data_dir: str | None, test: bool) -> Dataset:
    with _loading:
        if (name, test) not in _loaded:
            # The submitting machine's folder need not exist here.
            folder = data_dir if data_dir and os.path.isdir(data_dir) else None
            _loaded[name, test] = load(name, folder, test=test)
        return _loaded[name, test]


def _files(folder: Path) -> dict[str, bytes]:
    names = [path for path in folder.iterdir() if path.name != LOCK] if folder.is_dir() else []
    return {path.name: path.read_bytes() for path in names}


def _emitter(order: Order) -> Callable[[Event], None]:
    """Return a function that sends the run's events to the submitting process."""
    from distributed import get_worker

    worker, last = get_worker(), [0.0]

    def emit(event: Event) -> None:
        now = time.monotonic()
        if isinstance(event, EpochDone) and now - last[0] < EPOCH_SECONDS:
            return  # do not flood the scheduler with short epochs
        last[0] = now
        # Pickled, as Dask's own encoding would turn the event into a plain tuple.
        worker.log_event(order.topic, (order.run_id, pickle.dumps(event)))

    return emit


def _cancelled() -> Callable[[], bool]:
    """Return a function that says whether the task was cancelled or its client is gone.

    Dask marks such a task, but can't end its thread.
    """
    from distributed import get_worker

    worker = get_worker()
    key, next_check = worker.get_current_task(), [0.0]

    def cancelled() -> bool:
        now = time.monotonic()
        if now < next_check[0]:
            return False
        next_check[0] = now + CANCEL_CHECK_SECONDS
        state = worker.state.tasks.get(key)
        return state is None or state.state not in ("executing", "long-running")

    return cancelled
