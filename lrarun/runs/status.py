"""How the runs in a results folder stand, and which of them can go."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrarun.errors import LrarunError
from lrarun.files import TEMPORARY
from lrarun.results.read import FAILED, FINISHED, INTERRUPTED, RUNNING, Result, read_results, refuse_reference, telling
from lrarun.results.timing import Estimates
from lrarun.runs.lock import LOCK, Locked, holder, locked
from lrarun.runs.provenance import cpu_model
from lrarun.runs.staleness import Staleness
from lrarun.specs.spec import Spec

NEW, STALE = "new", "stale"


@dataclass(frozen=True)
class Status:
    """How one run stands.

    Attributes:
        run_id: its folder's name.
        state: of ``run.json``; ``new`` if there is none; ``running`` only while a living
            process trains it; ``stale`` if it is what today's version would not make.
        epoch, epochs: epochs done, and in all.
        validation_error: percent, of the best epoch so far; None before the first.
        test_error: percent, of a finished run.
        seconds: spent in training.
        seconds_left: estimated; 0 if nothing is left, None if unknown.
        where: the process that trains it, in words; empty if none does.
        reason: why it failed, diverged, was stopped, or is stale.
        differs: in what it differs from the others shown whose ids read like its own.
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
    """How the runs of the specs stand, in their order; without specs, all runs in the folder.

    Args:
        specs: the runs that are asked for, or None.
        results: the folder that holds the runs' folders.
        data_dir: where data sets are looked for, to see whether they have changed.
    """
    found = read_results(results)
    estimates, staleness = Estimates(found, cpu_model()), Staleness(data_dir)
    if specs is None:
        wanted = {result.run_id: result.spec for result in found}
    else:
        wanted = {spec.run_id: spec.to_dict() for spec in specs}
    by_id, apart = {result.run_id: result for result in found}, telling(wanted)
    return [
        replace(_status(results / run_id, spec, by_id.get(run_id), estimates, staleness), differs=apart[run_id])
        for run_id, spec in wanted.items()
    ]


def _status(
    folder: Path, spec: Mapping[str, Any], result: Result | None, estimates: Estimates, staleness: Staleness
) -> Status:
    record = result.record if result is not None else {}
    where, epoch = holder(folder), record.get("epoch", 0)
    state, reason = _state(result, where, staleness)
    epochs = spec.get("epochs", 0)
    left = epochs - epoch if state in (NEW, RUNNING, INTERRUPTED, FAILED) else 0
    return Status(
        run_id=folder.name,
        state=state,
        epoch=epoch,
        epochs=epochs,
        validation_error=record.get("validation_error"),
        test_error=record.get("test_error") if state == FINISHED else None,
        seconds=record.get("seconds", 0.0),
        seconds_left=_seconds_left(record, left, spec, estimates),
        where=where,
        reason=reason,
    )


def _state(result: Result | None, where: str, staleness: Staleness) -> tuple[str, str]:
    if where:
        return RUNNING, ""
    if result is None:
        return NEW, ""
    stale = staleness.reason(result)
    if stale:
        return STALE, stale
    if result.state == RUNNING:
        return INTERRUPTED, "its process was killed"
    return result.state, result.record.get("reason", "")


def _seconds_left(
    record: Mapping[str, Any], epochs: int, spec: Mapping[str, Any], estimates: Estimates
) -> float | None:
    if epochs <= 0:
        return 0.0
    if record.get("epoch"):  # its own pace, whatever machine it is on
        return epochs * record["seconds"] / record["epoch"]
    return estimates.seconds(spec, epochs)


@dataclass(frozen=True)
class Removable:
    """A run's folder that ``clean`` would remove.

    Attributes:
        folder: where it is.
        reason: why it can go.
        size: of the files in it, bytes.
    """

    folder: Path
    reason: str
    size: int


def removable(specs: Iterable[Spec] | None, results: Path, data_dir: Path | None = None) -> list[Removable]:
    """Runs that failed, that are stale, or that were killed before they stored anything.

    What is being trained is never among them, nor a folder that no run has made.

    Args:
        specs: only these runs, and stale ones that they replace; None for all in the folder.
        results: the folder that holds the runs' folders.
        data_dir: where data sets are looked for, to see whether they have changed.
    """
    staleness = Staleness(data_dir)
    results_in = {result.folder: result for result in read_results(results)}
    wanted = None if specs is None else {spec.run_id for spec in specs}
    found = []
    for folder in sorted(path for path in results.iterdir() if path.is_dir()) if results.is_dir() else []:
        result = results_in.get(folder)
        names = {folder.name, staleness.current_id(result) if result else None}
        reason = _why_removable(folder, result, staleness)
        if reason and (wanted is None or wanted & names) and not holder(folder):
            found.append(Removable(folder, reason, _size(folder)))
    return found


def _why_removable(folder: Path, result: Result | None, staleness: Staleness) -> str:
    if result is None:
        return "killed before it stored anything" if _only_begun(folder) else ""
    if result.state == FAILED:
        return f"failed: {result.record.get('reason', '')}"
    stale = staleness.reason(result)
    return f"stale: {stale}" if stale else ""


def _only_begun(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    return LOCK in names and all(name in (LOCK, "spec.yaml") or name.startswith(TEMPORARY) for name in names)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def remove(runs: Iterable[Removable], removed: Callable[[Removable], None] = lambda run: None) -> None:
    """Removes runs' folders, each under its lock; ``removed`` is told of each.

    Raises:
        LrarunError: one cannot be removed, or is being trained by now.
        UsageError: one is among reference results; none is removed.
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
