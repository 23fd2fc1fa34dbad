"""``lrarun train``: specs in, trained runs out."""

from __future__ import annotations

from pathlib import Path

import click

from lrarun.cli.options import data_dir_option, quiet_option, results_option, set_option, specs_argument


@click.command()
@specs_argument
@results_option
@data_dir_option
@set_option
@click.option("--force", is_flag=True, help="Train again what is finished, from the start.")
@click.option("--dry-run", is_flag=True, help="Only say what would be trained, and why.")
@quiet_option
def train(
    specs: tuple[Path, ...],
    results: Path,
    data_dir: Path | None,
    overrides: tuple[str, ...],
    force: bool,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train every run of the given specs; go on with those that were stopped.

    \b
    Examples:
      lrarun train experiments/example.yaml
      lrarun train my.yaml --set epochs=5 --set algorithm.beta=0.2
      lrarun train experiments/table1.yaml --dry-run
    """
    from lrarun.executors import plan, train_here
    from lrarun.spec import load_specs

    # A run that stands in several files is trained once.
    runs = {spec.run_id: spec for path in specs for spec in load_specs(path, overrides)}
    jobs = plan(list(runs.values()), results, force)
    if dry_run:
        for job in jobs:
            click.echo(f"{job.spec.run_id}  {job.action}: {job.reason}")
        return
    say = (lambda message: None) if quiet else (lambda message: click.echo(message, err=True))
    train_here(jobs, results, data_dir=data_dir, force=force, say=say)
