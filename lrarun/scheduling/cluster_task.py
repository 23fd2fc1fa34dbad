"""What runs on a worker of a Dask cluster. Needs no more of this package's state than its argument holds."""

from __future__ import annotations

import os
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
from lrarun.results.read import FAILED
from lrarun.runs.lock import LOCK
from lrarun.scheduling import backend
from lrarun.scheduling.backend import Ended, Epoch, Message, train
from lrarun.specs.build import make_spec

LISTEN_SECONDS = 0.1  # between two looks at whether the task is still wanted
TELL_SECONDS = 0.5  # between two epochs that are reported
KINDS = {kind.__name__: kind for kind in (backend.Lost, backend.Begun, Epoch, backend.Paused, Ended, backend.Busy)}

_loaded: dict[str, Dataset] = {}
_loading = threading.Lock()


@dataclass(frozen=True)
class Order:
    """One run for a worker.

    Attributes:
        spec: resolved.
        run_id: that the spec has on the side that asks.
        dataset: name, or absolute path.
        data_dir: where to look for data sets, if there is such a folder.
        results: the folder to train in, or None to send the files back.
        marker: a file in that folder which this worker must see.
        topic: of Dask's events, for messages.
    """

    spec: dict[str, Any]
    run_id: str
    dataset: str
    data_dir: str | None
    results: str | None
    marker: str
    topic: str


def sees(marker: str) -> bool:
    """Whether this machine has the file."""
    return os.path.exists(marker)


def packed(message: Message) -> tuple[str, tuple[Any, ...]]:
    """A message as plain values, which every version of Dask can send."""
    return type(message).__name__, tuple(message)


def unpacked(message: Any) -> Message:
    """The message that was packed."""
    kind, values = message
    return KINDS[kind](*values)


def train_order(order: Order) -> tuple[Any, dict[str, bytes] | None]:
    """Trains a run as a Dask task; returns its end, and its files if they are not in the shared folder."""
    if order.results is None:
        with tempfile.TemporaryDirectory(prefix="lrarun-") as own:
            ended = _train(order, Path(own))
            return packed(ended), _files(Path(own) / order.run_id)
    if not sees(order.marker):
        reason = f"a worker does not see the folder {order.results}, which the first ones did"
        return packed(Ended(FAILED, reason)), None
    return packed(_train(order, Path(order.results))), None


def _train(order: Order, results: Path) -> Message:
    spec = make_spec(order.spec)
    if spec.run_id != order.run_id:
        reason = f"a worker's version of lrarun ({__version__}) gives this run another id; install the same everywhere"
        return Ended(FAILED, reason)
    try:
        dataset = _load(order.dataset, order.data_dir)
    except Exception as error:
        return Ended(FAILED, f"on its worker: {error}")
    return train(spec, False, dataset, results, _teller(order), _unwanted())


def _load(name: str, data_dir: str | None) -> Dataset:
    with _loading:
        if name not in _loaded:
            # The folder that the submitting side uses need not exist here.
            _loaded[name] = load(name, data_dir if data_dir and os.path.isdir(data_dir) else None)
        return _loaded[name]


def _files(folder: Path) -> dict[str, bytes]:
    names = [path for path in folder.iterdir() if path.name != LOCK] if folder.is_dir() else []
    return {path.name: path.read_bytes() for path in names}


def _teller(order: Order) -> Callable[[Message], None]:
    from distributed import get_worker

    worker, last = get_worker(), [0.0]

    def tell(message: Message) -> None:
        now = time.monotonic()
        if isinstance(message, Epoch) and now - last[0] < TELL_SECONDS:
            return  # the scheduler has more to do than to count short epochs
        last[0] = now
        worker.log_event(order.topic, (order.run_id, packed(message)))

    return tell


def _unwanted() -> Callable[[], bool]:
    """Tells when the task was cancelled or its client is gone: Dask marks it, but can't end a thread."""
    from distributed import get_worker

    worker = get_worker()
    key, next_look = worker.get_current_task(), [0.0]

    def unwanted() -> bool:
        now = time.monotonic()
        if now < next_look[0]:
            return False
        next_look[0] = now + LISTEN_SECONDS
        state = worker.state.tasks.get(key)
        return state is None or state.state not in ("executing", "long-running")

    return unwanted
