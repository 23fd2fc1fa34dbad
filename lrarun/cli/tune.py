"""``lrarun tune``: search for settings by validation error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.global_options import say
from lrarun.cli.support.options import LAYOUTS, json_option, layout_of, out_option, quiet_option, specs_argument
from lrarun.cli.support.paths import UserPath, check_folder, format_of
from lrarun.cli.support.training import Training, stoppable, training_options, with_engine

if TYPE_CHECKING:
    from lrarun.specs.search import Budget, Search
    from lrarun.tuning.study import Study
    from lrarun.tuning.trials import Trial


@click.command()
@specs_argument
@training_options
@click.option("--dry-run", is_flag=True, help="Say what the search is and how far it is; train and write nothing.")
@click.option("--format", "layout", type=click.Choice(LAYOUTS), help="Of the table.  [default: text]")
@json_option
@out_option("Spec file to write for the winner.  [default: winner.yaml in the study's folder]")
@click.option(
    "--plot",
    type=UserPath(dir_okay=False),
    metavar="FILE",
    callback=check_folder,
    help="Also draw validation error over each key (.png, .pdf, .svg); needs matplotlib.",
)
@quiet_option
def tune(
    specs: tuple[Path, ...],
    results: Path,
    data_dir: Path | None,
    overrides: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
    engine: str | None,
    stack: int | None,
    dry_run: bool,
    layout: str | None,
    as_json: bool,
    out: Path | None,
    plot: Path | None,
    quiet: bool,
) -> None:
    """Search for settings by validation error.

    The spec has a block `search`: what to choose, and the budget (lrarun describe search). Each trial is a run in the
    results folder that reads nothing of the test set. Prints the trials, the best first, and writes a spec of the
    winner for lrarun train, with seeds that the search has not seen. The same command goes on after a stop; neither
    stops nor the number of processes change what is tried. Exits with 3 if a run failed.

    \b
    Examples:
      lrarun tune tune --dry-run
      lrarun tune tune --out w.yaml && lrarun train w.yaml
      lrarun tune tune --set search.trials=48 --plot t.png
    """
    layout = layout_of(layout, as_json) or "text"
    if len(specs) > 1:
        raise click.UsageError("One search at a time: name one spec.")
    if out and out.exists() and specs[0].exists() and out.samefile(specs[0]):
        raise click.UsageError("--out is the file of the search itself; name another one for the winner.")
    format_of(out, None, {".yaml": "yaml", ".yml": "yaml"})  # such as a data set's name by mistake
    how = Training(results, data_dir, workers, scheduler, stack, quiet)
    from lrarun.results.run_folder import refuse_reference
    from lrarun.specs.dataset_check import check_datasets
    from lrarun.specs.search import read_search
    from lrarun.tuning.propose import library
    from lrarun.tuning.study import Study

    search = read_search(specs[0], with_engine(overrides, engine))
    how.check_stack([search.base])
    if how.is_here:
        check_datasets(search.file)
    study = Study(search, results)
    if dry_run:
        show_search(study, layout)
        return
    refuse_reference(results)
    library()  # its absence is said before anything is trained
    if plot:
        from lrarun.report.figures.files import check_libraries, picture_type

        check_libraries()
        picture_type(plot)
    with stoppable():
        trials = study.run(how.train, lambda before: tell_round(before, search.budget), failures_told=not quiet)
    show_trials(search, trials, layout)
    write_winner(study, trials, out)
    if plot:
        from lrarun.tuning.picture import save_picture

        save_picture(search, trials, plot)


def tell_round(before: Sequence[Trial], budget: Budget) -> None:
    """Say which trials come next."""
    last = min(len(before) + budget.round, budget.trials)
    say(f"trials {len(before)} to {last - 1} of {budget.trials}")


def show_search(study: Study, layout: str) -> None:
    """Print what a search is, and the trials that there are."""
    from lrarun.cli.support.printing import hanging

    search, budget = study.search, study.search.budget
    trials = study.trials()
    ended = sum(trial.ended for trial in trials)
    runs = len(budget.seeds)
    left = max(0, budget.trials - ended) * budget.epochs * runs
    if trials or layout != "text":
        show_trials(search, trials, layout)
    how_far = (
        f"{search.study_id} chooses {', '.join(dict.fromkeys(each.key for each in search.dimensions))};"
        f" {ended} of {max(budget.trials, len(trials))} trials have ended; at most {left} epochs left"
    )
    click.echo(hanging(how_far), err=layout != "text")  # a table for programs stands alone
    study.refuse_stale(trials)


def show_trials(search: Search, trials: Sequence[Trial], layout: str) -> None:
    """Print the table of trials."""
    from lrarun.cli.support.printing import terminal_width
    from lrarun.tuning.table import render

    click.echo(render(search, trials, layout, terminal_width()), nl=False)


def write_winner(study: Study, trials: Sequence[Trial], out: Path | None) -> None:
    """Write the winner's spec, and say how to train it."""
    from lrarun.cli.support.next_commands import command
    from lrarun.cli.support.printing import is_stdout, write
    from lrarun.tuning.study import best
    from lrarun.tuning.trials import rank
    from lrarun.tuning.winner import WINNER, winner_spec

    winner = best(trials)
    path = out or study.folder / WINNER
    text = winner_spec(study.search, winner, len(trials))
    if out or not path.is_file() or path.read_text(encoding="utf-8") != text:
        write(text, path)
    if out and is_stdout(out):
        return
    equal = [trial.number for trial in rank(trials) if trial.validation_error == winner.validation_error]
    others = f" (so low is {', '.join(f'trial {number}' for number in equal[1:])}, too)" if equal[1:] else ""
    how = command("train", [path], (), study.results)
    error = f"{winner.validation_error:.2f} %"
    say(f"trial {winner.number} has the lowest validation error, {error}{others}; train it: {how}")
