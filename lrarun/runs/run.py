"""Train one run in its folder, or resume it from its checkpoint.

:mod:`lrarun.results.run_folder` lists the folder's files; :mod:`lrarun.runs.session` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lrarun.data.dataset import Dataset
from lrarun.files import TEMPORARY, remove_temporaries, to_json, write_atomic
from lrarun.results.result import DIVERGED, FINISHED, INTERRUPTED, RUNNING, Result
from lrarun.results.run_folder import CHECKPOINT, DONE, NEW, RUN
from lrarun.runs import retraining
from lrarun.runs.events import CheckpointLost, Hooks
from lrarun.runs.lock import Locked, locked
from lrarun.runs.pruning import Limits
from lrarun.runs.session import Pruned, Session, Stopped
from lrarun.runs.staleness import of_other_data, refuse_other_data, rule_changed
from lrarun.specs.spec import NUMPY, Spec

__all__ = ["Pruned", "Stopped", "begin_anew", "mark_interrupted", "opened", "remove_leftovers", "run"]


def run(
    spec: Spec,
    dataset: Dataset,
    results: Path,
    hooks: Hooks | None = None,
    force: bool = False,
    limits: Limits = (),
) -> Result:
    """Train one run, or resume it, and return its result.

    A finished run is returned as it is; so is a diverged one, which would diverge again.
    A run that is not finished starts again from its first epoch if its data set's content or its
    rule's file has changed. With ``force``, a finished result stays until the new one is finished; a training
    that was stopped before that goes on with the next call.

    Args:
        spec: what to train.
        dataset: the spec's data set.
        results: the folder that holds the runs' folders.
        hooks: how to follow the run and stop it.
        force: train from the first epoch, whatever the run's folder holds.
        limits: the highest validation error after each epoch with which to go on, percent.

    Raises:
        Locked: another process is training it.
        Stopped: ``hooks.stop`` asked for it; the checkpoint is stored.
        Pruned: it exceeds its limits; the checkpoint is stored.
        LrarunError: ``run.json`` can't be read.
        UsageError: without ``force``, if the run was trained on other data at another place.
        OSError: the folder can't be written; every file in it is whole.
    """
    if spec.engine != NUMPY:
        from lrarun.runs.stack import run_alone  # JAX is an extra

        return run_alone(spec, dataset, results, hooks or Hooks(), force, limits)
    with opened(spec, dataset, results, hooks or Hooks(), force, limits=limits) as found:
        return found if isinstance(found, Result) else found.train()


@contextmanager
def opened(
    spec: Spec,
    dataset: Dataset,
    results: Path,
    hooks: Hooks,
    force: bool,
    more: Mapping[str, Any] | None = None,
    limits: Limits = (),
) -> Iterator[Result | Session]:
    """Hold a run's lock, and yield the result that stands or a session that is to train the run.

    Args:
        spec, dataset, results, hooks, force, limits: as for :func:`run`.
        more: further entries of the provenance.

    Raises:
        Locked, LrarunError, UsageError, OSError: as for :func:`run`.
    """
    folder = results / spec.run_id
    with locked(folder):
        remove_temporaries(folder)
        damaged = retraining.is_damaged(folder)
        if force or damaged:
            retraining.begin(folder)
        if damaged and not force:
            hooks.emit(CheckpointLost(f"its {RUN} is damaged"))
        retraining.settle(folder)
        before = retraining.newest(folder)
        if not force:
            _refuse_other_data(before or retraining.quietly(folder), dataset, results)
        changed = before is not None and _trained_on_something_else(before, dataset)
        final = (FINISHED,) if changed else (FINISHED, DIVERGED)
        if before is not None and before.state in final:
            (folder / CHECKPOINT).unlink(missing_ok=True)  # left by a process that was killed at the very end
            yield before
            return
        if changed:
            retraining.begin(folder)
        yield Session(spec, dataset, folder, hooks, more, limits)


def begin_anew(folder: Path) -> None:
    """Let the next training of a run start from its first epoch; a finished result stays until then.

    Raises:
        Locked: another process is training the run.
    """
    with locked(folder):
        retraining.begin(folder)


def _refuse_other_data(before: Result | None, dataset: Dataset, results: Path) -> None:
    other = of_other_data(before, dataset.path, dataset.fingerprint) if before and dataset.path else ""
    if before and other:
        refuse_other_data([before.run_id], other, str(dataset.path), results)


def _trained_on_something_else(before: Result, dataset: Dataset) -> bool:
    return before.dataset_sha256 != dataset.fingerprint or rule_changed(before)


def remove_leftovers(folder: Path) -> None:
    """Tidy a finished run's folder after a process that was killed at the very end."""
    if (
        (folder / CHECKPOINT).exists()
        or any(folder.glob(f"{TEMPORARY}*"))
        or any((folder / name).exists() for name in (NEW, DONE))
    ):
        with suppress(OSError, Locked), locked(folder):
            remove_temporaries(folder)
            retraining.settle(folder)
            (folder / CHECKPOINT).unlink(missing_ok=True)


def mark_interrupted(folder: Path, reason: str) -> None:
    """Mark a run interrupted if it claims to be running and no process holds its lock."""
    if not _claims_to_run(retraining.newest(folder)):
        return
    with suppress(OSError, Locked), locked(folder):
        before = retraining.newest(folder)
        if before is not None and _claims_to_run(before):
            record = {**before.record, "state": INTERRUPTED, "reason": reason}
            write_atomic(before.folder / RUN, to_json(record) + "\n")


def _claims_to_run(result: Result | None) -> bool:
    return result is not None and result.record["state"] == RUNNING
