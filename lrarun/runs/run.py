"""Train one run in its folder, or resume it from its checkpoint.

:mod:`lrarun.results.run_folder` lists the folder's files. While a run is not finished, its
checkpoint is the truth. It holds the log's rows too, and a run that resumes rewrites its
log from them, so that an epoch logged after the last checkpoint does not appear twice.
"""

from __future__ import annotations

import csv
import io
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lrarun.data.dataset import Dataset
from lrarun.engine.training import Diverged, Training
from lrarun.errors import UsageError
from lrarun.files import TEMPORARY, append, atomic, remove_temporaries, to_json, write_atomic
from lrarun.results.read import DIVERGED, FAILED, FINISHED, INTERRUPTED, RUNNING, Result
from lrarun.results.run_folder import CHECKPOINT, DONE, LOG, NEW, PARAMETERS, PREDICTIONS, RUN, SPEC
from lrarun.runs import checkpoint, retraining
from lrarun.runs.checkpoint import Unreadable
from lrarun.runs.events import CheckpointLost, CheckpointSaved, EpochDone, Hooks, Started
from lrarun.runs.failures import reason_of, traceback_of
from lrarun.runs.lock import Locked, locked
from lrarun.runs.provenance import provenance
from lrarun.runs.pruning import PRUNED, Cut, Limits, cut
from lrarun.runs.staleness import of_other_data, refuse_other_data, rule_changed
from lrarun.specs.run_id import NUMBERS_VERSION
from lrarun.specs.spec import Spec


class Stopped(Exception):
    """The run was asked to stop, and its checkpoint is stored."""


class Pruned(Exception):
    """The run exceeded its limits; its checkpoint is stored. The text says where."""


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
    hooks = hooks or Hooks()
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
            return before
        if changed:
            retraining.begin(folder)
        return _train_and_settle(spec, dataset, folder, hooks, limits)


def _train_and_settle(spec: Spec, dataset: Dataset, folder: Path, hooks: Hooks, limits: Limits) -> Result:
    place = retraining.place(folder)
    remove_temporaries(place)
    result = replace(_Session(spec, dataset, place, hooks, limits).run(), folder=folder)
    retraining.settle(folder)
    kept = retraining.quietly(folder)
    if result.finished or kept is None or not kept.finished:
        return result
    return replace(result, record={**result.record, "reason": f"{result.reason}; the earlier result stays"})


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
    return result is not None and result.state == RUNNING


