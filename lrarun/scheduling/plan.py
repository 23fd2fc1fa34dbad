"""Plan which runs to train, why, and how long that may take. Changes nothing on disk."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrarun.data.load import absolute
from lrarun.errors import LrarunError, UsageError
from lrarun.results.find_run import differences_of_similar
from lrarun.results.left_out import warn_of
from lrarun.results.read import contents_of, is_locked
from lrarun.results.result import DIVERGED, FAILED, FINISHED, INTERRUPTED, PRUNED, Result
from lrarun.results.run_folder import CHECKPOINT, RUN, refuse_reference
from lrarun.results.timing import Estimates, Work
from lrarun.runs import checkpoint, retraining
from lrarun.runs.checkpoint import Unreadable
from lrarun.runs.lock import existing_part, try_folder
from lrarun.runs.provenance import cpu_model
from lrarun.runs.pruning import Limits
from lrarun.runs.staleness import Staleness, refuse_other_data
from lrarun.specs.spec import Spec

TRAIN, RESUME, SKIP, WAIT = "train", "resume", "skip", "wait"
# How a run stopped, by the state it left behind. The reason of a pruned one says that it was pruned.
ENDINGS = {
    INTERRUPTED: "was interrupted",
    PRUNED: "was stopped",
    FAILED: "failed",
    DIVERGED: "diverged",
}
NEW = "new"
FULL_OR_BROKEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


@dataclass(frozen=True)
class Job:
    """A run and what to do with it.

    Attributes:
        spec: the run's spec.
        action: ``train`` it from the start, ``resume`` it, ``skip`` it, or ``wait`` for
            another process that is training it.
        reason: why, in a few words.
        epoch: epochs done.
        anew: train from the first epoch, whatever the run's folder holds.
        seconds: estimate of the time left; None if unknown.
        work: the work left, in the unit of :attr:`lrarun.results.timing.Work.cost`.
        differs: the settings in which it differs from other runs of the plan with similar ids.
        limits: the highest validation error after each epoch with which to go on, percent.
    """

    spec: Spec
    action: str
    reason: str
    epoch: int = 0
    anew: bool = False
    seconds: float | None = None
    work: float = 0.0
    differs: str = ""
    limits: Limits = ()

    @property
    def run_id(self) -> str:
        """The spec's run id."""
        return self.spec.run_id


def plan(specs: Iterable[Spec], results: Path, force: bool = False) -> list[Job]:
    """Return what to do with each run, in the order given; equal runs once.

    Args:
        specs: the runs that are wanted.
        results: the folder that holds the runs' folders; need not exist.
        force: train finished runs too, all from the first epoch.

    Raises:
        UsageError: without ``force``, if a run was trained on other data at another place than its spec's path
            leads to here.
    """
    found = contents_of(results)
    present = {result.run_id: result for result in found.results}
    staleness = Staleness()
    replaced, estimates = staleness.by_new_id(found.results), Estimates(found.results, cpu_model())
    wanted = {spec.run_id: spec for spec in specs}
    others = {folder: damage for folder, damage in found.damaged.items() if folder.name not in wanted}
    warn_of(others, found.misplaced)  # a job's reason says it of those wanted
    _refuse_other_data([present[run_id] for run_id in wanted if run_id in present], results, force, staleness)
    differences = differences_of_similar({run_id: spec.to_dict() for run_id, spec in wanted.items()})
    jobs = []
    for run_id, spec in wanted.items():
        folder = results / run_id
        job = _job(spec, folder, present.get(run_id), force, staleness)
        if folder in found.damaged and job.action != WAIT:
            job = Job(spec, TRAIN, f"starts anew: its {RUN} {found.damaged[folder]}", anew=force)
        if job.reason == NEW and run_id in replaced:
            old = replaced[run_id]
            job = replace(job, reason=f"stale: {staleness.why_stale(old)} ({old.run_id})")
        jobs.append(_with_estimate(replace(job, differs=differences[run_id]), estimates))
    return jobs


