"""One process's work on one run: what it writes into the run's folder, and when.

While a run is not finished, its checkpoint is the truth. It holds the log's rows too, and a run that resumes rewrites
its log from them, so that an epoch logged after the last checkpoint does not appear twice.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lrarun.data.dataset import Dataset
from lrarun.engine.training import Diverged, Evaluation, Training
from lrarun.errors import UsageError
from lrarun.files import append, atomic, remove_temporaries, to_json, write_atomic
from lrarun.results.result import DIVERGED, FAILED, FINISHED, INTERRUPTED, PRUNED, RUNNING, Result
from lrarun.results.run_folder import CHECKPOINT, LOG, PARAMETERS, PREDICTIONS, RUN, SPEC
from lrarun.runs import checkpoint, retraining
from lrarun.runs.checkpoint import Unreadable
from lrarun.runs.events import CheckpointLost, CheckpointSaved, EpochDone, Hooks, Started
from lrarun.runs.failures import reason_of, traceback_of
from lrarun.runs.provenance import provenance
from lrarun.runs.pruning import Cut, Limits, cut
from lrarun.specs.run_id import NUMBERS_VERSION
from lrarun.specs.spec import Spec


class Stopped(Exception):
    """The run was asked to stop, and its checkpoint is stored."""


class Pruned(Exception):
    """The run exceeded its limits; its checkpoint is stored. The text says where."""


class Session:
    """One process's work on one run, under the folder's lock.

    :meth:`train` is all of it, with NumPy. Who trains otherwise calls the other methods, each within :meth:`guarded`.

    Args:
        spec: what is trained.
        dataset: the spec's data set.
        folder: the run's folder.
        hooks: how to follow the run and stop it.
        more: further entries of the provenance.
        limits: the highest validation error after each epoch with which to go on, percent.
    """

    training: Training

    def __init__(
        self,
        spec: Spec,
        dataset: Dataset,
        folder: Path,
        hooks: Hooks,
        more: Mapping[str, Any] | None = None,
        limits: Limits = (),
    ):
        self.spec, self.hooks, self.limits = spec, hooks, limits
        self.dataset = dataset if spec.scores == "test" else dataset.without_test()
        self.run_folder, self.folder = folder, retraining.place(folder)
        self.record = {
            "run_id": spec.run_id,
            "state": RUNNING,
            "spec": spec.to_dict(),
            "epoch": 0,
            "started": _now(),
            "numbers_version": NUMBERS_VERSION,
            "dataset_sha256": dataset.fingerprint,
            **({"dataset_path": dataset.path} if dataset.path else {}),
            "provenance": provenance() | dict(more or {}),
        }

    @property
    def state(self) -> str:
        """The run's state, as ``run.json`` has it."""
        return str(self.record["state"])

    def train(self) -> Result:
        """Train the run to its end in this thread, and return its result.

        Raises:
            Stopped: ``hooks.stop`` asked for it; the checkpoint is stored.
            Pruned: it exceeds its limits; the checkpoint is stored.
        """
        with self.guarded():
            self.begin()
            self._train()
            self.finish(*self.training.final_scores())
        return self.settle()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Write into ``run.json`` how the block ends: stopped, pruned, diverged, or failed. A divergence ends here."""
        try:
            yield
        except Pruned as reason:
            self.write(INTERRUPTED, reason=str(reason), **{PRUNED: True})
            raise
        except (Stopped, KeyboardInterrupt):
            with suppress(OSError):
                self.write(INTERRUPTED)
            raise
        except Diverged as error:
            if error.record is not None:
                self.log(error.record)
            self.write(DIVERGED, reason=str(error))
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
        except (Exception, SystemExit) as error:  # a rule that calls sys.exit has failed, whatever its code
            with suppress(OSError):  # a full disk must not hide what went wrong
                self.write(FAILED, reason=reason_of(error, self.spec.algorithm), **_traceback_entry(error))
            raise

    def begin(self) -> None:
        """Write the spec, make the training, and restore its checkpoint if there is a sound one."""
        remove_temporaries(self.folder)
        write_atomic(self.folder / SPEC, self.spec.to_yaml())
        self.training = Training(self.spec, self.dataset)
        self._resume()
        self.write(RUNNING)
        self.hooks.emit(Started(self.training.epoch))

    def settle(self) -> Result:
        """Put a new result in the place of the one that it replaces, and return the run's result."""
        record, folder = self.record, self.run_folder
        result = Result(self.spec.run_id, folder, self.state, self.spec.to_dict(), record)
        retraining.settle(folder)
        kept = retraining.quietly(folder)
        if result.finished or kept is None or not kept.finished:
            return result
        return replace(result, record={**record, "reason": f"{result.reason}; the earlier result stays"})

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
        if behind := self.behind():  # its process died between this epoch and the note of it
            raise Pruned(behind)

        def checkpoint_is_due() -> bool:
            return time.monotonic() - last_save > self.hooks.checkpoint_seconds

        while not training.done:
            record = training.advance(lambda: self.hooks.stop() or checkpoint_is_due())
            if record is not None:
                self.end_epoch(record)
            stop, behind = self.hooks.stop(), self.behind() if record is not None else None
            if stop or behind or checkpoint_is_due():
                self.save()
                last_save = time.monotonic()
            if record is not None:
                self.write(RUNNING)
            if behind:
                raise Pruned(behind)
            if stop and not training.done:
                raise Stopped

    def behind(self) -> Cut | None:
        """Return where the run exceeds its limits; None also after its last epoch, as nothing is left to save."""
        return None if self.training.done else cut(self.training.records, self.limits)

    def end_epoch(self, record: dict[str, Any]) -> None:
        """Log an epoch's record and emit its event."""
        self.log(record)
        self.hooks.emit(EpochDone(record))

    def save(self) -> None:
        """Store a checkpoint and emit its event."""
        self.store()
        self.announce()

    def store(self) -> None:
        """Store a checkpoint; another thread may do that."""
        checkpoint.save(self.folder / CHECKPOINT, self.training.state())

    def announce(self) -> None:
        """Emit the event of a checkpoint that was stored."""
        self.hooks.emit(CheckpointSaved(self.training.epoch, self.training.batch / self.training.batches))

    def log(self, record: dict[str, Any]) -> None:
        """Append an epoch's record to the log."""
        path = self.folder / LOG
        header = "" if path.stat().st_size else _row(record)
        append(path, header + _row(record.values()))

    def finish(self, train: Evaluation, test: Evaluation | None) -> None:
        """Write the final scores and the best parameters: the run is finished."""
        training = self.training
        if test is not None:
            with atomic(self.folder / PREDICTIONS) as file:
                labels = training.dataset.test_labels.astype(np.uint8)
                np.savez_compressed(file, predicted=test.predicted, label=labels)
        with atomic(self.folder / PARAMETERS) as file:
            np.savez(
                file,
                **{f"{family}/{l}": a for family, layers in training.best_params.items() for l, a in layers.items()},
            )
        self.write(
            FINISHED,
            train_error=train.error,
            **({} if test is None else {"test_error": test.error}),
            train_nll=train.nll,
            **({} if test is None else {"test_nll": test.nll}),
            finished=_now(),
        )
        (self.folder / CHECKPOINT).unlink(missing_ok=True)

    def write(self, state: str, **more: Any) -> None:
        """Write ``run.json`` with a state and further entries."""
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
