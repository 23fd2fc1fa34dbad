"""``lrarun status``: how runs stand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.global_options import say
from lrarun.cli.support.next_commands import shipped_spec, train_command
from lrarun.cli.support.options import (
    check_results,
    data_dir_option,
    json_option,
    optional_specs_argument,
    results_option,
    set_option,
    specs_in,
)
from lrarun.cli.support.printing import terminal_width

if TYPE_CHECKING:
    from lrarun.cli.support.run_tables import Row
    from lrarun.runs.status import Status

HEADERS = ("run", "differs in", "state", "epoch", "validation error", "time left", "where or why")


@click.command()
@optional_specs_argument
@results_option
@data_dir_option
@set_option
@json_option
def status(
    specs: tuple[Path, ...], results: Path, data_dir: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Show how runs stand.

    Shows the runs of the given specs; without a spec, all runs in the results folder. The
    validation error is that of the best epoch so far. Where ids differ in the digest alone,
    a column shows the settings that differ. In a terminal that is too narrow for whole ids, a
    run goes by its digest, beside the settings that tell it from the others. A long reason is
    cut; --json and lrarun show print it in full.

    \b
    Examples:
      lrarun status table1
      lrarun status --json
    """
    from lrarun.cli.support.printing import print_json
    from lrarun.runs.status import statuses

    wanted = specs_in(specs, overrides)
    if wanted is None:
        check_results(results)
    rows = statuses(wanted, results)
    if as_json:
        print_json(rows)
        return
    if not rows:
        hint = ", which does not exist yet; `lrarun train` creates it, --results names another"
        if results.is_dir():
            hint = f"; {train_command([shipped_spec('example')], (), results)}"
        say(f"no runs in {results}{hint}")
        return
    from collections import Counter

    click.echo(laid_out(rows, terminal_width()))
    counts = Counter(row.state for row in rows)
    say(", ".join(f"{count} {state}" for state, count in counts.items()))


def laid_out(rows: Sequence[Status], width: int | None) -> str:
    """Return runs as a table with a whole id in each row or, where that is too wide, as narrower ones."""
    from tabulate import tabulate

    from lrarun.cli.support.run_tables import run_tables

    table = [HEADERS, *map(cells, rows)]
    if not any(row.differs for row in rows):
        table = [[*line[:1], *line[2:]] for line in table]
    shown = tabulate(table[1:], table[0], disable_numparse=True)
    if width is None or max(map(len, shown.splitlines())) <= width:
        return shown
    return run_tables([narrow(row) for row in rows], width)


def narrow(row: Status) -> Row:
    """Return a run as a row of a narrow table; where it is trained, or why it is not, stands below."""
    from lrarun.cli.support.run_tables import Row

    _, differs, state, epoch, error, left, where = cells(row)
    shown = {"state": state, "epoch": epoch, "validation\nerror": error, "time\nleft": left}
    return Row(row.run_id, row.settings, differs, shown, where)


def cells(row: Status) -> list[str]:
    """Return a run as a line of the table."""
    from lrarun.report.wording import shortened
    from lrarun.results.timing import duration

    error = "" if row.validation_error is None else f"{row.validation_error:.2f} %"
    left = "" if row.seconds_left == 0 else duration(row.seconds_left)
    where = row.where or shortened(row.reason)
    return [row.run_id, row.differs, row.state, f"{row.epoch}/{row.epochs}", error, left, where]
