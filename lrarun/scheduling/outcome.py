"""How the runs of a schedule ended, and the error that names those that did not finish."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from lrarun.errors import RunsFailed
from lrarun.results import run_folder
from lrarun.results.result import DIVERGED, FAILED, FINISHED, Result
from lrarun.specs.spec import Spec

KILLED = "killed"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        spec: the run's spec.
        state: ``finished``, ``diverged``, ``failed``, ``interrupted`` or ``killed`` (its
            process died; what it had stored stays, and the run can resume).
        reason: why, if it is not finished.
        result: what its folder holds, or None if that can't be read.
        skipped: there was nothing to train.
    """

    spec: Spec
    state: str
    reason: str = ""
    result: Result | None = None
    skipped: bool = False

    @property
    def run_id(self) -> str:
        """The spec's run id."""
        return self.spec.run_id

    @property
    def traceback(self) -> Sequence[str]:
        """The lines of the traceback of a run that failed in a rule's code; else none."""
        return self.result.traceback if self.result is not None and self.state == FAILED else ()

    @property
    def has_checkpoint(self) -> bool:
        """Whether the run can resume from a checkpoint."""
        return self.result is not None and (self.result.folder / run_folder.CHECKPOINT).exists()


def raise_for_failures(outcomes: Sequence[Outcome], told: bool = False) -> None:
    """Raise an error if a run did not finish.

    Args:
        outcomes: how the runs ended.
        told: the user has seen each run's reason when it ended, and need not read it twice.

    Raises:
        RunsFailed: it names each run that is not finished, with the reason if that was not told.
    """
    bad = [outcome for outcome in outcomes if outcome.state != FINISHED]
    if not bad:
        return
    lines = [f"  {outcome.run_id}: {_how(outcome, told)}" for outcome in bad]
    traced = next((outcome.result for outcome in bad if outcome.traceback), None)
    if traced is not None:
        lines.append(f"Where in the code it was: {shlex.join(['lrarun', 'show', str(traced.folder), '-v'])}")
    retried = [outcome for outcome in bad if outcome.state != DIVERGED]
    if retried:
        lines.append(f"The same command tries again what failed or was killed, {_from_where(retried)}.")
    raise RunsFailed("\n".join([f"{len(bad)} of {len(outcomes)} runs did not finish:", *lines]))


def _how(outcome: Outcome, told: bool) -> str:
    if told and not outcome.skipped:  # a skipped run ended another time
        return f"{outcome.state}, as said above"
    return f"{outcome.state}: {outcome.reason}"


def _from_where(outcomes: Sequence[Outcome]) -> str:
    count = sum(outcome.has_checkpoint for outcome in outcomes)
    if not count:
        return "from the start: no checkpoint was stored"
    return "from the last checkpoint" if count == len(outcomes) else "from the last checkpoint, if there is one"
