"""The progress of training: a live view on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Container, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from lrarun.cli.support.global_options import is_verbose
from lrarun.report.wording import plural
from lrarun.scheduling.watcher import Watcher

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from lrarun.scheduling.outcome import Outcome
    from lrarun.scheduling.plan import Job

LINE_SECONDS = 30.0  # between two lines of a run, at most
MILESTONE_SECONDS = 10.0  # and at least, where each tenth of the epochs is a milestone
WAITING_SHOWN = 8  # runs not begun that the live view lists
# Columns of a terminal from which on bars are BAR columns wide, or half that; below, there are none.
WIDE, NARROW, BAR = 100, 72, 20
BESIDE_THE_NAME = 40  # columns for the epoch, the error and the time left, and between


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


class Names:
    """What a plan's runs are called in a table: their ids or, where these are too long, what tells them apart.

    Attributes:
        common: the settings that all of them have, in words.
        short: run id -> the settings that it does not share with all of them, in words.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        from lrarun.results.readable import in_common, in_words, shown_settings

        self._longest = max((len(name(job, short=True)) for job in jobs), default=0)
        settings = {job.run_id: shown_settings(job.spec.to_dict()) for job in jobs}
        common = in_common(list(settings.values())) if len(jobs) > 1 else {}
        self.common = in_words(common)
        self.short = {
            job.run_id: ", ".join(filter(None, (in_words(_without(settings[job.run_id], common)), job.differs)))
            for job in jobs
        }

    def fit(self, width: int) -> bool:
        """Return whether every id fits into a width."""
        return self._longest <= width


def _without(settings: Mapping[str, str], keys: Container[str]) -> dict[str, str]:
    return {key: value for key, value in settings.items() if key not in keys}


class Live(View):
    """A table of the runs in training at the bottom of the terminal; messages scroll by above it."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live as RichLive

        super().__init__()
        self.console, self._names = console, Names([])
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

    def planned(self, jobs: Sequence[Job], workers: int | None) -> None:
        super().planned(jobs, workers)
        self._names = Names(list(self.to_come.values()))

    def _table(self) -> RenderableType:
        """Return the runs in training and to come, below what they have in common, above how many are done."""
        from rich.console import Group
        from rich.text import Text

        # Copies, because another thread draws the table.
        courses, to_come = list(self.courses.values()), list(self.to_come.values())
        shown = max(0, min(WAITING_SHOWN, self.console.height - len(courses) - 6))
        rows: list[Course | Job] = [*courses, *to_come[:shown]]
        whole = self._names.fit(self.console.width - BESIDE_THE_NAME - BAR)
        table = self._heads("run" if whole else "what tells it apart")
        for row in rows:
            self._add(table, row, whole)
        rest = f" ({len(to_come) - shown} more to come)" if len(to_come) > shown else ""
        left = self._left(courses, to_come)
        done = f"{self.done} of {plural(self.total, 'run')} done{rest}{', ' * bool(left)}{left}"
        above = [] if whole or not self._names.common else [Text(f"In common: {self._names.common}", style="dim")]
        return Group(*above, *([table] if rows else []), Text(done))

    @property
    def _bar(self) -> int:
        """Return the width of bars; 0 for none."""
        return BAR if self.console.width >= WIDE else BAR // 2 if self.console.width >= NARROW else 0

    def _heads(self, first: str) -> Table:
        from rich.table import Table

        table = Table(box=None, padding=(0, 1, 0, 0), expand=True, pad_edge=False, header_style="dim")
        table.add_column(first, ratio=1)
        if self._bar:
            table.add_column("progress", width=self._bar)
        for head in ("epoch", "validation\nerror", "time left"):
            table.add_column(head, no_wrap=True, justify="right")
        return table

    def _add(self, table: Table, row: Course | Job, whole: bool) -> None:
        from rich.progress_bar import ProgressBar

        job = row.job if isinstance(row, Course) else row
        text = name(job, short=True) if whole else self._names.short[job.run_id]
        if not isinstance(row, Course):
            bar: list[Any] = [""] if self._bar else []
            table.add_row(text, *bar, f"{job.epoch}/{job.spec.epochs}", "", "to come", style="dim")
            return
        bar = [ProgressBar(row.epochs, row.epoch + row.part, width=self._bar)] if self._bar else []
        error = "" if row.error is None else f"{row.error:.2f} %"
        table.add_row(text, *bar, f"{row.epoch}/{row.epochs}", error, left(row).removesuffix(" left"))

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
