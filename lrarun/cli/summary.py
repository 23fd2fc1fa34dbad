"""``lrarun summary``: one row per setting, of any runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrarun.cli.support.next_commands import check_finished, train_command
from lrarun.cli.support.options import (
    LAYOUTS,
    check_results,
    json_option,
    layout_of,
    optional_specs_argument,
    results_option,
    set_option,
    specs_in,
)
from lrarun.cli.support.printing import terminal_width

if TYPE_CHECKING:
    from lrarun.report.summary.difference import ComparedSettings
    from lrarun.report.summary.rows import Summary


@click.command()
@optional_specs_argument
@click.option("--by", multiple=True, metavar="KEY", help="Average over all other keys. Can be given several times.")
@click.option(
    "--sort", metavar="COLUMN", help="Order by a column, such as test_error or a key; -test_error: highest first."
)
@click.option(
    "--compare",
    nargs=2,
    metavar="A B",
    help="Show the difference between two settings, paired by seed. Name each by what it has and the other has not:"
    " beta=0.1, or lra-e, or algorithm=lra-e,beta=0.1.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(LAYOUTS),
    default="text",
    show_default=True,
    help="csv has plain columns for means and standard deviations.",
)
@json_option
@results_option
@set_option
def summary(
    specs: tuple[Path, ...],
    by: tuple[str, ...],
    sort: str | None,
    compare: tuple[str, str] | None,
    layout: str,
    as_json: bool,
    results: Path,
    overrides: tuple[str, ...],
) -> None:
    """Show any runs, one row per setting.

    Averages errors over seeds, whatever the specs vary and whatever the data set is. Without
    a spec, shows all runs in the results folder. Says above the table what the settings have
    in common. In a terminal, the table is fitted to its width. Exits with 4 if runs of the
    specs are missing or unfinished.

    \b
    Examples:
      lrarun summary mine.yaml
      lrarun summary mine.yaml --sort test_error
      lrarun summary mine.yaml --compare backprop lra-e
      lrarun summary --reference --by dataset --by algorithm
      lrarun summary --format csv > settings.csv
    """
    wanted = specs_in(specs, overrides)
    if wanted is None:
        check_results(results)
    if compare and (by or sort):
        raise click.UsageError("--compare is of single settings; leave out --by and --sort.")
    from lrarun.api.inputs import runs_in
    from lrarun.api.summary import summary_of
    from lrarun.errors import Incomplete
    from lrarun.report.summary.difference import compare as compare_settings
    from lrarun.report.summary.render import render_summary
    from lrarun.report.summary.render_difference import render_difference
    from lrarun.report.summary.rows import averaged_by, ordered

    layout = layout_of(layout, as_json) or layout
    found = summary_of(runs_in(results), wanted)
    if not found.rows:
        raise Incomplete(f"no runs in {results}; train some, or name another folder with --results")
    if compare:
        compared = compare_settings(found, *compare)
        click.echo(render_difference(compared, layout, terminal_width()), nl=False)
        check_compared(compared, results, specs, overrides)
        return
    shown = ordered(averaged_by(found, by), sort)
    click.echo(render_summary(shown, layout, terminal_width()), nl=False)
    if wanted is not None:
        mention_others(found, [spec.to_dict() for spec in wanted])
    if specs:
        check_finished(found, results, specs, overrides)


def mention_others(found: Summary, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Say how many of the runs stand for those of the specs: the same settings, with other probes or another engine."""
    from lrarun.cli.support.global_options import say
    from lrarun.report.repetitions import with_engine_and_probes
    from lrarun.report.wording import plural

    asked = set(map(with_engine_and_probes, wanted))
    others = sum(with_engine_and_probes(run.spec) not in asked for row in found.rows for run in row.runs)
    if others:
        what = "of the same settings, with other probes or another engine than the spec's"
        say(f"counted: {plural(others, 'run')} {what}")


def check_compared(found: ComparedSettings, results: Path, files: Sequence[Path], overrides: Sequence[str]) -> None:
    """Say what to do where one seed gives no interval; raise ``Incomplete`` where two settings share no seed."""
    from lrarun.cli.support.global_options import say
    from lrarun.errors import Incomplete
    from lrarun.report.summary.difference import NO_SEED

    if any(one.verdict == NO_SEED for one in found.differences):
        raise Incomplete("A and B have no finished runs with the same seed; lrarun summary shows what there is")
    fewest = min((len(one.seeds) for one in found.differences if one.seeds), default=0)
    if fewest == 1:
        more = train_command(files, [*overrides, "sweep.seed=[0, 1, 2]"], results)
        say("; ".join(filter(None, ["one seed: chance can't be told from a difference. Take more seeds", more])))