def _refuse_other_data(wanted: Sequence[Result], results: Path, force: bool, staleness: Staleness) -> None:
    """Raise a UsageError if runs were trained on other data, at another place than the spec's path leads to here."""
    by_data: dict[tuple[str, str], list[str]] = {}
    for result in wanted:
        if force and not is_locked(result.folder):
            continue
        newest = retraining.newest(result.folder) or result
        other = staleness.of_other_data(newest)
        if other:
            by_data.setdefault((other, absolute(newest.spec["dataset"])), []).append(result.run_id)
    for (other, here), run_ids in by_data.items():
        refuse_other_data(run_ids, other, here, results)


def total_seconds(jobs: Sequence[Job]) -> list[float] | None:
    """Return the estimates of the jobs to train or resume; None if one of them is unknown."""
    seconds = [job.seconds for job in jobs if job.action in (TRAIN, RESUME)]
    return None if None in seconds else [second for second in seconds if second is not None]


def _with_estimate(job: Job, estimates: Estimates) -> Job:
    resolved, left = job.spec.to_dict(), job.spec.epochs - job.epoch
    return replace(job, seconds=estimates.seconds(resolved, left), work=left * Work.of(resolved).cost)


def _job(spec: Spec, folder: Path, result: Result | None, force: bool, staleness: Staleness) -> Job:
    if is_locked(folder):
        return Job(spec, WAIT, "being trained by another process", result.epoch if result else 0)
    if result is None:
        return Job(spec, TRAIN, NEW)
    if force:
        return Job(spec, TRAIN, f"was {result.state}, --force", anew=True)
    if retraining.place(folder) != folder:
        return _job_of_retraining(spec, retraining.newest(folder))
    return _job_with_result(spec, result, staleness.what_changed(result))


def _job_with_result(spec: Spec, result: Result, changed: str | None) -> Job:
    """Return the job of a run that has a result; ``changed`` says what has made it stale."""
    epoch, reason = result.epoch, result.reason or ""
    ending = ENDINGS.get(result.state, result.state)
    if changed and result.state != FINISHED:
        return Job(spec, TRAIN, f"{ending}, and is stale: {changed}", anew=True)
    if changed:
        advice = "lrarun clean removes it, then lrarun train trains it again"
        return Job(spec, SKIP, f"finished, but stale: {changed}; {advice}", epoch)
    if result.state in (FINISHED, DIVERGED):
        return Job(spec, SKIP, reason or result.state, epoch)
    return _job_of_unfinished(spec, result, ending)


def _job_of_retraining(spec: Spec, new: Result | None) -> Job:
    """Return the job that goes on with a training that --force began; ``new`` is what it has left so far."""
    if new is None or new.state in retraining.SETTLED:
        return Job(spec, TRAIN, "trained again, as --force asked for")
    job = _job_of_unfinished(spec, new, ENDINGS.get(new.state, new.state))
    return replace(job, reason=f"trained again, as --force asked for; {job.reason}")


def _job_of_unfinished(spec: Spec, result: Result, ending: str) -> Job:
    """Return the job that resumes a run from its checkpoint, or trains it from the start without a sound one."""
    cause = f" ({result.reason})" if result.reason else ""
    how_it_stopped = f"{ending} {how_far(result.epoch, spec.epochs)}{cause}"
    try:
        stored = checkpoint.epoch(result.folder / CHECKPOINT)
    except Unreadable as error:
        return Job(spec, TRAIN, f"starts anew: {error}; {how_it_stopped}")
    if stored is None and result.epoch:
        return Job(spec, TRAIN, f"starts anew: {checkpoint.MISSING}; {how_it_stopped}")
    if stored is None:
        return Job(spec, TRAIN, f"starts again, {how_it_stopped}")
    why = f"{ending}{cause}" if stored == result.epoch else how_it_stopped
    return Job(spec, RESUME, f"goes on {how_far(stored, spec.epochs)}, {why}", stored)


def how_far(epoch: int, epochs: int) -> str:
    """Return how far a run is, in words: ``after epoch 5/8``."""
    return f"after epoch {epoch}/{epochs}" if epoch else "in its first epoch"


def refuse_unwritable(jobs: Iterable[Job], results: Path) -> None:
    """Raise an error if there is something to train and no run can be stored. Changes nothing.

    Raises:
        UsageError: the results folder is no folder, can't be written, or holds reference results.
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
