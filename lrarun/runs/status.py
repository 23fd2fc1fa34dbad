"""The state of each run in a results folder, and which folders ``lrarun clean`` removes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lrarun.errors import LrarunError
from lrarun.files import TEMPORARY
from lrarun.results import run_folder
from lrarun.results.find_run import differences_of_similar
from lrarun.results.left_out import Damaged, Unreadable, warn_of, warn_of_misplaced
from lrarun.results.read import contents_of
from lrarun.results.readable import shown_settings
from lrarun.results.result import FAILED, FINISHED, INTERRUPTED, RUNNING, Result
from lrarun.results.run_folder import CHECKPOINT, LOCK, LOG, PARAMETERS, PREDICTIONS, RUN, SPEC, refuse_reference
from lrarun.results.timing import Estimates
from lrarun.runs import retraining
from lrarun.runs.lock import Locked, holder, locked
from lrarun.runs.provenance import cpu_model
from lrarun.runs.staleness import Staleness
from lrarun.specs.spec import Spec

NEW, STALE = "new", "stale"
RETRAINED = "training it again (--force) was stopped; lrarun train goes on with that"
RUN_FILES = {SPEC, RUN, LOG, CHECKPOINT, PARAMETERS, PREDICTIONS, LOCK, run_folder.NEW, run_folder.DONE}


@dataclass(frozen=True)
class Status:
    """The state of one run.

    Attributes:
        run_id: its folder's name.
        state: as in ``run.json``, but ``new`` without one, ``running`` only while a living process
            trains it, ``stale`` as :mod:`lrarun.runs.staleness` says, and ``pruned`` if ``lrarun tune`` stopped it.
        epoch, epochs: epochs done, and epochs in all.
        validation_error: percent, of the best epoch so far; None before the first.
        test_error: percent, of a finished run, also while it is trained again.
        seconds: spent in training.
        seconds_left: estimated; 0 if nothing is left, None if unknown.
        where: the process that trains it, in words; empty if none does.
        reason: why it failed, diverged, was interrupted, or is stale; or why nobody can tell whether it is.
        differs: the settings in which it differs from the other runs shown with similar ids.
        settings: those that its id shows: data set, algorithm, depth, width, optimizer, seed.
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
    settings: Mapping[str, str] = field(default_factory=dict)


def statuses(specs: Iterable[Spec] | None, results: Path) -> list[Status]:
    """Return the states of the specs' runs, in their order; without specs, of all runs in the folder.

    Args:
        specs: the runs that are asked for, or None.
        results: the folder that holds the runs' folders.
    """
    found = contents_of(results)
    warn_of(found.damaged, found.misplaced)
    by_id = {result.run_id: result for result in found.results}
    estimates, staleness = Estimates(by_id.values(), cpu_model()), Staleness()
    wanted: dict[str, Mapping[str, Any]]
    if specs is None:
        wanted = {run_id: result.spec for run_id, result in by_id.items()}
    else:
        wanted = {spec.run_id: spec.to_dict() for spec in specs}
    differences = differences_of_similar(wanted)
    rows = [
        replace(
            _status(results / run_id, spec, by_id.get(run_id), estimates, staleness),
            differs=differences[run_id],
            settings=shown_settings(spec),
        )
        for run_id, spec in wanted.items()
    ]
    damages = {folder.name: f"its {RUN} {damage}" for folder, damage in found.damaged.items()}
    return [replace(row, reason=damages[row.run_id]) if row.run_id in damages else row for row in rows]


