"""``lrarun diff``: two runs side by side, where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrarun.cli.support.options import json_option, results_option, run_argument
from lrarun.cli.support.printing import terminal_width

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
    blocks += [f"{heading(name)}\n{side_by_side(found, terminal_width())}" for name, found in parts.items()]
    click.echo("\n\n".join(blocks))


def side_by_side(found: Sequence[Difference], width: int | None = None) -> str:
    """Return a table of differences: the key, both values, and for numbers b - a.

    Of a table that would be wider than ``width``, the longest values stand below it, one under the other.
    """
    from lrarun.report.columns import width_of
    from lrarun.results.run_diff import PERCENT

    if not found:
        return "  the same"
    rows = [[f"  {each.key}", *texts(each.a, each.b, each.key in PERCENT)] for each in found]
    below: list[list[str]] = []
    while rows and width is not None and width_of(table(rows)) > width:
        longest = max(rows, key=lambda row: len(row[1]) + len(row[2]))
        rows.remove(longest)
        below.append(longest)
    return "\n".join([*([table(rows)] if rows else []), *(one_below_another(row, width or 0) for row in below)])


def one_below_another(row: Sequence[str], width: int) -> str:
    """Return a key with both values on lines of their own."""
    from lrarun.report.columns import broken

    key, a, b, _ = row
    return "\n".join([key, *(broken(f"    {name}  {value}", width, " " * 7) for name, value in (("a", a), ("b", b)))])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out keys, values and differences in columns."""
    from tabulate import tabulate

    heads = ["  key", "a", "b", "b - a" if any(row[3] for row in rows) else ""]
    return "\n".join(line.rstrip() for line in tabulate(rows, heads, "plain", disable_numparse=True).splitlines())


def texts(a: Any, b: Any, percent: bool) -> list[str]:
    """Return both values and, for numbers, the difference."""
    from lrarun.cli.support.printing import flow

    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (a, b))
    if percent and numbers:
        return [f"{a:.2f} %", f"{b:.2f} %", f"{b - a:+.2f}"]
    shown = ["-" if value is None else flow(value) for value in (a, b)]
    return [*shown, f"{b - a:+.4g}" if numbers else ""]
