"""``lrarun doctor``: can this machine train?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.options import data_dir_option, json_option, own_results_option
from lrarun.errors import LrarunError

if TYPE_CHECKING:
    from lrarun.api.doctor import Check

COLOURS = {"ok": "green", "note": "yellow", "bad": "red"}


@click.command()
@own_results_option
@data_dir_option
@json_option
def doctor(results: Path, data_dir: Path | None, as_json: bool) -> None:
    """Check whether this machine can train.

    Checks Python, its packages, BLAS, cores, memory, disk, data sets and extras, and
    says how to fix each problem. Asks over the network whether a data set that is not
    here can be downloaded. Exits with 1 if something would stop a run.

    \b
    Examples:
      lrarun doctor
      lrarun doctor --results /scratch/results
      lrarun doctor --json
    """
    from lrarun.api.doctor import BAD, examine
    from lrarun.cli.support.printing import print_json
    from lrarun.report.wording import plural

    checks = []
    for check in examine(results, data_dir):
        checks.append(check)
        if not as_json:
            click.echo(line(check))
    bad = sum(check.state == BAD for check in checks)
    if as_json:
        print_json({"ok": not bad, "checks": checks})
    if bad:
        raise LrarunError(f"{plural(bad, 'thing')} would stop a run; see above")


def line(check: Check) -> str:
    """Return one check as text: state, name, finding, and advice below."""
    from lrarun.cli.support.printing import wrapped

    state = click.style(check.state.ljust(4), fg=COLOURS[check.state], bold=check.state == "bad")
    body = wrapped(f"{check.name}: {check.found}", 6).lstrip()
    advice = f"\n{wrapped(f'-> {check.advice}', 6)}" if check.advice else ""
    return f"{state}  {body}{advice}"
