"""The progress of training: a live view on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from lrarun.cli.support.global_options import is_verbose
from lrarun.report.wording import plural
from lrarun.scheduling.watcher import Watcher

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from lrarun.scheduling.outcome import Outcome
    from lrarun.scheduling.plan import Job

LINE_SECONDS = 30.0  # between two lines of a run, at most
MILESTONE_SECONDS = 10.0  # and at least, where each tenth of the epochs is a milestone
WAITING_SHOWN = 8  # runs not begun that the live view lists


@dataclass
class Course:
    """A run in training and its progress so far."""

    job: Job
    epoch: int
    part: float = 0.0
    error: float | None = None

    def __post_init__(self) -> None:
        self.first, self.started = self.epoch, time.monotonic()

    @property
    def epochs(self) -> int:
        """Return the epochs that the run is to have."""
        return self.job.spec.epochs

    def seconds_left(self) -> float | None:
        """Estimate the remaining time from the run's own pace, or from the plan while it has none."""
        done = self.epoch + self.part - self.first
        if done <= 0:
            return self.job.seconds
        return (time.monotonic() - self.started) / done * (self.epochs - self.epoch - self.part)

    def __str__(self) -> str:
        error = "" if self.error is None else f", validation error {self.error:.2f} %"
        return f"epoch {self.epoch}/{self.epochs}{error}"


class View(Watcher):
    """What all views keep: the runs in training, the runs to come, and how many are done."""

    def __init__(self) -> None:
        self.courses: dict[str, Course] = {}
        self.to_come: dict[str, Job] = {}
        self.total = self.workers = 0

    def planned(self, jobs: Sequence[Job], workers: int | None) -> None:
        from lrarun.scheduling.plan import SKIP
        from lrarun.scheduling.schedule import longest_first

        self.to_come = {job.run_id: job for job in longest_first(job for job in jobs if job.action != SKIP)}
        self.total, self.workers = len(self.to_come), workers or 0
        skipped = len(jobs) - self.total
        self.say(
            f"{plural(self.total, 'run')} to train"
            + (f", {skipped} done before" if skipped else "")
            + (f"; {processes(workers)}" if self.total and workers and workers > 1 else "")
        )
        for job in jobs:
            if job.action == SKIP and "stale" in job.reason:
                self.say(f"{name(job)}: {job.reason}")

    def checkpoint_lost(self, job: Job, reason: str) -> None:
        self.say(f"{name(job)}: starts anew: {reason}")

    def started(self, job: Job, epoch: int) -> None:
        self.to_come.pop(job.run_id, None)
        self.courses[job.run_id] = Course(job, epoch)

    def epoch_done(self, job: Job, record: Mapping[str, Any]) -> None:
        course = self._course(job)
        course.epoch, course.part, course.error = record["epoch"], 0.0, record["validation_error"]

    def checkpoint_saved(self, job: Job, epoch: int, part: float) -> None:
        course = self._course(job)
        course.epoch, course.part = epoch, part

    def _course(self, job: Job) -> Course:
        if job.run_id not in self.courses:  # from a cluster, the message that it has begun may be lost
            self.started(job, job.epoch)
        return self.courses[job.run_id]

    def waiting(self, jobs: Sequence[Job]) -> None:
        self.say(f"waiting for {plural(len(jobs), 'run')} that other processes are training (Ctrl-C leaves them to it)")

    def ended(self, job: Job, outcome: Outcome) -> None:
        self.courses.pop(job.run_id, None)
        self.to_come.pop(job.run_id, None)
        self.say(f"[{self.done}/{self.total}] {ending(outcome, name(job))}")
        if outcome.traceback and is_verbose():
            self.say("\n".join(outcome.traceback))

    @property
    def done(self) -> int:
        """Return how many runs have ended."""
        return self.total - len(self.courses) - len(self.to_come)

    def say(self, text: str) -> None:
        """Print one line on stderr; a terminal that was closed stops no run."""
        with suppress(OSError):
            click.echo(text, err=True)


