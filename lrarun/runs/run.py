"""A run's folder: spec, log, checkpoint, provenance, and going on where it stopped.

    RESULTS/<run id>/
        spec.yaml              the resolved spec, every default written out
        run.json               state, scores, spec and provenance; of a failed run the traceback
        log.csv                one row per epoch
        checkpoint.npz         while the run is not finished
        parameters.npz         of the epoch with the lowest validation error
        test_predictions.npz   `predicted` and `label`, one uint8 per test image

While it lasts, the checkpoint is the truth: it holds the log's rows too, and the log
is written anew from it when a run goes on, so that a row logged after the last
checkpoint is not kept twice.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lrarun.data.dataset import Dataset
from lrarun.engine.training import Diverged, Training
from lrarun.errors import UsageError
from lrarun.files import TEMPORARY, append, atomic, remove_temporaries, write_atomic
from lrarun.results.read import DIVERGED, FAILED, FINISHED, INTERRUPTED, RUNNING, Result, read_result
from lrarun.runs import checkpoint
from lrarun.runs.checkpoint import CHECKPOINT, Unreadable
from lrarun.runs.events import Hooks
from lrarun.runs.failures import reason_of, traceback_of
from lrarun.runs.lock import LOCK, Locked, locked
from lrarun.runs.provenance import provenance
from lrarun.runs.staleness import rule_changed
from lrarun.specs.spec import NUMBERS_VERSION, Spec

LOG, RUN = "log.csv", "run.json"


class Stopped(Exception):
    """The run was asked to stop and has stored where it was."""


def run(spec: Spec, dataset: Dataset, results: Path, hooks: Hooks | None = None, force: bool = False) -> Result:
    """Trains one run, or goes on with it, and returns what its folder then says.

    A finished run is returned as it is unless ``force``, which starts it anew; so is a
    diverged one, since it would diverge again. Of a data set with another content, or of a
    rule whose file was edited since, a run that is not finished is started anew.

    Args:
        spec: what to train.
        dataset: the data set of that spec.
        results: the folder that holds the run's folder.
        hooks: called as the run goes.
        force: forget what the folder holds.

    Raises:
        Locked: if another process is training it.
        Stopped: if ``hooks.stop`` asked for it; the checkpoint is stored.
        OSError: if the folder cannot be written; what is in it is whole.
    """
    hooks = hooks or Hooks()
    folder = results / spec.run_id
    with locked(folder):
        remove_temporaries(folder)
        before = read_result(folder)
        changed = before is not None and _changed(before, dataset)
        over = (FINISHED,) if changed else (FINISHED, DIVERGED)
        if before is not None and before.state in over and not force:
            (folder / CHECKPOINT).unlink(missing_ok=True)  # of a process killed at its last moment
            return before
        if force or changed:
            _clear(folder)
        return _Session(spec, dataset, folder, hooks).run()


def _changed(before: Result, dataset: Dataset) -> bool:
    return before.record.get("dataset_sha256") != dataset.fingerprint or rule_changed(before)


def tidy(folder: Path) -> None:
    """Removes from a finished run's folder what a process that was killed at its last moment left there."""
    if (folder / CHECKPOINT).exists() or any(folder.glob(f"{TEMPORARY}*")):
        with suppress(OSError, Locked), locked(folder):
            remove_temporaries(folder)
            (folder / CHECKPOINT).unlink(missing_ok=True)


def mark_interrupted(folder: Path, reason: str) -> None:
    """Says in a run's folder that whoever trained it is no more, if it still says that someone does."""
    if not _running(read_result(folder)):
        return
    with suppress(OSError, Locked), locked(folder):
        before = read_result(folder)
        if before is not None and _running(before):
            record = {**before.record, "state": INTERRUPTED, "reason": reason}
            write_atomic(folder / RUN, json.dumps(record, indent=2) + "\n")


def _running(result: Result | None) -> bool:
    return result is not None and result.state == RUNNING


def forget(folder: Path) -> None:
    """Empties a run's folder.

    Raises:
        Locked: if another process is training it.
    """
    with locked(folder):
        _clear(folder)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != LOCK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


