"""``lrarun table``: the paper's tables with our numbers beside the printed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrarun.cli.support.behaviour import say
from lrarun.cli.support.completing import spec_files
from lrarun.cli.support.hints import command, train_command
from lrarun.cli.support.options import results_option, set_option

if TYPE_CHECKING:
    import pandas as pd

    from lrarun.paper import Key
    from lrarun.report.cells import Wanted
    from lrarun.results.read import Result

LAYOUTS = ("text", "markdown", "latex", "csv", "json")


@click.command()
@click.argument("number", type=click.Choice(["1", "2", "3"]), required=False)
@click.option(
    "--format",
    "layout",
    type=click.Choice(LAYOUTS),
    default="text",
    show_default=True,
    help="csv and json have one row per cell.",
)
@results_option
@click.option(
    "--spec",
    "files",
    type=click.Path(path_type=Path),
    metavar="SPEC.yaml",
    multiple=True,
    shell_complete=spec_files,
    help="Show the runs of this spec file in place of the paper's protocol. May be given several times.",
)
@set_option
@click.option("--compare", is_flag=True, help="Show each cell's difference from the paper's, and a verdict.")
def table(
    number: str | None, layout: str, results: Path, files: tuple[Path, ...], overrides: tuple[str, ...], compare: bool
) -> None:
    """Print the tables, ours beside the paper's.

    Table 1, 2 or 3, or all without a number.
    Exits with 4 if results are missing or unfinished; with --compare, with 5 if a test
    error is worse than the paper's.

    \b
    Examples:
      lrarun table
      lrarun table 1 --results results/reference
      lrarun table 1 --spec experiments/quick.yaml
      lrarun table --compare
      lrarun table --format csv > tables.csv
    """
    if overrides and not files:
        raise click.UsageError("--set changes the runs of --spec; give one.")
    from lrarun.report.cells import fill, well_formed
    from lrarun.report.comparison import render_comparison
    from lrarun.report.tables import render
    from lrarun.report.verdicts import add_verdicts
    from lrarun.results.read import read_results
    from lrarun.runs.staleness import superseded

    runs = well_formed(read_results(results))
    wanted, stale = by_spec(specs_in(files, overrides)) if files else by_protocol(runs), superseded(runs)
    cells = choose(add_verdicts(fill(runs, wanted, stale)), number, layout, bool(files))
    click.echo((render_comparison if compare else render)(cells, layout), nl=False)
    if not files:
        mention_left_out(runs, wanted, cells)
    mention_stale(cells, stale, files, overrides, results)
    if compare:
        check_verdicts(cells)
    check_complete(cells, results, files, overrides)


def specs_in(files: Sequence[Path], overrides: Sequence[str]) -> list[dict[str, Any]]:
    """The resolved specs of all runs of spec files."""
    from lrarun.specs.build import load_specs

    return [spec.to_dict() for file in files for spec in load_specs(file, overrides)]


def by_spec(specs: Sequence[Mapping[str, Any]]) -> dict[Key, Wanted]:
    """The cells that the runs of specs fill."""
    from lrarun.report.cells import differences, wanted_by
    from lrarun.specs.paper_runs import paper_specs, rule_titles

    wanted = wanted_by(specs, rule_titles())
    papers = paper_specs(wanted)
    return {key: replace(want, departs=", ".join(differences(want.spec, papers[key]))) for key, want in wanted.items()}


def by_protocol(runs: Sequence[Result]) -> dict[Key, Wanted]:
    """All printed cells, and those of other rules that there are runs of."""
    from lrarun.paper import MODELS, TABLE_OF, printed_cells
    from lrarun.report.cells import Wanted, key_of
    from lrarun.specs.paper_runs import paper_specs, rule_titles

    printed = {cell.key: Wanted({}) for cell in printed_cells()}
    depths = {key.depth for key in printed}
    others = [key_of(run.spec, rule_titles()) for run in runs if run.spec["algorithm"]["name"] not in MODELS]
    keys = [*printed, *(key for key in others if key.dataset in TABLE_OF and key.depth in depths)]
    return printed | {key: Wanted(spec) for key, spec in paper_specs(dict.fromkeys(keys)).items()}


def choose(cells: pd.DataFrame, number: str | None, layout: str, by_files: bool) -> pd.DataFrame:
    """The rows asked for; of spec files, laid out, only the tables that they have runs in."""
    from lrarun.errors import UsageError

    if number:
        chosen = cells[cells["table"] == int(number)]
        if not chosen["expected"].any():
            raise UsageError(f"none of the specs has a run in Table {number}")
        return chosen
    if by_files and layout not in ("csv", "json"):
        return cells[cells["table"].isin(cells["table"][cells["expected"]])]
    return cells


def mention_left_out(runs: Sequence[Result], wanted: dict[Key, Wanted], cells: pd.DataFrame) -> None:
    """Says which runs of the cells shown are in no average, and why."""
    from lrarun.paper import Key
    from lrarun.report.cells import left_out
    from lrarun.specs.paper_runs import rule_titles

    shown = [Key(*key) for key in cells[list(Key._fields)].itertuples(index=False)]
    counts = left_out(runs, {key: wanted[key] for key in shown}, rule_titles())
    if counts:
        example, _ = counts.most_common(1)[0]
        say(
            f"left out: {plural(counts.total(), 'run')} whose settings differ from the paper's protocol"
            f" (e.g. {example});"
            " show them by their spec file, such as: lrarun table --spec experiments/quick.yaml"
        )


def mention_stale(
    cells: pd.DataFrame, stale: Mapping[str, str], files: Sequence[Path], overrides: Sequence[str], results: Path
) -> None:
    """Says how many of the runs in the cells shown today's version would not make the same, why, and what helps."""
    count = cells["stale"].sum()
    if count:
        status, clean = (command(name, files, overrides, results) for name in ("status", "clean"))
        say(
            f"stale: {plural(count, 'run')} in these cells ({', '.join(sorted(set(stale.values())))});"
            f" {status} names them, {clean} removes them, and lrarun train then trains them again"
        )


def check_verdicts(cells: pd.DataFrame) -> None:
    """Raises ``DoesNotHold`` if a cell is worse than the paper's."""
    from lrarun.errors import DoesNotHold
    from lrarun.report.verdicts import WORSE

    worse = (cells["verdict"] == WORSE).sum()
    if worse:
        raise DoesNotHold(f"{worse} of {plural(len(cells), 'cell')} worse than the paper's")


def check_complete(cells: pd.DataFrame, results: Path, files: Sequence[Path], overrides: Sequence[str]) -> None:
    """Raises ``Incomplete`` if a cell that was asked for lacks a run."""
    from lrarun.errors import Incomplete

    lacking = cells[cells["expected"] & (cells["outstanding"] > 0)]
    if lacking.empty:
        return
    names: Any = files or [f"experiments/table{number}.yaml" for number in lacking["table"].unique()]
    where = f"{results}" if results.is_dir() else f"{results}, which is no folder"
    raise Incomplete(
        f"{len(lacking)} of {plural(cells['expected'].sum(), 'cell')} missing or unfinished in {where};"
        f" train them with: {train_command(names, overrides, results)}"
    )


def plural(count: int, noun: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