class Lines(View):
    """One line per run and milestone."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, tuple[float, int]] = {}  # run -> when its last line was said, and the tenths done then
        self._lost: set[str] = set()

    def checkpoint_lost(self, job: Job, reason: str) -> None:
        super().checkpoint_lost(job, reason)
        self._lost.add(job.run_id)

    def started(self, job: Job, epoch: int) -> None:
        super().started(job, epoch)
        self._said[job.run_id] = (time.monotonic(), 10 * epoch // job.spec.epochs)
        if job.run_id not in self._lost:
            self.say(f"{name(job)}: " + (f"goes on after epoch {epoch}/{job.spec.epochs}" if epoch else job.reason))

    def epoch_done(self, job: Job, record: Mapping[str, Any]) -> None:
        super().epoch_done(job, record)
        course, now = self.courses[job.run_id], time.monotonic()
        last, tenths = self._said[job.run_id]
        milestone = 10 * course.epoch // course.epochs > tenths and now - last > MILESTONE_SECONDS
        if course.epoch < course.epochs and (milestone or now - last > LINE_SECONDS):
            self._said[job.run_id] = (now, 10 * course.epoch // course.epochs)
            self.say(f"{name(job)}: {course}, {left(course)}")


class Live(View):
    """A table of the runs in training at the bottom of the terminal; messages scroll by above it."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live as RichLive

        super().__init__()
        self.console = console
        self._live = RichLive(
            get_renderable=self._table, console=console, refresh_per_second=2, transient=True, redirect_stdout=False
        )

    def __enter__(self) -> Live:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._live.stop()

    def say(self, text: str) -> None:
        """Print one line above the table."""
        with suppress(OSError):
            self.console.print(text, markup=False, highlight=False)

    def _table(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for justify in ("left", "right", "right", "right"):
            table.add_column(no_wrap=True, justify=justify)  # type: ignore[arg-type]
        # Copies, because another thread draws the table.
        courses, to_come = list(self.courses.values()), list(self.to_come.values())
        for course in courses:
            bar = ProgressBar(course.epochs, course.epoch + course.part, width=20)
            error = "" if course.error is None else f"{course.error:.2f} %"
            table.add_row(name(course.job, short=True), bar, f"{course.epoch}/{course.epochs}", error, left(course))
        shown = max(0, min(WAITING_SHOWN, self.console.height - len(courses) - 3))
        for job in to_come[:shown]:
            table.add_row(name(job, short=True), "", f"{job.epoch}/{job.spec.epochs}", "", "to come", style="dim")
        rest = f" ({len(to_come) - shown} more to come)" if len(to_come) > shown else ""
        table.add_row(
            f"{self.done} of {plural(self.total, 'run')} done{rest}", "", "", "", self._left(courses, to_come)
        )
        return table

    def _left(self, courses: list[Course], to_come: list[Job]) -> str:
        from lrarun.results.timing import duration, makespan

        seconds = [*(course.seconds_left() for course in courses), *(job.seconds for job in to_come)]
        known = [second for second in seconds if second is not None]
        if not self.workers or not known or len(known) < len(seconds):
            return ""
        return f"{duration(makespan(known, self.workers))} left in all"


def view(quiet: bool) -> AbstractContextManager[Watcher]:
    """Return the watcher that suits stderr."""
    if quiet:
        return nullcontext(Watcher())
    if not sys.stderr.isatty():
        return nullcontext(Lines())
    from rich.console import Console

    console = Console(stderr=True)
    return nullcontext(Lines()) if console.is_dumb_terminal else Live(console)


def name(job: Job, short: bool = False) -> str:
    """Return a run's id with the settings that tell it from similar ids; if short, these in place of the digest."""
    if not job.differs:
        return job.run_id
    return f"{job.run_id.rpartition('-')[0] if short else job.run_id} ({job.differs})"


def processes(count: int) -> str:
    """Return ``1 process``, ``2 processes``; beyond the number of cores, with a warning that this gains nothing."""
    from lrarun.scheduling.processes import cores

    text, own = "1 process" if count == 1 else f"{count} processes", cores()
    if count <= own:
        return text
    return f"{text} on {plural(own, 'core')}, on which they take turns: --jobs {own} is as fast, in less memory"


def left(course: Course) -> str:
    """Return a run's remaining time in words."""
    from lrarun.results.timing import duration

    seconds = course.seconds_left()
    return "" if seconds is None else f"{duration(seconds)} left"


def epochs_done(outcome: Outcome) -> str:
    """Return how far a run came, in words."""
    from lrarun.scheduling.plan import how_far

    epoch = outcome.result.epoch if outcome.result is not None else 0
    return how_far(epoch, outcome.spec.epochs)


def ending(outcome: Outcome, name: str) -> str:
    """Return one line on how a run ended."""
    if outcome.state == "interrupted":
        return f"{name}: interrupted {epochs_done(outcome)}"
    if outcome.state == "pruned":
        return f"{name}: {outcome.reason}"
    if outcome.state != "finished" or outcome.result is None:
        return f"{name}: {outcome.state}: {outcome.reason}"
    result = outcome.result
    which, error = ("validation", result.validation_error) if result.test_error is None else ("test", result.test_error)
    return (
        f"{name}: finished, {which} error {error:.2f} %, train error {result.train_error:.2f} %"
        f" (epoch {result.best_epoch})"
    )