def _status(
    folder: Path, spec: Mapping[str, Any], result: Result | None, estimates: Estimates, staleness: Staleness
) -> Status:
    where = holder(folder)
    state, reason = _state_and_reason(result, where, staleness)
    if state == FINISHED and retraining.place(folder) != folder:
        reason = "; ".join(filter(None, (RETRAINED, reason)))
    newest = retraining.newest(folder) if where else result
    epoch, epochs = newest.epoch if newest else 0, spec.get("epochs", 0)
    left = epochs - epoch if state in (NEW, RUNNING, INTERRUPTED, FAILED) else 0
    return Status(
        run_id=folder.name,
        state=state,
        epoch=epoch,
        epochs=epochs,
        validation_error=newest.validation_error if newest else None,
        test_error=result.test_error if result and result.finished and state in (FINISHED, RUNNING) else None,
        seconds=(newest.seconds if newest else None) or 0.0,
        seconds_left=_seconds_left(newest, left, spec, estimates),
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
    unsure = staleness.why_unsure(result)
    return result.state, "; ".join(filter(None, (result.reason, unsure)))


def _seconds_left(result: Result | None, epochs: int, spec: Mapping[str, Any], estimates: Estimates) -> float | None:
    if epochs <= 0:
        return 0.0
    if result is not None and result.epoch and result.seconds is not None:  # its own pace, whatever machine it is on
        return epochs * result.seconds / result.epoch
    return estimates.seconds(spec, epochs)


@dataclass(frozen=True)
class Removable:
    """A folder that ``lrarun clean`` removes.

    Attributes:
        folder: the run's folder, or the one in it of a training that --force began.
        reason: why it can go.
        size: bytes of the files in it.
        run_id: the name of the run's folder.
    """

    folder: Path
    reason: str
    size: int
    run_id: str


def removable(specs: Iterable[Spec] | None, results: Path, staleness: Staleness | None = None) -> list[Removable]:
    """Return the runs that failed, are stale or damaged, or were killed before they stored anything.

    Leaves out runs that a process is training, and folders that no run has made. Of a finished run that was to be
    trained again, only that training is removable, if it failed.

    Args:
        specs: only these runs, and stale ones that they replace; None for all in the folder.
        results: the folder that holds the runs' folders.
        staleness: judges whether runs are stale.
    """
    staleness, found = staleness or Staleness(), contents_of(results)
    warn_of_misplaced(found.misplaced)
    by_folder = {result.folder: result for result in found.results}
    wanted = None if specs is None else {spec.run_id for spec in specs}
    removables = []
    for folder in sorted(path for path in results.iterdir() if path.is_dir()) if results.is_dir() else []:
        result = by_folder.get(folder)
        ids = {folder.name, staleness.current_id(result) if result else None}
        place, reason = folder, _why_removable(folder, result, staleness, found.damaged.get(folder))
        if not reason and result is not None:
            place, reason = folder / run_folder.NEW, _why_retraining_is_removable(folder)
        if reason and (wanted is None or wanted & ids) and not holder(folder):
            removables.append(Removable(place, reason, _size(place), folder.name))
    return removables


def unsure(specs: Iterable[Spec] | None, results: Path, staleness: Staleness) -> dict[str, str]:
    """Return the runs of which nobody can tell whether their data have changed, each with the reason.

    Args:
        specs, results, staleness: as for :func:`removable`.
    """
    wanted = None if specs is None else {spec.run_id for spec in specs}
    runs = [run for run in contents_of(results).results if wanted is None or run.run_id in wanted]
    return {run.run_id: why for run in runs if not staleness.why_stale(run) and (why := staleness.why_unsure(run))}


def _why_removable(folder: Path, result: Result | None, staleness: Staleness, damage: Damaged | None) -> str:
    if damage is not None:
        return f"its {RUN} {damage}" if _is_of_a_run(folder) and not isinstance(damage, Unreadable) else ""
    if result is None:
        return _why_without_record(folder)
    if result.state == FAILED:
        return f"failed: {result.reason or ''}"
    why_stale = staleness.why_stale(result)
    return f"stale: {why_stale}" if why_stale else ""


def _why_retraining_is_removable(folder: Path) -> str:
    new = retraining.newest(folder) if retraining.place(folder) != folder else None
    return f"training it again (--force) failed: {new.reason or ''}" if new and new.state == FAILED else ""


def _why_without_record(folder: Path) -> str:
    """Return why a folder without ``run.json`` can go; empty if it may not be a run's."""
    names = _names(folder)
    if LOCK not in names or RUN in names or not _is_of_a_run(folder):
        return ""
    # An empty log is written before run.json is.
    stored = names - {LOCK, SPEC} - ({LOG} if LOG in names and not (folder / LOG).stat().st_size else set())
    return f"its {RUN} is missing" if stored else "killed before it stored anything"


def _is_of_a_run(folder: Path) -> bool:
    """Return whether a folder holds nothing but what runs write."""
    return _names(folder) <= RUN_FILES


def _names(folder: Path) -> set[str]:
    """Return what is in a folder; nothing of one that this process can't read, so that it stays."""
    try:
        return {path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY)}
    except PermissionError:
        return set()


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
            with locked(run.folder if run.folder.name == run.run_id else run.folder.parent):
                shutil.rmtree(run.folder)
        except (OSError, Locked) as error:
            raise LrarunError(f"{run.folder}: cannot be removed: {error}") from error
        removed(run)
