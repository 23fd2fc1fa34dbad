"""``lrarun claims``: what the paper says of its results, checked against ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.hints import command, remark
from lrarun.cli.support.options import results_option

if TYPE_CHECKING:
    from lrarun.report.claims.check import Checked, Claim

TRAIN = "lrarun train "  # how a claim that needs runs says so


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
def claims(results: Path, layout: str) -> None:
    """Check the paper's claims by paired tests.

    The tests compare mistakes on the test set; docs/verdicts.md has the rules. Exits
    with 5 if a claim fails, else with 4 if one lacks results.

    \b
    Examples:
      lrarun claims
      lrarun claims --results results/reference
      lrarun claims --format json | jq '.claims[] | {id, verdict}'
    """
    from lrarun.report.cells import well_formed
    from lrarun.report.claims.check import check, load_claims
    from lrarun.report.claims.evidence import Measured
    from lrarun.report.claims.render import render_claims
    from lrarun.results.read import read_results
    from lrarun.specs.paper_runs import paper_spec, target_products

    measured = Measured(well_formed(read_results(results)), paper_spec)
    checked = check(with_commands(load_claims(), results), measured, target_products)
    click.echo(render_claims(checked, layout), nl=False)
    conclude([(one.claim.id, one.verdict) for one in checked], remark(specs_needed(checked), results))


def specs_needed(checked: Sequence[Checked]) -> list[str]:
    """The spec files of the runs that claims lack."""
    from lrarun.report.claims.check import MISSING

    texts = [one.claim.needs for one in checked if one.verdict == MISSING and one.claim.needs.startswith(TRAIN)]
    return list(dict.fromkeys(word for text in texts for word in text.removeprefix(TRAIN).split()))


def with_commands(claims: Sequence[Claim], results: Path) -> list[Claim]:
    """The claims, with what provides their results as it is to be typed here."""
    return [
        replace(claim, needs=command("train", claim.needs.removeprefix(TRAIN).split(), (), results))
        if claim.needs.startswith(TRAIN)
        else claim
        for claim in claims
    ]


def conclude(verdicts: list[tuple[str, str]], more: str) -> None:
    """Raises what gives the exit code that the verdicts ask for; ``more`` is said of what is missing."""
    from lrarun.errors import DoesNotHold, Incomplete
    from lrarun.report.claims.check import FAILS, MISSING

    failed = [name for name, verdict in verdicts if verdict == FAILS]
    missing = [name for name, verdict in verdicts if verdict == MISSING]
    if failed:
        raise DoesNotHold(f"{len(failed)} of {len(verdicts)} claims fail: {', '.join(failed)}")
    if missing:
        raise Incomplete(f"{len(missing)} of {len(verdicts)} claims lack results{more}")
