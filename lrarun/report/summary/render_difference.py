"""A comparison of two settings as text, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import re
import textwrap

import pandas as pd

from lrarun.files import to_json
from lrarun.report.latex import latex_table
from lrarun.report.statistics import Estimate
from lrarun.report.summary.columns import Column, laid_out, wide
from lrarun.report.summary.difference import NOT_TOLD, ComparedSettings
from lrarun.report.summary.rows import ERRORS, SHORT
from lrarun.report.summary.settings import short_names, value_text
from lrarun.report.tables import NOTHING, escape_markdown, records, wrapped
from lrarun.report.wording import plural

VERDICT, SEEDS = "verdict", "seeds"
FEW_SEEDS = 4  # up to here Student's t makes an interval more than 1.5 times as wide as many seeds would


def render_difference(found: ComparedSettings, format: str, width: int | None = None) -> str:
    """Return a comparison of settings in one of :data:`lrarun.report.tables.FORMATS`.

    ``csv`` has the columns of :func:`difference_frame`.

    Raises:
        KeyError: for another format.
    """
    if format == "csv":
        return difference_frame(found).to_csv(index=False, float_format="%.10g", lineterminator="\n")
    if format == "json":
        rows = [dict(row) for row in records(difference_frame(found))]
        return to_json({"a": found.a, "b": found.b, "differences": rows}) + "\n"
    styles = {"text": "simple", "markdown": "github", "latex": "latex_booktabs"}
    columns = difference_columns(found)
    below = ""
    if format == "text" and width is not None:
        columns, below = fitted_difference(columns, len(found.columns), width)
    body = laid_out(columns, styles[format])
    lines = [f"A: {found.a}", f"B: {found.b}", difference_legend(found)]
    if format == "latex":
        return latex_table(f"A: {found.a}. B: {found.b}. {lines[2]}", body)
    between = "\n\n" if format == "markdown" else "\n"
    shown = [escape_markdown(line) if format == "markdown" else wrapped(line, width) for line in lines]
    notes = f"\n{wrapped(below, width)}\n" if below else ""
    return f"{between.join(shown)}\n\n{body}\n{notes}"


def difference_frame(found: ComparedSettings) -> pd.DataFrame:
    """Return a comparison as a table for programs: one row per pair of settings and error.

    Columns: the keys that tell the pairs apart; ``error``; ``seeds`` (how many); ``a``, ``b`` (percent),
    ``difference``, ``low``, ``high`` (points; the 95 % interval), ``over_images`` (whether it is over test images as
    well as seeds) and ``verdict``.
    """
    rows = []
    for one in found.differences:
        low, high = one.interval or (None, None)
        rows.append({**one.others, "error": one.error, "seeds": len(one.seeds), "a": one.a, "b": one.b,
                     "difference": one.difference, "low": low, "high": high, "over_images": one.over_images,
                     "verdict": one.verdict})  # fmt: skip
    columns = [*found.columns, "error", "seeds", "a", "b", "difference", "low", "high", "over_images", "verdict"]
    numbers = ("a", "b", "difference", "low", "high")
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(numbers, "float64"))


def fitted_difference(columns: list[Column], own: int, width: int) -> tuple[list[Column], str]:
    """Return a comparison's columns within a width, and what is to be said of those left out for it.

    A number of seeds that all rows share needs no column. Then the verdict, and the first ``own`` columns, which tell
    the pairs apart, are broken into lines: they are words. What is left out last is
    the two means, then uneven numbers of seeds.
    """
    seeds = next(column for column in columns if column.head == SEEDS)
    said = f"Each row is over {plural(int(seeds.cells[0]), 'seed')}." if len(set(seeds.cells)) == 1 else ""
    fewer = [column for column in columns if column.head != SEEDS] if said else columns
    for kept, below in ((columns, ""), (fewer, said)):
        if wide(kept) <= width:
            return kept, below
    for gone in ((), ("A", "B"), ("A", "B", SEEDS)):
        fit = [column for column in fewer if column.head not in gone]
        for at in (len(fit) - 1, *range(own)):
            if wide(fit) > width:
                room = width - wide(fit) + max(map(len, [fit[at].head, *fit[at].cells]))
                fit[at] = in_lines(fit[at], room)
        if wide(fit) <= width:
            break
    lost = [column.head for column in fewer if column.head in gone]
    left_out = f"Left out for want of room: {', '.join(lost)}." if lost else ""
    return fit, " ".join(filter(None, (said, left_out)))


def in_lines(column: Column, width: int) -> Column:
    """Return a column with its cells broken between words and at hyphens, into lines of a width if that can be."""
    longest = max((len(part) for cell in column.cells for part in re.findall(r"[^\s-]+-?", cell)), default=1)
    most = max(width, longest, len(column.head) + 2)  # a heading is laid out with two blanks to spare
    return column._replace(cells=["\n".join(textwrap.wrap(cell, most)) for cell in column.cells])


def difference_legend(found: ComparedSettings) -> str:
    """Return what the columns of a comparison mean."""
    parts = ["A-B in points of percent, paired by seed, with its 95 % interval over seeds (Student's t)."]
    tests = [one for one in found.differences if one.error == "test_error" and one.half_width is not None]
    if any(one.over_images for one in tests):
        parts.append("That of the test error is over the test images, too.")
    if not all(one.over_images for one in tests):
        parts.append("Without predictions of the same test images, that of the test error is over seeds alone.")
    pairs = len(found.differences) // len(ERRORS)
    if pairs > 1:
        parts.append(f"Of {pairs} pairs, chance alone puts about one in twenty outside of its interval.")
    counts = [len(one.seeds) for one in found.differences if one.verdict == NOT_TOLD and len(one.seeds) <= FEW_SEEDS]
    if counts:
        factor = Estimate(0.0, ((1.0, min(counts) - 1),)).half_width()
        parts.append(
            f"With {min(counts)} seeds the interval is {factor:.1f} standard errors to each side, with many 2:"
            " what is not told apart may be for want of seeds."
        )
    return " ".join(parts)


def difference_columns(found: ComparedSettings) -> list[Column]:
    """Return a comparison's columns."""
    rows, heads = found.differences, short_names(found.columns)
    made = [Column(heads[key], [value_text(row.others.get(key)) for row in rows], False) for key in found.columns]
    made.append(Column("error", [SHORT[row.error] for row in rows], False))
    made.append(Column("A", [number(row.a) for row in rows]))
    made.append(Column("B", [number(row.b) for row in rows]))
    made.append(Column("A-B", [number(row.difference, "+.2f") for row in rows]))
    made.append(Column("95 %", [interval_text(row.interval) for row in rows]))
    made.append(Column(SEEDS, [str(len(row.seeds)) for row in rows]))
    made.append(Column(VERDICT, [row.verdict for row in rows], False))
    return made


def number(value: float | None, format: str = ".2f") -> str:
    """Return a number, or a dash for none."""
    return NOTHING if value is None else f"{value:{format}}"


def interval_text(interval: tuple[float, float] | None) -> str:
    """Return ``-0.31 to +0.12``."""
    return NOTHING if interval is None else f"{interval[0]:+.2f} to {interval[1]:+.2f}"
