"""``lrarun train``: specs in, trained runs out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.options import json_option, quiet_option, specs_argument
from lrarun.cli.support.training import Training, stoppable, training_options, with_engine

if TYPE_CHECKING:
    from lrarun.scheduling.outcome import Outcome
    from lrarun.scheduling.plan import Job
    from lrarun.specs.build import SpecFile


@click.command()
@specs_argument
@training_options
@click.option(
    "--force",
    is_flag=True,
    help="Train from the first epoch, finished runs too. A finished run's result stays until the new one is finished.",
)
@click.option("--dry-run", is_flag=True, help="List what would be trained, why, and the estimated time; train nothing.")
@quiet_option
@json_option
def train(
    specs: tuple[Path, ...],
    results: Path,
    data_dir: Path | None,
    overrides: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
    engine: str | None,
    stack: int | None,
    force: bool,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train every run of the given specs.

    SPEC is a file, or the name of a spec that lrarun ships (lrarun list experiments).
    Resumes runs that were interrupted and skips runs that have finished. Ctrl-C stops
    cleanly. If it stops --force, the command without --force goes on with the runs that
    were stopped. Ends with a table of the settings, as lrarun summary prints it. Exits with
    3 if a run failed, diverged or was killed.

    \b
    Examples:
      lrarun train example
      lrarun train my.yaml --set epochs=5 --set algorithm.beta=0.2
      lrarun train table1 table2 table3 --jobs 8
      lrarun train table1 --dry-run
      lrarun train table1 --engine jax
    """
    how = Training(results, data_dir, workers, scheduler, stack, quiet)
    from lrarun.cli.support.ending import show_settings
    from lrarun.scheduling.outcome import raise_for_failures
    from lrarun.scheduling.plan import plan, refuse_unwritable
    from lrarun.specs.build import read_specs

    overrides = with_engine(overrides, engine)
    files = [read_specs(path, overrides) for path in specs]  # once: a pipe can't be read twice
    jobs = plan([spec for file in files for spec in file.specs()], results, force)
    how.check_stack(job.spec for job in jobs)
    refuse_unwritable(jobs, results)  # before data are read, and for --dry-run too
    if how.is_here:
        check_data(files, jobs, dry_run)
    if dry_run:
        print_plan(jobs) if as_json else show_plan(jobs, workers)
        return
    with stoppable("the command without --force" if force else "the same command"):
        outcomes = how.train(jobs)
    print_outcomes(outcomes) if as_json else show_settings(outcomes, specs, overrides, results)
    raise_for_failures(outcomes, told=not quiet)


def check_data(files: Sequence[SpecFile], jobs: Iterable[Job], dry_run: bool) -> None:
    """Check the data sets of the runs to train; with ``--dry-run`` their content, and the first step of each rule."""
    from lrarun.runs.rehearsal import check_first_steps
    from lrarun.scheduling.plan import SKIP
    from lrarun.specs.dataset_check import check_datasets

    due = {job.spec for job in jobs if job.action != SKIP}
    needed = {spec.dataset for spec in due}
    for file in files:
        loaded = check_datasets(file, needed, whole=dry_run)  # without --dry-run, only to be trained on
        if dry_run:
            check_first_steps(file, loaded, due)


def print_outcomes(outcomes: Iterable[Outcome]) -> None:
    """Print as JSON how each run ended, with its errors in percent."""
    from lrarun.cli.support.printing import print_json

    keys = ("epoch", "best_epoch", "validation_error", "train_error", "test_error", "seconds")
    print_json(
        [
            {"run_id": one.spec.run_id, "state": one.state, "reason": one.reason}
            | {key: getattr(one.result, key, None) for key in keys}
            for one in outcomes
        ]
    )


def print_plan(jobs: Iterable[Job]) -> None:
    """Print the plan as JSON: a row per run, with the estimated seconds."""
    from lrarun.cli.support.printing import print_json

    keys = ("run_id", "action", "reason", "epoch", "seconds", "differs")
    print_json([{key: getattr(job, key) for key in keys} | {"epochs": job.spec.epochs} for job in jobs])


def show_plan(jobs: Sequence[Job], workers: int | None) -> None:
    """Print what would happen with each run, and a line on all of them."""
    from lrarun.cli.support.live import processes
    from lrarun.cli.support.printing import hanging
    from lrarun.results.timing import about, duration, makespan
    from lrarun.scheduling.plan import RESUME, TRAIN, total_seconds
    from lrarun.scheduling.processes import cores
    from lrarun.specs.spec import JAX

    for job in jobs:
        estimate = ""
        if job.seconds is not None and job.action in (TRAIN, RESUME):
            estimate = f" ({about(job.seconds)})"
        differs = f"  [{job.differs}]" if job.differs else ""
        click.echo(hanging(f"{job.run_id}  {job.action}: {job.reason}{estimate}{differs}"))
    left = [job for job in jobs if job.action in (TRAIN, RESUME)]
    if not left:
        click.echo("nothing to train")
        return
    stacked = all(job.spec.engine == JAX for job in left)  # by one process, on its device
    workers, seconds = min(1 if stacked else workers or cores(), len(left)), total_seconds(jobs)
    # More processes than cores are no faster.
    time = duration(None if seconds is None else makespan(seconds, min(workers, cores())))
    unknown = "" if seconds is not None else ": nothing like it has been trained here"
    click.echo(
        hanging(f"{len(left)} of {len(jobs)} to train with {processes(workers)}; estimated time: {time}{unknown}")
    )
