"""``lrarun status``: how runs stand."""

from __future__ import annotations

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

if TYPE_CHECKING:
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
    a column shows the settings that differ. A long reason is cut; --json and lrarun show
    print it in full.

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

    from tabulate import tabulate

    table = [HEADERS, *map(cells, rows)]
    if not any(row.differs for row in rows):
        table = [[*line[:1], *line[2:]] for line in table]
    click.echo(tabulate(table[1:], table[0], disable_numparse=True))
    counts = Counter(row.state for row in rows)
    say(", ".join(f"{count} {state}" for state, count in counts.items()))


def cells(row: Status) -> list[str]:
    """Return a run as a line of the table."""
    from lrarun.report.wording import shortened
    from lrarun.results.timing import duration

    error = "" if row.validation_error is None else f"{row.validation_error:.2f} %"
    left = "" if row.seconds_left == 0 else duration(row.seconds_left)
    where = row.where or shortened(row.reason)
    return [row.run_id, row.differs, row.state, f"{row.epoch}/{row.epochs}", error, left, where]
