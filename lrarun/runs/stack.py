"""Train many runs as one stack, each in its own folder, under its own lock.

A run that another process trains is left to it; one that fails or diverges ends alone. When the stack is asked to stop,
every run stores where it is, and goes on later in any stack.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lrarun.data.dataset import Dataset
from lrarun.engine.experiment import Experiment
from lrarun.engine.stacked import device
from lrarun.engine.training import Training, refuse_divergence
from lrarun.results.result import DIVERGED, FAILED, FINISHED, INTERRUPTED, PRUNED, Result
from lrarun.runs.events import CHECKPOINT_SECONDS, Busy, Ended, Event, Hooks
from lrarun.runs.failures import reason_of
from lrarun.runs.lock import Locked
from lrarun.runs.pruning import Cut, Limits
from lrarun.runs.run import opened
from lrarun.runs.session import Pruned, Session, Stopped
from lrarun.specs.spec import Spec

SAVING = 0.05  # the part of the time that checkpoints may take, where that means fewer of them
WRITERS = 8  # threads that store checkpoints


class Wanted(NamedTuple):
    """A run to train.

    Attributes:
        spec, dataset: what is trained.
        anew: from its first epoch, whatever its folder holds.
        limits: the highest validation error after each epoch with which to go on, percent.
    """

    spec: Spec
    dataset: Dataset
    anew: bool = False
    limits: Limits = ()


@dataclass
class _Member:
    wanted: Wanted
    number: int
    session: Session | None = None
    lock: ExitStack = field(default_factory=ExitStack)


class StackRun:
    """Runs of one likeness on their way through a stack.

    Args:
        runs: all of one :func:`lrarun.engine.stacked.likeness.likeness`.
        results: the folder that holds the runs' folders.
        emit: called with a run's number and each of its events; the last one is ``Ended`` or ``Busy``.
        stop: asked several times a second; True makes every run store a checkpoint and end.
        checkpoint_seconds: seconds between two checkpoints, at least.
    """

    def __init__(
        self,
        runs: Sequence[Wanted],
        results: Path,
        emit: Callable[[int, Event], None],
        stop: Callable[[], bool] = lambda: False,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ):
        self.results, self.emit, self.stop = results, emit, stop
        self.checkpoint_seconds = checkpoint_seconds
        self._members = [_Member(run, number) for number, run in enumerate(runs)]
        self._in_stack: list[_Member] = []  # by their number in the stack
        self._next_save = 0.0
        self.outcomes: dict[int, Result] = {}
        self.errors: dict[int, BaseException] = {}

    def train(self) -> None:
        """Train all runs to their ends, or until ``stop()``; every run has had its last event then."""
        try:
            self._train()
        except BaseException as error:
            # An error of the stack itself, such as too little memory on the device, ends all that are in it.
            for member in self._members:
                if member.session is not None:
                    self._attempt(member, _raise, error)
            if not isinstance(error, Exception):
                raise
        finally:
            for member in self._members:
                member.lock.close()

    def _train(self) -> None:
        provenance = {"stack": {**device.description(), "networks": len(self._members)}}
        for member in self._members:
            self._open(member, provenance)
        self._in_stack = [member for member in self._members if member.session is not None]
        if not self._in_stack:
            return
        from lrarun.engine.stacked.stack import Stack

        stack = Stack([_training(member) for member in self._in_stack])
        self._finish(stack, [i for i, member in enumerate(self._in_stack) if _training(member).done])
        self._next_save = time.monotonic() + self.checkpoint_seconds
        while stack.unfinished:
            records = stack.advance(lambda: self.stop() or self._save_is_due())
            self._end_epochs(stack, records)
            stop = self.stop()
            if stop or self._save_is_due():
                self._save(stack)
            if stop:
                for i in stack.unfinished:
                    self._attempt(self._in_stack[i], _raise, Stopped())
                return

    def _open(self, member: _Member, provenance: Mapping[str, Any]) -> None:
        """Lock a run and restore it, unless another process trains it or there is nothing to train."""
        spec, dataset, anew, limits = member.wanted
        hooks = Hooks(emit=lambda event: self.emit(member.number, event), stop=self.stop)
        try:
            found = member.lock.enter_context(opened(spec, dataset, self.results, hooks, anew, provenance, limits))
        except Locked as error:
            self.errors[member.number] = error
            self._end(member, Busy())
        except (Exception, SystemExit) as error:  # one run must not stop the others
            self.errors[member.number] = error
            self._end(member, Ended(FAILED, reason_of(error, spec.algorithm)))
        else:
            if isinstance(found, Result):
                self.outcomes[member.number] = found
                self._end(member, Ended(found.state, found.reason or ""))
            else:
                member.session = found
                self._attempt(member, self._begin, found)

    @staticmethod
    def _begin(session: Session) -> None:
        session.begin()
        if behind := session.behind():  # its process died between this epoch and the note of it
            raise Pruned(behind)

    def _attempt(self, member: _Member, act: Callable[..., None], *arguments: Any) -> None:
        """Do something for one run, and end that run if it fails, diverges or stops in it."""
        session = member.session
        assert session is not None
        try:
            with session.guarded():
                act(*arguments)
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            self.errors[member.number] = error
            self._end(member, _end_by(error, member.wanted.spec))
        else:
            if session.state in (DIVERGED, FINISHED):
                result = self.outcomes[member.number] = session.settle()
                self._end(member, Ended(result.state, result.reason or ""))

    def _end(self, member: _Member, event: Ended | Busy) -> None:
        member.session = None
        member.lock.close()
        self.emit(member.number, event)

    def _end_epochs(self, stack: Any, records: Mapping[int, dict[str, Any]]) -> None:
        for i, record in records.items():
            self._attempt(self._in_stack[i], self._end_epoch, self._in_stack[i], record)
        self._prune(stack, [self._in_stack[i] for i in records])
        self._finish(stack, [i for i in records if self._in_stack[i].session and _training(self._in_stack[i]).done])
        for i in records:
            if self._in_stack[i].session is None:
                stack.drop(i)

    @staticmethod
    def _end_epoch(member: _Member, record: dict[str, Any]) -> None:
        assert member.session is not None
        refuse_divergence(record)
        member.session.end_epoch(record)
        member.session.write(member.session.state)

    def _prune(self, stack: Any, members: Sequence[_Member]) -> None:
        """Store and end the runs that exceed their limits."""
        behind = {member.number: cut for member in members if member.session and (cut := member.session.behind())}
        if behind:
            stack.download()
        for member in members:
            if cut := behind.get(member.number):
                self._attempt(member, self._store_pruned, member, cut)

    @staticmethod
    def _store_pruned(member: _Member, cut: Cut) -> None:
        assert member.session is not None
        member.session.save()
        raise Pruned(cut)

    def _finish(self, stack: Any, done: Sequence[int]) -> None:
        """Score and end the runs whose epochs are done."""
        for i, scores in stack.final_scores(done).items() if done else ():
            member = self._in_stack[i]
            self._attempt(member, self._write_scores, member, scores)

    @staticmethod
    def _write_scores(member: _Member, scores: tuple[Any, Any]) -> None:
        assert member.session is not None
        member.session.finish(*member.session.training.finite(*scores))

    def _save_is_due(self) -> bool:
        return time.monotonic() > self._next_save

    def _save(self, stack: Any) -> None:
        started = time.monotonic()
        stack.download()
        left = [self._in_stack[i] for i in stack.unfinished]
        with ThreadPoolExecutor(WRITERS) as pool:
            errors = list(pool.map(_error_in_saving, left))
        for i, member, error in zip(stack.unfinished, left, errors):
            if error is not None:
                self._attempt(member, _raise, error)
                stack.drop(i)
            elif member.session is not None:
                member.session.announce()
        ended = time.monotonic()
        self._next_save = ended + max(self.checkpoint_seconds, (ended - started) / SAVING)


def _training(member: _Member) -> Training:
    assert member.session is not None
    return member.session.training


def _error_in_saving(member: _Member) -> Exception | None:
    assert member.session is not None
    try:
        member.session.store()
    except Exception as error:
        return error
    return None


def _end_by(error: BaseException, spec: Spec) -> Ended:
    if isinstance(error, Pruned):
        return Ended(PRUNED, str(error))
    if isinstance(error, Stopped):
        return Ended(INTERRUPTED, "stopped")
    if isinstance(error, KeyboardInterrupt):
        return Ended(INTERRUPTED, "ended without a checkpoint of its last seconds")
    return Ended(FAILED, reason_of(error, spec.algorithm))


def _raise(error: BaseException) -> None:
    raise error


def refuse_unknown(spec: Experiment) -> None:
    """Refuse a run that the engine jax can't train, or not here.

    Raises:
        UsageError: JAX is not installed, or the run has probes, or a setting or a rule that only NumPy's engine knows.
    """
    device.require_jax()
    from lrarun.engine.stacked import likeness

    likeness.refuse_unknown(spec)


def likeness(spec: Experiment, dataset: Dataset) -> Hashable:
    """Return a value that is equal for runs that can be trained as one stack."""
    from lrarun.engine.stacked import likeness

    return likeness.likeness(spec, dataset)


def most_in_a_stack(wanted: Wanted) -> int:
    """Return how many networks like a run's the device's memory holds."""
    from lrarun.engine.stacked.stack import networks_that_fit

    return networks_that_fit(Training(wanted.spec, wanted.dataset))


def run_alone(spec: Spec, dataset: Dataset, results: Path, hooks: Hooks, force: bool, limits: Limits = ()) -> Result:
    """Train one run as a stack of one; arguments and errors as for :func:`lrarun.runs.run.run`."""

    def emit(_: int, event: Event) -> None:
        if not isinstance(event, Ended | Busy):
            hooks.emit(event)

    refuse_unknown(spec)
    stack = StackRun([Wanted(spec, dataset, force, limits)], results, emit, hooks.stop, hooks.checkpoint_seconds)
    stack.train()
    if stack.outcomes:
        return stack.outcomes[0]
    raise stack.errors[0]
