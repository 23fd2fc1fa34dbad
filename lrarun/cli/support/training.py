"""What ``lrarun train`` and ``lrarun tune`` share: the options that say how runs are trained, and the training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lrarun.cli import INTERRUPTED
from lrarun.cli.support.global_options import tell
from lrarun.cli.support.options import (
    WholeNumber,
    check_data_dir,
    jobs_option,
    make_data_dir_option,
    own_results_option,
    scheduler_option,
    set_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lrarun.scheduling.outcome import Outcome
    from lrarun.scheduling.plan import Job
    from lrarun.specs.spec import Spec

F = TypeVar("F", bound=Callable[..., Any])

ENGINE = click.option(
    "--engine",
    type=click.Choice(["numpy", "jax"]),
    help="What computes: NumPy, run by run, or JAX, all runs at once on its device, as --set engine=jax would.",
)
STACK = click.option(
    "--stack",
    type=WholeNumber(min=1),
    metavar="N",
    help="With the engine jax, train at most so many runs at once.  [default: what the device's memory holds]",
)


def training_options(function: F) -> F:
    """Add the options of a command that trains: where runs and data are, what is changed in a spec, what computes."""
    for option in (
        STACK,
        ENGINE,
        scheduler_option,
        jobs_option,
        set_option,
        make_data_dir_option("Folder to search first for data sets."),
        own_results_option,
    ):
        function = option(function)
    return function


def with_engine(overrides: tuple[str, ...], engine: str | None) -> tuple[str, ...]:
    """Return what replaces a spec's values, with what ``--engine`` says."""
    return (*overrides, f"engine={engine}") if engine else overrides


@dataclass(frozen=True)
class Training:
    """How a command trains its runs, as its options say.

    Raises:
        UsageError: options exclude each other.
        BadParameter: there is no data folder of that name.
    """

    results: Path
    data_dir: Path | None
    workers: int | None
    scheduler: str | None
    stack: int | None
    quiet: bool

    def __post_init__(self) -> None:
        if self.scheduler and self.workers:
            raise click.UsageError("--jobs is for this machine; with --scheduler, the cluster's workers train.")
        if self.is_here:
            check_data_dir(self.data_dir)

    @property
    def is_here(self) -> bool:
        """Whether this machine trains. A cluster's workers may have data sets and folders that it lacks."""
        return not self.scheduler

    def check_stack(self, specs: Iterable[Spec]) -> None:
        """Refuse ``--stack`` where no run has the engine jax."""
        from lrarun.specs.spec import JAX

        if self.stack and not any(spec.engine == JAX for spec in specs):
            raise click.UsageError("--stack is for the engine jax, and no run of these specs has it; add --engine jax.")

    def train(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Train the jobs with a view of them, and return how each ended.

        Raises:
            UsageError, LrarunError: the runs can't be stored; nothing was trained.
            DataError, FetchError: a data set is damaged or not available; nothing was trained.
            KeyboardInterrupt: the user stopped it; the runs' states are stored.
        """
        from lrarun.cli.support.downloads import download_progress
        from lrarun.cli.support.live import view
        from lrarun.scheduling.plan import refuse_unwritable
        from lrarun.scheduling.train_all import train_all

        refuse_unwritable(jobs, self.results)
        with view(self.quiet) as watcher:
            return train_all(
                jobs,
                self.results,
                workers=self.workers,
                scheduler=self.scheduler,
                stack=self.stack,
                data_dir=self.data_dir,
                watcher=watcher,
                progress=download_progress(self.quiet),
            )


@contextmanager
def stoppable(command: str = "the same command") -> Iterator[None]:
    """If the user stops the training in this block, say which command goes on with it, and exit.

    Args:
        command: in words.
    """
    try:
        yield
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            tell(f"lrarun: interrupted; progress is stored, and {command} goes on from there.")
        sys.exit(INTERRUPTED)
