"""The state of each run in a results folder, and which folders ``lrarun clean`` removes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrarun.errors import LrarunError
from lrarun.files import TEMPORARY
from lrarun.results.layout import LOCK, SPEC, refuse_reference
from lrarun.results.names import differences_of_similar
from lrarun.results.read import FAILED, FINISHED, INTERRUPTED, RUNNING, Result, read_results
from lrarun.results.timing import Estimates
from lrarun.runs.lock import Locked, holder, locked
from lrarun.runs.provenance import cpu_model
from lrarun.runs.staleness import Staleness
from lrarun.specs.spec import Spec

NEW, STALE = "new", "stale"


@dataclass(frozen=True)
class Status:
    """The state of one run.

    Attributes:
        run_id: its folder's name.
        state: as in ``run.json``, but ``new`` without one, ``running`` only while a living process
            trains it, and ``stale`` as :mod:`lrarun.runs.staleness` says.
        epoch, epochs: epochs done, and epochs in all.
        validation_error: percent, of the best epoch so far; None before the first.
        test_error: percent, of a finished run.
        seconds: spent in training.
        seconds_left: estimated; 0 if nothing is left, None if unknown.
        where: the process that trains it, in words; empty if none does.
        reason: why it failed, diverged, was interrupted, or is stale.
        differs: the settings in which it differs from the other runs shown with similar ids.
    """

    run_id: str
    state: str
    epoch: int
    epochs: int
    validation_error: float | None = None
    test_error: float | None = None
    seconds: float = 0.0
    seconds_left: float | None = None
    where: str = ""
    reason: str = ""
    differs: str = ""


def statuses(specs: Iterable[Spec] | None, results: Path, data_dir: Path | None = None) -> list[Status]:
    """Return the states of the specs' runs, in their order; without specs, of all runs in the folder.

    Args:
        specs: the runs that are asked for, or None.
        results: the folder that holds the runs' folders.
        data_dir: where to look for data sets, to see whether they have changed.
    """
    by_id = {result.run_id: result for result in read_results(results)}
    estimates, staleness = Estimates(by_id.values(), cpu_model()), Staleness(data_dir)
    wanted: dict[str, Mapping[str, Any]]
    if specs is None:
        wanted = {run_id: result.spec for run_id, result in by_id.items()}
    else:
        wanted = {spec.run_id: spec.to_dict() for spec in specs}
    differences = differences_of_similar(wanted)
    return [
        replace(_status(results / run_id, spec, by_id.get(run_id), estimates, staleness), differs=differences[run_id])
        for run_id, spec in wanted.items()
    ]


def _status(
    folder: Path, spec: Mapping[str, Any], result: Result | None, estimates: Estimates, staleness: Staleness
) -> Status:
    where = holder(folder)
    state, reason = _state_and_reason(result, where, staleness)
    epoch, epochs = result.epoch if result else 0, spec.get("epochs", 0)
    left = epochs - epoch if state in (NEW, RUNNING, INTERRUPTED, FAILED) else 0
    return Status(
        run_id=folder.name,
        state=state,
        epoch=epoch,
        epochs=epochs,
        validation_error=result.validation_error if result else None,
        test_error=result.test_error if result and state == FINISHED else None,
        seconds=(result.seconds if result else None) or 0.0,
        seconds_left=_seconds_left(result, left, spec, estimates),
        where=where,
        reason=reason,
    )


def _state_and_reason(result: Result | None, where: str, staleness: Staleness) -> tuple[str, str]:
    if where:
        return RUNNING, ""
    if result is None:
        return NEW, ""
    why_stale = staleness.why_stale(result)
    if why_stale:
        return STALE, why_stale
    if result.state == RUNNING:
        return INTERRUPTED, "its process was killed"
    return result.state, result.reason or ""


def _seconds_left(result: Result | None, epochs: int, spec: Mapping[str, Any], estimates: Estimates) -> float | None:
    if epochs <= 0:
        return 0.0
    if result is not None and result.epoch and result.seconds is not None:  # its own pace, whatever machine it is on
        return epochs * result.seconds / result.epoch
    return estimates.seconds(spec, epochs)


@dataclass(frozen=True)
class Removable:
    """A run's folder that ``lrarun clean`` removes.

    Attributes:
        folder: the run's folder.
        reason: why it can go.
        size: bytes of the files in it.
    """

    folder: Path
    reason: str
    size: int


def removable(specs: Iterable[Spec] | None, results: Path, data_dir: Path | None = None) -> list[Removable]:
    """Return the runs that failed, that are stale, or that were killed before they stored anything.

    Leaves out runs that a process is training, and folders that no run has made.

    Args:
        specs: only these runs, and stale ones that they replace; None for all in the folder.
        results: the folder that holds the runs' folders.
        data_dir: where to look for data sets, to see whether they have changed.
    """
    staleness = Staleness(data_dir)
    by_folder = {result.folder: result for result in read_results(results)}
    wanted = None if specs is None else {spec.run_id for spec in specs}
    removables = []
    for folder in sorted(path for path in results.iterdir() if path.is_dir()) if results.is_dir() else []:
        result = by_folder.get(folder)
        ids = {folder.name, staleness.current_id(result) if result else None}
        reason = _why_removable(folder, result, staleness)
        if reason and (wanted is None or wanted & ids) and not holder(folder):
            removables.append(Removable(folder, reason, _size(folder)))
    return removables


def _why_removable(folder: Path, result: Result | None, staleness: Staleness) -> str:
    if result is None:
        return "killed before it stored anything" if _stored_nothing(folder) else ""
    if result.state == FAILED:
        return f"failed: {result.reason or ''}"
    why_stale = staleness.why_stale(result)
    return f"stale: {why_stale}" if why_stale else ""


def _stored_nothing(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    return LOCK in names and all(name in (LOCK, SPEC) or name.startswith(TEMPORARY) for name in names)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def remove(runs: Iterable[Removable], removed: Callable[[Removable], None] = lambda run: None) -> None:
    """Remove runs' folders, each under its lock, and call ``removed`` after each.

    Raises:
        LrarunError: a folder can't be removed, or a process has begun to train its run.
        UsageError: a folder is among reference results; none is removed.
    """
    runs = list(runs)
    for folder in dict.fromkeys(run.folder.parent for run in runs):
        refuse_reference(folder)
    for run in runs:
        try:
            with locked(run.folder):
                shutil.rmtree(run.folder)
        except (OSError, Locked) as error:
            raise LrarunError(f"{run.folder}: cannot be removed: {error}") from error
        removed(run)