class _Session:
    """One process's work on one run, under the folder's lock."""

    def __init__(self, spec: Spec, dataset: Dataset, folder: Path, hooks: Hooks, limits: Limits):
        self.spec, self.folder, self.hooks, self.limits = spec, folder, hooks, limits
        self.dataset = dataset if spec.scores == "test" else dataset.without_test()
        self.record = {
            "run_id": spec.run_id,
            "state": RUNNING,
            "spec": spec.to_dict(),
            "epoch": 0,
            "started": _now(),
            "numbers_version": NUMBERS_VERSION,
            "dataset_sha256": dataset.fingerprint,
            **({"dataset_path": dataset.path} if dataset.path else {}),
            "provenance": provenance(),
        }

    def run(self) -> Result:
        write_atomic(self.folder / SPEC, self.spec.to_yaml())
        try:
            self.training = Training(self.spec, self.dataset)
            self._resume()
            self._write(RUNNING)
            self.hooks.emit(Started(self.training.epoch))
            self._train()
            self._finish()
        except Pruned as reason:
            self._write(INTERRUPTED, reason=str(reason), **{PRUNED: True})
            raise
        except (Stopped, KeyboardInterrupt):
            with suppress(OSError):
                self._write(INTERRUPTED)
            raise
        except Diverged as error:
            if error.record is not None:
                self._log(error.record)
            self._write(DIVERGED, reason=str(error))
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
        except (Exception, SystemExit) as error:  # a rule that calls sys.exit has failed, whatever its code
            with suppress(OSError):  # a full disk must not hide what went wrong
                self._write(FAILED, reason=reason_of(error, self.spec.algorithm), **_traceback_entry(error))
            raise
        return self._result()

    def _result(self) -> Result:
        return Result(self.spec.run_id, self.folder, str(self.record["state"]), self.spec.to_dict(), self.record)

    def _resume(self) -> None:
        """Restore the checkpoint, if there is a sound one of this spec, and rewrite the log from it."""
        before = retraining.quietly(self.folder)
        if self._restore_checkpoint(before) and before is not None:
            if before.provenance != self.record["provenance"]:
                # The first process's provenance stays; later ones are listed beside it.
                resumed = [*before.resumed, self.record["provenance"]]
                self.record |= {"provenance": before.provenance, "resumed": resumed}
            self.record["started"] = before.started_at or self.record["started"]
        rows = self.training.records
        content = "".join(_row(rows[0])) + "".join(_row(row.values()) for row in rows) if rows else ""
        write_atomic(self.folder / LOG, content)

    def _restore_checkpoint(self, before: Result | None) -> bool:
        """Restore the checkpoint and return whether that worked; emit an event if one is lost."""
        try:
            state = checkpoint.load(self.folder / CHECKPOINT)
            if state is not None:
                self.training.restore(state)
                return True
            if before is not None and before.epoch:
                self.hooks.emit(CheckpointLost(checkpoint.MISSING))
        except Unreadable as error:
            self.hooks.emit(CheckpointLost(str(error)))
        except UsageError as error:
            self.training = Training(self.spec, self.dataset)  # the old one is half restored
            self.hooks.emit(CheckpointLost(f"its checkpoint is not of this run ({error})"))
        return False

    def _train(self) -> None:
        training, last_save = self.training, time.monotonic()
        if behind := self._cut():  # its process died between this epoch and the note of it
            raise Pruned(behind)

        def checkpoint_is_due() -> bool:
            return time.monotonic() - last_save > self.hooks.checkpoint_seconds

        while not training.done:
            record = training.advance(lambda: self.hooks.stop() or checkpoint_is_due())
            if record is not None:
                self._log(record)
                self.hooks.emit(EpochDone(record))
            stop, behind = self.hooks.stop(), self._cut() if record is not None else None
            if stop or behind or checkpoint_is_due():
                checkpoint.save(self.folder / CHECKPOINT, training.state())
                self.hooks.emit(CheckpointSaved(training.epoch, training.batch / training.batches))
                last_save = time.monotonic()
            if record is not None:
                self._write(RUNNING)
            if behind:
                raise Pruned(behind)
            if stop and not training.done:
                raise Stopped

    def _cut(self) -> Cut | None:
        """Return where the run exceeds its limits; None also after its last epoch, as nothing is left to save."""
        return None if self.training.done else cut(self.training.records, self.limits)

    def _log(self, record: dict[str, Any]) -> None:
        path = self.folder / LOG
        header = "" if path.stat().st_size else _row(record)
        append(path, header + _row(record.values()))

    def _finish(self) -> None:
        training = self.training
        train, test = training.final_scores()
        if test is not None:
            with atomic(self.folder / PREDICTIONS) as file:
                labels = training.dataset.test_labels.astype(np.uint8)
                np.savez_compressed(file, predicted=test.predicted, label=labels)
        with atomic(self.folder / PARAMETERS) as file:
            np.savez(
                file,
                **{f"{family}/{l}": a for family, layers in training.best_params.items() for l, a in layers.items()},
            )
        self._write(
            FINISHED,
            train_error=train.error,
            **({} if test is None else {"test_error": test.error}),
            train_nll=train.nll,
            **({} if test is None else {"test_nll": test.nll}),
            finished=_now(),
        )
        (self.folder / CHECKPOINT).unlink(missing_ok=True)

    def _write(self, state: str, **more: Any) -> None:
        training = getattr(self, "training", None)
        if training is not None and training.records:
            seconds = round(sum(row["seconds"] for row in training.records), 3)
            self.record |= {"epoch": training.epoch, "seconds": seconds}
            if training.best_epoch:  # none where the first epoch diverged
                self.record |= {"best_epoch": training.best_epoch, "validation_error": training.best_error}
        self.record |= {"state": state, **more}
        # Not durable while running: a run resumes from its checkpoint, whatever a power failure does to this file.
        write_atomic(self.folder / RUN, to_json(self.record) + "\n", durable=state != RUNNING)


def _traceback_entry(error: BaseException) -> dict[str, Any]:
    lines = traceback_of(error)
    return {"traceback": lines} if lines else {}


def _row(values: Any) -> str:
    """Return a CSV row, with floats in the shortest form that reads back as the same number."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([repr(float(v)) if isinstance(v, float) else v for v in values])
    return buffer.getvalue()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
