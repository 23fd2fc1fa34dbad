"""``lrarun diff``: two runs side by side, where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrarun.cli.support.options import json_option, results_option, run_argument

if TYPE_CHECKING:
    from lrarun.results.run_diff import Difference


@click.command()
@run_argument("first")
@run_argument("second")
@results_option
@json_option
def diff(first: str, second: str, results: Path, as_json: bool) -> None:
    """Show what differs between two runs.

    Compares specs, results and provenance. RUN is a run id, the digest at its
    end, the beginning of either, or a run's folder.

    \b
    Examples:
      lrarun diff dde3f66107 62435b8d44
      lrarun diff ae7130081e 5743606459 --reference
    """
    from lrarun.cli.support.printing import columns, heading, print_json
    from lrarun.results.find_run import find_result
    from lrarun.results.run_diff import of_provenance, of_results, of_specs

    a, b = (find_result(results, run) for run in (first, second))
    parts = {"Spec": of_specs(a, b), "Result": of_results(a, b), "Provenance": of_provenance(a, b)}
    if as_json:
        print_json({"a": a.run_id, "b": b.run_id} | {name.lower(): found for name, found in parts.items()})
        return
    blocks = [columns([("a", a.run_id), ("b", b.run_id)], indent=0)]
    blocks += [f"{heading(name)}\n{side_by_side(found)}" for name, found in parts.items()]
    click.echo("\n\n".join(blocks))


def side_by_side(found: Sequence[Difference]) -> str:
    """Return a table of differences: the key, both values, and for numbers b - a."""
    from tabulate import tabulate

    from lrarun.results.run_diff import PERCENT

    if not found:
        return "  the same"
    rows = [[f"  {each.key}", *texts(each.a, each.b, each.key in PERCENT)] for each in found]
    heads = ["", "a", "b", "b - a" if any(row[3] for row in rows) else ""]
    return "\n".join(line.rstrip() for line in tabulate(rows, heads, "plain", disable_numparse=True).splitlines())


def texts(a: Any, b: Any, percent: bool) -> list[str]:
    """Return both values and, for numbers, the difference."""
    from lrarun.cli.support.printing import flow

    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (a, b))
    if percent and numbers:
        return [f"{a:.2f} %", f"{b:.2f} %", f"{b - a:+.2f}"]
    shown = ["-" if value is None else flow(value) for value in (a, b)]
    return [*shown, f"{b - a:+.4g}" if numbers else ""]
