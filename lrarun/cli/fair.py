"""``lrarun fair``: every rule after the same search."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.options import is_of_reference, json_option, layout_of, results_option
from lrarun.cli.support.paths import UserPath
from lrarun.cli.support.printing import terminal_width

if TYPE_CHECKING:
    from lrarun.tuning.fair import Entry

OF_REFERENCE = "fair"  # the folder of the table's runs among the reference results
LAYOUTS = ("text", "markdown", "csv", "json")


@click.command()
@results_option
@click.option(
    "--faithful",
    type=UserPath(exists=True, file_okay=False),
    metavar="DIR",
    help="Folder of runs with the rules' own defaults.  [default: the results that lrarun ships]",
)
@click.option(
    "--specs",
    "folder",
    type=UserPath(exists=True, file_okay=False),
    metavar="DIR",
    help="Folder of the searches, one spec file per rule.  [default: those that lrarun ships]",
)
@click.option("--pairs", is_flag=True, help="Compare every two rules instead: points, interval, p.")
@click.option("--format", "layout", type=click.Choice(LAYOUTS), help="Of the table.  [default: text]")
@json_option
@click.option("--todo", is_flag=True, help="Print the commands that are left, in their order, for a shell to run.")
def fair(
    results: Path,
    faithful: Path | None,
    folder: Path | None,
    pairs: bool,
    layout: str | None,
    as_json: bool,
    todo: bool,
) -> None:
    """Compare the rules, each tuned alike.

    Each rule has the same search and the same budget, and its winner is trained with seeds
    that the search has not seen. lrarun docs fair-table has the protocol. A cell says what
    it lacks, and --todo prints the commands that train it. Exits with 4 if something is missing.

    \b
    Examples:
      lrarun fair --reference
      lrarun fair --reference --format csv > fair.csv
      lrarun fair --reference --pairs
      lrarun fair --results results/fair --todo
    """
    layout = layout_of(layout, as_json) or "text"
    from lrarun.errors import Incomplete
    from lrarun.report.wording import plural
    from lrarun.shipped import EXPERIMENTS, reference, root
    from lrarun.tuning import fair as library
    from lrarun.tuning import fair_numbers, fair_pairs
    from lrarun.tuning.fair_table import render, render_pairs

    if is_of_reference():
        if todo:
            raise click.UsageError("--todo is for a folder to train into: name it with --results, not --reference.")
        results = results / OF_REFERENCE
    folder = folder or root() / EXPERIMENTS / "fair"
    entries = library.read(folder, results, faithful or reference())
    if todo:
        for words in left(entries, folder):
            click.echo(shlex.join(words))
        return
    shown, table = (render_pairs, fair_pairs.table) if pairs else (render, fair_numbers.table)
    click.echo(shown(table(entries), layout, terminal_width()), nl=False)
    lacking = [entry for entry in entries if entry.state]
    if lacking:
        what = f"{len(lacking)} of {plural(len(entries), 'cell')} missing or unfinished in {results}"
        if not is_of_reference():
            what += "; --todo prints the commands that are left, --reference shows lrarun's own table"
        raise Incomplete(what)


def left(entries: Sequence[Entry], folder: Path) -> list[list[str]]:
    """Return the commands that complete the table: the searches of a data set and depth, then their winners' runs."""
    from itertools import groupby

    from lrarun.shipped import EXPERIMENTS, root, typed_name
    from lrarun.tuning.winner import WINNER

    def name(path: Path) -> str:
        return typed_name(path) if path.is_relative_to(root() / EXPERIMENTS) else str(path)

    commands = []
    for _, group in groupby(entries, key=lambda entry: entry.cell[:2]):
        unfinished = [entry for entry in group if entry.state.startswith("missing")]
        for entry in unfinished:
            cell, where = entry.cell, ["--results", str(entry.study.results)]
            own = ["--set", f"dataset={cell.dataset}", "--set", f"depth={cell.depth}"]
            commands.append(["lrarun", "tune", name(folder / f"{cell.rule}.yaml"), *own, *where])
        if unfinished:
            winners = [str(entry.study.folder / WINNER) for entry in unfinished]
            commands.append(["lrarun", "train", *winners, "--results", str(unfinished[0].study.results)])
    return commands
