"""``lrarun claims``: what the paper says of its results, checked against ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.next_commands import remark, see_reference, training_files, with_commands
from lrarun.cli.support.options import json_option, layout_of, results_option
from lrarun.cli.support.printing import terminal_width

if TYPE_CHECKING:
    from lrarun.report.claims.claim import CheckedClaim


@click.command()
@results_option
@click.option(
    "--format",
    "layout",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json has each claim with its comparisons.",
)
@json_option
def claims(results: Path, layout: str, as_json: bool) -> None:
    """Test the paper's claims on runs.

    Prints each claim's verdict with effects, intervals and p values. The tests are over seeds
    and test images; lrarun docs verdicts has the rules. Exits with 5 if a claim fails, else with 4
    if a claim lacks results. In a terminal, comparisons are fitted to its width.

    \b
    Examples:
      lrarun claims
      lrarun claims --reference
      lrarun claims --json | jq '.claims[] | {id, verdict}'
    """
    from lrarun.api.claims import claims as checked_claims
    from lrarun.report.claims.render import render_claims

    layout = layout_of(layout, as_json) or layout
    checked = checked_claims(results)
    click.echo(render_claims(with_commands(checked, results), layout, terminal_width()), nl=False)
    check_verdicts(checked, results)


def check_verdicts(checked: Sequence[CheckedClaim], results: Path) -> None:
    """Raise ``DoesNotHold`` if a claim fails, else ``Incomplete`` if a claim lacks results."""
    from lrarun.errors import DoesNotHold, Incomplete
    from lrarun.report.claims.claim import FAILS, MISSING

    failed = [one.claim.id for one in checked if one.verdict == FAILS]
    missing = [one for one in checked if one.verdict == MISSING]
    if failed:
        raise DoesNotHold(f"{len(failed)} of {len(checked)} claims fail: {', '.join(failed)}")
    if missing:
        trained = any(training_files(one) for one in missing)
        told = f"{len(missing)} of {len(checked)} claims lack results" + (remark(results) if trained else "")
        few = 2 * len(missing) > len(checked)
        raise Incomplete(told + (see_reference(results, "claims") if few else ""))
