"""Many runs: which are to be trained, and training them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrarun import datasets, runs
from lrarun.errors import RunsFailed
from lrarun.results import DIVERGED, FINISHED, read_result
from lrarun.spec import Spec

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A run and what is to happen with it.

    Attributes:
        spec: the run's spec.
        action: ``"train"``, ``"resume"`` or ``"skip"``.
        reason: why, in a few words.
    """

    spec: Spec
    action: str
    reason: str


def plan(specs: list[Spec], results: Path, force: bool = False) -> list[Job]:
    """What would happen with each run, in the order given."""
    return [_job(spec, results / spec.run_id, force) for spec in specs]


def _job(spec: Spec, folder: Path, force: bool) -> Job:
    result = read_result(folder)
    if result is None:
        return Job(spec, "train", "new")
    if force:
        return Job(spec, "train", f"was {result.state}, --force")
    if result.state == FINISHED:
        return Job(spec, "skip", "finished")
    if result.state == DIVERGED:
        return Job(spec, "skip", result.record.get("reason", "diverged"))
    epoch = result.record.get("epoch", 0)
    return Job(spec, "resume", f"was {result.state} after epoch {epoch} of {spec.epochs}")


def train_here(jobs: list[Job], results: Path, *, data_dir: Path | None, force: bool, say: Say) -> None:
    """Trains jobs one after another in this process.

    Raises:
        RunsFailed: at the end, naming each run that failed or diverged.
    """
    loaded: dict[str, Any] = {}
    bad: list[str] = []
    for number, job in enumerate(jobs, 1):
        name = job.spec.dataset
        if job.action != "skip" and name not in loaded:
            loaded[name] = datasets.load(name, data_dir)
        say(f"[{number}/{len(jobs)}] {job.spec.run_id}: {job.reason}")
        result = read_result(results / job.spec.run_id)
        if job.action != "skip":
            hooks = runs.Hooks(epoch=lambda record: say(_epoch_line(job.spec, record)))
            try:
                result = runs.run(job.spec, loaded[name], results, hooks, force)
            except Exception as error:  # one run must not stop the others
                bad.append(f"{job.spec.run_id}: {error}")
                continue
        if result is not None and result.state == DIVERGED:
            bad.append(f"{job.spec.run_id}: {result.record['reason']}")
        elif result is not None and result.finished:
            record = result.record
            say(
                f"  finished: test error {record['test_error']:.2f} %, train error {record['train_error']:.2f} %"
                f" (epoch {record['best_epoch']})"
            )
    if bad:
        raise RunsFailed("these runs did not finish:\n" + "\n".join(f"  {line}" for line in bad))


def _epoch_line(spec: Spec, record: dict[str, Any]) -> str:
    return (
        f"  epoch {record['epoch']:3d}/{spec.epochs}  train NLL {record['train_nll']:.4f}"
        f"  validation NLL {record['validation_nll']:.4f}  error {record['validation_error']:5.2f} %"
        f"  {record['seconds']:.1f} s"
    )