class _Session:
    """One process's work on one run, under the folder's lock."""

    def __init__(self, spec: Spec, dataset: Dataset, folder: Path, hooks: Hooks):
        self.spec, self.folder, self.hooks = spec, folder, hooks
        self.dataset = dataset
        self.record = {
            "run_id": folder.name,
            "state": RUNNING,
            "spec": spec.to_dict(),
            "epoch": 0,
            "started": _now(),
            "numbers_version": NUMBERS_VERSION,
            "dataset_sha256": dataset.fingerprint,
            "provenance": provenance(),
        }

    def run(self) -> Result:
        write_atomic(self.folder / "spec.yaml", self.spec.to_yaml())
        try:
            self.training = Training(self.spec, self.dataset)
            self._go_on()
            self._write(RUNNING)
            self.hooks.started(self.training.epoch)
            self._train()
            self._finish()
        except (Stopped, KeyboardInterrupt):
            with suppress(OSError):
                self._write(INTERRUPTED)
            raise
        except Diverged as error:
            self._log(error.record)
            self._write(DIVERGED, reason=str(error))
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
        except (Exception, SystemExit) as error:  # a rule that calls sys.exit has failed, whatever code it gives
            with suppress(OSError):  # on a full disk: it must not hide what went wrong
                self._write(FAILED, reason=reason_of(error, self.spec.algorithm), **_kept(error))
            raise
        return self._result()

    def _result(self) -> Result:
        return Result(self.folder.name, self.folder, str(self.record["state"]), self.spec.to_dict(), self.record)

    def _go_on(self) -> None:
        """Restores the checkpoint, if there is a sound one of this spec, and the log that belongs to it."""
        before = read_result(self.folder)
        if self._restored(before):
            if before is not None and before.record["provenance"] != self.record["provenance"]:
                # The first machine's provenance stays; later ones are listed beside it.
                resumed = [*before.record.get("resumed", []), self.record["provenance"]]
                self.record |= {"provenance": before.record["provenance"], "resumed": resumed}
            if before is not None:
                self.record["started"] = before.record.get("started", self.record["started"])
        rows = self.training.records
        content = "".join(_row(rows[0])) + "".join(_row(row.values()) for row in rows) if rows else ""
        write_atomic(self.folder / LOG, content)

    def _restored(self, before: Result | None) -> bool:
        """Whether a checkpoint has been put back; of one that is lost, the hooks are told."""
        try:
            state = checkpoint.load(self.folder / CHECKPOINT)
            if state is not None:
                self.training.restore(state)
                return True
            if before is not None and before.record.get("epoch"):
                self.hooks.lost(checkpoint.MISSING)
        except Unreadable as error:
            self.hooks.lost(str(error))
        except UsageError as error:
            self.training = Training(self.spec, self.dataset)  # half of it was put back
            self.hooks.lost(f"its checkpoint is not of this run ({error})")
        return False

    def _train(self) -> None:
        training, last = self.training, time.monotonic()

        def pause() -> bool:
            return self.hooks.stop() or time.monotonic() - last > self.hooks.checkpoint_seconds

        while not training.done:
            record = training.advance(pause)
            if record is not None:
                self._log(record)
                self.hooks.epoch(record)
            stop = self.hooks.stop()
            if stop or time.monotonic() - last > self.hooks.checkpoint_seconds:
                checkpoint.save(self.folder / CHECKPOINT, training.state())
                self.hooks.paused(training.epoch, training.batch / training.batches)
                last = time.monotonic()
            if record is not None:
                self._write(RUNNING)
            if stop and not training.done:
                raise Stopped

    def _log(self, record: dict[str, Any]) -> None:
        path = self.folder / LOG
        header = "" if path.stat().st_size else _row(record)
        append(path, header + _row(record.values()))

    def _finish(self) -> None:
        training = self.training
        train = training.evaluate("train", training.best_params)
        test = training.evaluate("test", training.best_params)
        with atomic(self.folder / "test_predictions.npz") as file:
            np.savez_compressed(file, predicted=test.predicted, label=training.dataset.test_labels.astype(np.uint8))
        with atomic(self.folder / "parameters.npz") as file:
            np.savez(
                file,
                **{f"{family}/{l}": a for family, layers in training.best_params.items() for l, a in layers.items()},
            )
        self._write(
            FINISHED,
            train_error=train.error,
            test_error=test.error,
            train_nll=train.nll,
            test_nll=test.nll,
            finished=_now(),
        )
        (self.folder / CHECKPOINT).unlink(missing_ok=True)

    def _write(self, state: str, **more: Any) -> None:
        training = getattr(self, "training", None)
        if training is not None and training.records:
            self.record |= {
                "epoch": training.epoch,
                "best_epoch": training.best_epoch,
                "validation_error": training.best_error,
                "seconds": round(sum(row["seconds"] for row in training.records), 3),
            }
        self.record |= {"state": state, **more}
        # A power failure may cost what is written per epoch: the checkpoint does without it.
        write_atomic(self.folder / RUN, json.dumps(self.record, indent=2) + "\n", durable=state != RUNNING)


def _kept(error: BaseException) -> dict[str, Any]:
    lines = traceback_of(error)
    return {"traceback": lines} if lines else {}


def _row(values: Any) -> str:
    """One CSV row; floats in the shortest form that reads back as the same number."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([repr(float(v)) if isinstance(v, float) else v for v in values])
    return buffer.getvalue()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
