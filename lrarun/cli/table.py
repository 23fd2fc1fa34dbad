"""``lrarun table``: the paper's tables with our numbers beside the printed ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.global_options import say
from lrarun.cli.support.next_commands import check_cells, command, table_of
from lrarun.cli.support.options import (
    LAYOUTS,
    is_of_reference,
    json_option,
    layout_of,
    results_option,
    set_option,
    spec_option,
    specs_in,
)
from lrarun.cli.support.printing import terminal_width

if TYPE_CHECKING:
    import pandas as pd

    from lrarun.api.tables import Tables


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
@json_option
@results_option
@spec_option
@set_option
@click.option("--compare", is_flag=True, help="Show each cell's difference from the paper, and a verdict.")
def table(
    number: str | None,
    layout: str,
    as_json: bool,
    results: Path,
    files: tuple[Path, ...],
    overrides: tuple[str, ...],
    compare: bool,
) -> None:
    """Print the tables, ours beside the paper's.

    Prints Table 1, 2 or 3; without a number, all of them.
    Exits with 4 if results are missing or unfinished; with --compare, with 5 if a test
    error is higher than the paper's. In a terminal, tables are fitted to its width.

    \b
    Examples:
      lrarun table --reference
      lrarun table
      lrarun table 1 --spec quick
      lrarun table --compare
      lrarun table --format csv > tables.csv
    """
    layout, specs = layout_of(layout, as_json) or layout, specs_in(files, overrides)
    from lrarun.api.inputs import runs_in
    from lrarun.api.tables import tables
    from lrarun.errors import NotInTables
    from lrarun.report.comparison import render_comparison
    from lrarun.report.tables import render

    try:
        found = tables(runs_in(results), int(number) if number else None, specs)
    except NotInTables as error:
        raise NotInTables(f"{error}. For any runs: {command('summary', files, overrides, results)}") from None
    click.echo((render_comparison if compare else render)(found.cells, layout, terminal_width()), nl=False)
    mention_left_out(found, number, results)
    mention_stale(found, files, overrides, results)
    if compare:
        check_verdicts(found.cells)
    check_cells(found.cells, results, files, overrides, ("table", *([number] if number else [])))


def mention_left_out(found: Tables, number: str | None, results: Path) -> None:
    """Say which runs of the cells shown are in no average, why, and how to see the most common kind."""
    from lrarun.report.wording import plural

    if found.left_out and not is_of_reference():  # Figure 3's runs and those of docs/reproduction.md are meant to be
        example, runs = next(iter(found.left_out.items()))
        shown = table_of(runs[0], number, results)
        say(
            f"left out: {plural(sum(map(len, found.left_out.values())), 'run')} whose settings differ from the paper's"
            f" protocol (e.g. {example})" + (f"; to show such a run: {shown}" if shown else "")
        )


def mention_stale(found: Tables, files: Sequence[Path], overrides: Sequence[str], results: Path) -> None:
    """Say how many runs in the cells shown are stale, why, and what to do about it."""
    from lrarun.report.wording import plural
    from lrarun.results.run_folder import is_reference

    count = found.cells["stale"].sum()
    if count:
        status, clean = (command(name, files, overrides, results) for name in ("status", "clean"))
        help = f"{status} names them"
        if not is_reference(results):  # which clean leaves alone
            help += f", {clean} removes them, and lrarun train then trains them again"
        say(f"stale: {plural(count, 'run')} in these cells ({', '.join(sorted(set(found.stale.values())))}); {help}")


def check_verdicts(cells: pd.DataFrame) -> None:
    """Raise ``DoesNotHold`` if a cell is higher than the paper's."""
    from lrarun.errors import DoesNotHold
    from lrarun.report.verdicts import HIGHER
    from lrarun.report.wording import plural

    higher = (cells["verdict"] == HIGHER).sum()
    if higher:
        raise DoesNotHold(f"{higher} of {plural(cells['expected'].sum(), 'cell')} higher than the paper's")
