"""Times of whole epochs, and estimates of how long the paper's tables take."""

from __future__ import annotations

import dataclasses
import functools
import heapq
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lrarun.data.dataset import Dataset
from lrarun.paper import printed_cells
from lrarun.runs.events import EpochDone, Event, Hooks, Started
from lrarun.runs.run import run
from lrarun.specs.build import make_spec
from lrarun.specs.paper_runs import paper_specs
from lrarun.specs.spec import Spec

T = TypeVar("T")

MOST_EPOCHS = 20
PAPER_IMAGES = 60_000  # of MNIST and Fashion-MNIST for training; `estimates` is for times on as many


class EpochTimes(NamedTuple):
    """Seconds of one run on this machine.

    Attributes:
        epoch: one whole epoch: order, gathering, steps, validation, log, checkpoints.
        steps: the rule's and the optimizer's part of the epoch.
        end: after the last epoch: scores on all samples, the final files.
    """

    epoch: float
    steps: float
    end: float


def time_epochs(spec: Spec, dataset: Dataset, seconds: float) -> EpochTimes:
    """Train in a temporary folder for about ``seconds``, at least one epoch, and return the times."""
    times = _run(dataclasses.replace(spec, epochs=1), dataset)
    epochs = min(int(seconds / times.epoch), MOST_EPOCHS)
    return _run(dataclasses.replace(spec, epochs=epochs), dataset) if epochs > 1 else times


def _run(spec: Spec, dataset: Dataset) -> EpochTimes:
    spent: list[float] = []
    spec = dataclasses.replace(
        spec, algorithm=_clocked(spec.algorithm, "step", spent), optimizer=_clocked(spec.optimizer, "update", spent)
    )
    marks: list[float] = []

    def mark(event: Event) -> None:
        if isinstance(event, Started | EpochDone):
            marks.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        run(spec, dataset, Path(folder), Hooks(emit=mark))
        marks.append(time.perf_counter())
    started, *_, last, ended = marks
    return EpochTimes((last - started) / spec.epochs, sum(spent) / spec.epochs, ended - last)


def _clocked(part: T, method: str, spent: list[float]) -> T:
    """Return a copy of a rule or an optimizer that records the duration of each call of one method."""
    kind: Any = type(part)
    plain = getattr(kind, method)

    @functools.wraps(plain)
    def clocked(self, *arguments, **named):
        start = time.perf_counter()
        result = plain(self, *arguments, **named)
        spent.append(time.perf_counter() - start)
        return result

    settings = {field.name: getattr(part, field.name) for field in dataclasses.fields(kind)}
    return type(kind.__name__, (kind,), {method: clocked})(**settings)


class Estimate(NamedTuple):
    """How long some of the paper's runs take.

    Attributes:
        what: ``"Table 1"``, or all tables together.
        runs: number of distinct runs.
        hours: one run after another.
        hours_in_jobs: with several processes at once, each as fast as one alone.
    """

    what: str
    runs: int
    hours: float
    hours_in_jobs: float


def estimates(times: Mapping[tuple[str, int, str], EpochTimes], jobs: int) -> list[Estimate]:
    """Estimate the hours of each of the paper's tables for which all times are known.

    Args:
        times: by the rule's name, hidden layers and optimizer, on :data:`PAPER_IMAGES` training images.
        jobs: processes at once.
    """
    cells = printed_cells()
    specs = {key: make_spec(spec) for key, spec in paper_specs({cell.key for cell in cells}).items()}
    groups = {f"Table {table}": [c.key for c in cells if c.table == table] for table in (1, 2, 3)}
    groups["all of them"] = [cell.key for cell in cells]
    found = []
    for what, keys in groups.items():
        distinct = {specs[key].run_id: specs[key] for key in keys}.values()
        if all(configuration(spec) in times for spec in distinct):
            lengths = [_length(spec, times[configuration(spec)]) for spec in distinct]
            found.append(Estimate(what, len(lengths), sum(lengths) / 3600, makespan(lengths, jobs) / 3600))
    return found


def configuration(spec: Spec) -> tuple[str, int, str]:
    """Return what the time of a step depends on among the paper's runs: rule, hidden layers and optimizer."""
    return spec.algorithm.name, spec.depth, spec.optimizer.name


def paper_optimizers(algorithm: str, depth: int) -> list[str]:
    """Return a rule's default optimizer, then the others that the paper's tables have for it."""
    own = make_spec({"algorithm": algorithm, "depth": depth}).optimizer.name
    printed = paper_specs({cell.key for cell in printed_cells()})
    named = [
        spec["optimizer"]["name"]
        for spec in printed.values()
        if spec["algorithm"]["name"] == algorithm and spec["depth"] == depth
    ]
    return list(dict.fromkeys([own, *sorted(named)]))


def makespan(lengths: Iterable[float], jobs: int) -> float:
    """Return when the last run ends if ``jobs`` processes take the runs in turn, the longest first."""
    free = [0.0] * jobs
    for length in sorted(lengths, reverse=True):
        heapq.heapreplace(free, free[0] + length)
    return max(free)


def _length(spec: Spec, times: EpochTimes) -> float:
    return spec.epochs * times.epoch + times.end
