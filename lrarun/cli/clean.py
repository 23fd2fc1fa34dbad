"""``lrarun clean``: remove what is stale or failed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from lrarun.cli.support.global_options import say
from lrarun.cli.support.options import (
    check_results,
    data_dir_option,
    json_option,
    optional_specs_argument,
    own_results_option,
    set_option,
    specs_in,
)


@click.command()
@optional_specs_argument
@own_results_option
@data_dir_option
@set_option
@click.option("--yes", "-y", is_flag=True, help="Remove without asking.")
@json_option
def clean(
    specs: tuple[Path, ...],
    results: Path,
    data_dir: Path | None,
    overrides: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> None:
    """Remove failed, stale and damaged runs.

    Lists them first. On a terminal, asks before it removes them; elsewhere, and with --json,
    removes nothing without --yes. With specs, looks only at their runs. A run is stale if this version
    would not compute the same from its spec, or if its data set or its rule's file has
    changed; lrarun train then trains it again. A run stays if its data set is not where
    it was, as nobody can tell then. A run is damaged if its run.json cannot be read.

    \b
    Examples:
      lrarun clean
      lrarun clean table1 --yes
    """
    from lrarun.cli.support.printing import hanging
    from lrarun.report.wording import plural, shortened
    from lrarun.runs.staleness import Staleness
    from lrarun.runs.status import removable, remove, unsure

    wanted = specs_in(specs, overrides)
    check_results(results)
    staleness = Staleness()
    found = removable(wanted, results, staleness)
    mention_unsure(unsure(wanted, results, staleness))
    if as_json:
        from lrarun.cli.support.printing import print_json

        print_json([{"run_id": run.run_id, "bytes": run.size, "reason": run.reason, "removed": yes} for run in found])
    if not found:
        say("nothing to remove")
        return
    for run in found if not as_json else ():
        click.echo(hanging(f"{run.run_id}  {run.size / 1e6:.1f} MB  {shortened(run.reason)}"))
    if not yes:
        if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            say("nothing was removed; add --yes to remove these runs")
            return
        if not click.confirm(f"Remove {plural(len(found), 'run')}?", err=True):
            return
    remove(found)
    say(f"removed {plural(len(found), 'run')}, {sum(run.size for run in found) / 1e6:.1f} MB")


def mention_unsure(runs: Mapping[str, str]) -> None:
    """Say which runs stay because nobody can tell whether they are stale."""
    from lrarun.errors import indented
    from lrarun.report.wording import plural
    from lrarun.runs.staleness import UNKNOWN_RULE, UNSURE

    for kind, what in ((UNSURE, "the data have"), (UNKNOWN_RULE, "the rule has")):
        lines = [f"{run_id}: {why.removeprefix(f'{kind}: ')}" for run_id, why in runs.items() if why.startswith(kind)]
        if lines:
            head = f"{plural(len(lines), 'run')} kept, of which nobody can tell whether {what} changed:"
            say("\n".join([head, *indented(lines)]))
