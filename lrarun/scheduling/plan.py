"""Which runs are to be trained, why, and how long it may take. Changes nothing."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrarun.errors import LrarunError, UsageError
from lrarun.results.read import (
    DIVERGED,
    FAILED,
    FINISHED,
    INTERRUPTED,
    RUNNING,
    Result,
    read_result,
    read_results,
    refuse_reference,
    telling,
)
from lrarun.results.timing import Estimates, Work
from lrarun.runs import checkpoint
from lrarun.runs.checkpoint import CHECKPOINT, Unreadable
from lrarun.runs.lock import existing_part, is_locked, try_folder
from lrarun.runs.provenance import cpu_model
from lrarun.runs.staleness import Staleness
from lrarun.specs.spec import Spec

TRAIN, RESUME, SKIP, WAIT = "train", "resume", "skip", "wait"
# How a run that is not finished came to its end; one that was left without a word was killed with its process.
ENDINGS = {RUNNING: "was killed", INTERRUPTED: "was interrupted", FAILED: "failed", DIVERGED: "diverged"}
FULL_OR_BROKEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


@dataclass(frozen=True)
class Job:
    """A run and what is to happen with it.

    Attributes:
        spec: the run's spec.
        action: ``train`` it from the start, ``resume`` it, ``skip`` it, or ``wait`` for
            another process that is training it.
        reason: why, in a few words.
        epoch: epochs that are done.
        anew: forget what the run's folder holds.
        seconds: what is left of it, estimated; None if unknown.
        work: what is left of it in :attr:`Work.cost`'s unit.
        differs: in what it differs from runs whose ids read like its own, see :func:`lrarun.results.read.telling`.
    """

    spec: Spec
    action: str
    reason: str
    epoch: int = 0
    anew: bool = False
    seconds: float | None = None
    work: float = 0.0
    differs: str = ""

    @property
    def run_id(self) -> str:
        """The spec's."""
        return self.spec.run_id


def plan(specs: Iterable[Spec], results: Path, force: bool = False, data_dir: Path | None = None) -> list[Job]:
    """What is to happen with each run, in the order given; equal runs once.

    Args:
        specs: the runs that are wanted.
        results: the folder that holds the runs' folders; need not exist.
        force: train finished ones too, from the start.
        data_dir: where data sets are looked for, see :func:`lrarun.data.load.load`.
    """
    found = read_results(results)
    staleness = Staleness(data_dir)
    outdated, estimates = staleness.outdated(found), Estimates(found, cpu_model())
    wanted = {spec.run_id: spec for spec in specs}
    apart = telling({run_id: spec.to_dict() for run_id, spec in wanted.items()})
    jobs = []
    for run_id, spec in wanted.items():
        job = replace(_job(spec, results / run_id, force, staleness), differs=apart[run_id])
        if job.reason == "new" and run_id in outdated:
            old = outdated[run_id]
            job = replace(job, reason=f"stale: {staleness.reason(old)} ({old.run_id})")
        jobs.append(_estimated(job, estimates))
    return jobs


def longest_first(jobs: Iterable[Job]) -> list[Job]:
    """Jobs in the order to begin them, so that no long one is left over at the end."""
    jobs = list(jobs)
    if any(job.seconds is None for job in jobs):
        return sorted(jobs, key=lambda job: -job.work)
    return sorted(jobs, key=lambda job: -(job.seconds or 0.0))


def total_seconds(jobs: Sequence[Job]) -> list[float] | None:
    """The estimates of the jobs that are to be trained; None if one of them is unknown."""
    seconds = [job.seconds for job in jobs if job.action in (TRAIN, RESUME)]
    return None if None in seconds else [second for second in seconds if second is not None]


def _estimated(job: Job, estimates: Estimates) -> Job:
    resolved, left = job.spec.to_dict(), job.spec.epochs - job.epoch
    return replace(job, seconds=estimates.seconds(resolved, left), work=left * Work.of(resolved).cost)


def _job(spec: Spec, folder: Path, force: bool, staleness: Staleness) -> Job:
    result = read_result(folder)
    if is_locked(folder):
        epoch = result.record.get("epoch", 0) if result else 0
        return Job(spec, WAIT, "being trained by another process", epoch)
    if result is None:
        return Job(spec, TRAIN, "new")
    if force:
        return Job(spec, TRAIN, f"was {result.state}, --force", anew=True)
    return _going_on(spec, result, staleness.changed(result))


def _going_on(spec: Spec, result: Result, changed: str | None) -> Job:
    epoch, reason = result.record.get("epoch", 0), result.record.get("reason", "")
    ending = ENDINGS.get(result.state, result.state)
    if changed and result.state != FINISHED:
        return Job(spec, TRAIN, f"{ending}, and is stale: {changed}", anew=True)
    if changed:
        advice = "lrarun clean removes it, then train makes it anew"
        return Job(spec, SKIP, f"finished, but stale: {changed}; {advice}", epoch)
    if result.state in (FINISHED, DIVERGED):
        return Job(spec, SKIP, reason or result.state, epoch)
    cause = f" ({reason})" if reason else ""
    said = f"{ending} {where(epoch, spec.epochs)}{cause}"
    try:
        stored = checkpoint.epoch(result.folder / CHECKPOINT)
    except Unreadable as error:
        return Job(spec, TRAIN, f"starts anew: {error}; {said}")
    if stored is None:
        return Job(spec, TRAIN, f"starts anew: {checkpoint.MISSING}; {said}" if epoch else f"starts again, {said}")
    why = f"{ending}{cause}" if stored == epoch else said
    return Job(spec, RESUME, f"goes on {where(stored, spec.epochs)}, {why}", stored)


def where(epoch: int, epochs: int) -> str:
    """How far a run is, in words: ``after epoch 5/8``."""
    return f"after epoch {epoch}/{epochs}" if epoch else "in its first epoch"


def refuse_unwritable(jobs: Iterable[Job], results: Path) -> None:
    """Raises an error if there is something to train and no run could be stored. Changes nothing.

    Raises:
        UsageError: the results folder is no folder, may not be written, or holds reference results.
        LrarunError: its disk is full or broken.
    """
    if all(job.action == SKIP for job in jobs):
        return
    refuse_reference(results)
    folder = existing_part(results)
    try:
        try_folder(folder)
    except OSError as error:
        kind = LrarunError if error.errno in FULL_OR_BROKEN else UsageError
        raise kind(
            f"{results.absolute()}: runs cannot be stored there ({folder}: {error.strerror or error}). "
            "Mend that, or name another folder with --results or LRARUN_RESULTS"
        ) from error
