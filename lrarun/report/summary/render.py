"""A table of settings, and a comparison of two, as text, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd
from tabulate import tabulate

from lrarun.files import to_json
from lrarun.report.statistics import Estimate
from lrarun.report.summary.difference import NOT_TOLD, ComparedSettings
from lrarun.report.summary.rows import ERRORS, RUNS, SHORT, Row, Summary, frame
from lrarun.report.summary.settings import phrase, short_names, told_apart, value_text
from lrarun.report.tables import NOTHING, escape_markdown, fixed, records, replaced, wrapped
from lrarun.report.wording import plural
from lrarun.results.timing import duration

NOTE = "unfinished"
STALE = "stale"
# What a narrow terminal can do without, first first.
SPARE = ("time", "epoch", "train", "validation")
SETTING, VERDICT, SEEDS = "setting", "verdict", "seeds"
FEW_SEEDS = 4  # up to here Student's t makes an interval more than 1.5 times as wide as many seeds would
WIDEST_PART = 32  # characters of a setting that no line is broken within
FORMATS = ("text", "markdown", "latex", "csv", "json")


class Column(NamedTuple):
    """A column of texts: its heading, its cells, and whether they are aligned as numbers."""

    head: str
    cells: list[str]
    number: bool = True


def render_summary(summary: Summary, format: str, width: int | None = None, most: int | None = None) -> str:
    """Return a summary in one of :data:`FORMATS`.

    ``csv`` has the columns of :func:`lrarun.report.summary.rows.frame`; ``json`` is an object with ``common``, the
    settings that all share, and ``settings``, the rows. A ``text`` fits into ``width`` characters, and has at most
    ``most`` rows.

    Raises:
        KeyError: for another format.
    """
    if format == "csv":
        return frame(summary).to_csv(index=False, float_format="%.10g", lineterminator="\n")
    if format == "json":
        return to_json({"common": dict(summary.keys.common), "settings": records(frame(summary))}) + "\n"
    layouts: dict[str, Callable[[Summary], str]] = {
        "text": functools.partial(text, width=width, most=most), "markdown": markdown, "latex": latex,
    }  # fmt: skip
    return layouts[format](summary)


def columns_of(summary: Summary) -> list[Column]:
    """Return the table's columns; one with what has no score only where there is such a run."""
    rows = summary.rows
    made = [*setting_columns(summary), Column(RUNS, [str(len(row.runs)) for row in rows])]
    made += [Column(SHORT[error], [mean_text(row, error) for row in rows]) for error in ERRORS]
    made.append(Column(SHORT["best_epoch"], [epoch_text(row.mean("best_epoch")) for row in rows]))
    made.append(Column(SHORT["seconds"], [time_text(row.mean("seconds")) for row in rows]))
    if any(row.outstanding for row in rows):
        made.append(Column(NOTE, [unscored_text(row) for row in rows], number=False))
    if any(row.stale for row in rows):
        made.append(Column(STALE, [str(row.stale or "") for row in rows]))
    return made


def setting_columns(summary: Summary) -> list[Column]:
    """Return a column for each key that tells the settings apart."""
    heads = short_names(summary.keys.columns, [RUNS, NOTE, STALE, *SHORT.values()])
    made = []
    for key in summary.keys.columns:
        values = [row.flat.get(key) for row in summary.rows]
        numbers = all(isinstance(value, int | float | None) and not isinstance(value, bool) for value in values)
        made.append(Column(heads[key], [*map(value_text, values)], numbers))
    return made


def mean_text(row: Row, error: str) -> str:
    """Return an error over the runs: ``2.11±0.15``, ``2.11`` for one run."""
    mean, std = row.mean(error), row.std(error)
    if mean is None:
        return NOTHING
    return fixed(mean) + ("" if std is None else f"±{fixed(std)}")


def epoch_text(epoch: float | None) -> str:
    """Return a mean epoch to a tenth."""
    return NOTHING if epoch is None else f"{epoch:.1f}".removesuffix(".0")


def time_text(seconds: float | None) -> str:
    """Return a mean time in words."""
    return NOTHING if seconds is None else duration(seconds).replace("under ", "<")


def unscored_text(row: Row) -> str:
    """Return what has no score: ``running 34/100``; ``1 missing, 2 diverged`` where there are several."""
    if row.outstanding <= 1:
        return row.first
    return ", ".join(f"{count} {state}" for state, count in (row.unscored or {}).items())


def above(summary: Summary) -> list[str]:
    """Return the lines above a table: what its settings share, and what follows from a choice."""
    keys = summary.keys
    lines = [f"In common: {phrase(keys.common)}."] if keys.common else []
    lines += [f"With {choice}: {phrase(flat)}." for choice, flat in keys.follows.items()]
    if keys.usual:
        heads = dict.fromkeys(key.partition(".")[0] for key in keys.usual)
        parts = [head if head in keys.usual else f"the {head}'s own settings" for head in heads]
        lines.append(f"What else differs follows from these by default: {', '.join(parts)}.")
    return lines


def legend(summary: Summary) -> str:
    """Return what the columns mean."""
    counts = {len(row.runs) for row in summary.rows} - {0}
    over = "runs" if summary.over else "seeds"
    spread = f", mean±sample standard deviation over {over}" if max(counts, default=1) > 1 else ""
    parts = [f"Errors in percent{spread}, at the epoch with the lowest validation error."]
    if summary.over:
        parts.append(f"A row's runs differ in {', '.join(summary.over)}.")
    if counts == {1} and not summary.over:
        parts.append("One seed each.")
    if any(row.outstanding for row in summary.rows):
        parts.append("What is unfinished is in no mean.")
    if any(row.stale for row in summary.rows):
        parts.append("stale: runs that would not come out the same today.")
    return " ".join(parts)


def text(summary: Summary, width: int | None = None, most: int | None = None) -> str:
    """Return a summary for the terminal; in a narrow one, columns are left out or put together."""
    shown = summary if most is None else Summary(summary.keys, summary.rows[:most], summary.over)
    table, left_out = fitted(shown, width)
    below = [wrapped(f"Left out for want of room: {', '.join(left_out)}.", width)] if left_out else []
    if len(summary.rows) > len(shown.rows):
        below.append(f"and {plural(len(summary.rows) - len(shown.rows), 'more setting')}")
    head = [wrapped(line, width) for line in (*above(summary), legend(summary))]
    return "\n".join([*head, "", table, *(["", *below] if below else [])]) + "\n"


def fitted(summary: Summary, width: int | None) -> tuple[str, list[str]]:
    """Return the table within a width, and the columns that it had to leave out for it."""
    made = columns_of(summary)
    own = len(summary.keys.columns)
    for kept, left_out in [(made, []), *with_fewer(made)]:
        if width is None or wide(kept) <= width:
            return laid_out(kept, "simple"), left_out
    for kept, gone in [(made, []), *with_fewer(made)]:
        columns, left_out = [together(summary, (width or 0) - wide(kept[own:]) - 2), *kept[own:]], gone
        if width is None or wide(columns) <= width:
            break
    return laid_out(columns, "simple"), left_out


def wide(columns: Sequence[Column]) -> int:
    """Return how wide columns are when laid out: as wide as with their longest lines alone."""
    longest = [max((line for cell in column.cells for line in cell.splitlines()), key=len, default="")
               for column in columns]  # fmt: skip
    rows = [column._replace(cells=[line]) for column, line in zip(columns, longest)]
    return max(map(len, laid_out(rows, "simple").splitlines()), default=0)


def with_fewer(columns: Sequence[Column]) -> list[tuple[list[Column], list[str]]]:
    """Return columns with one of :data:`SPARE` less at a time, and the names of those that are left out."""
    steps = [SPARE[: count + 1] for count in range(len(SPARE))]
    return [([column for column in columns if column.head not in gone], list(gone)) for gone in steps]


def together(summary: Summary, width: int) -> Column:
    """Return what tells the settings apart as one column, each setting on lines of its own."""
    short = short_names(summary.keys.columns)
    texts = [
        [value if isinstance(value, str) else f"{short[key]} {value_text(value)}" for key, value in flat.items()]
        for flat in told_apart([row.flat for row in summary.rows], summary.keys.columns)
    ]
    widest = max((len(part) + 1 for parts in texts for part in parts), default=0)
    width = max(width, min(widest, WIDEST_PART), len(SETTING) + 2)
    return Column(SETTING, ["\n".join(broken(parts, width)) for parts in texts], number=False)


def broken(parts: Sequence[str], width: int) -> list[str]:
    """Return a list in lines of a width, broken between its parts where that can be."""
    glued = ", ".join(part.replace(" ", "\u00a0") for part in parts)
    lines = textwrap.wrap(glued, width, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines]


def laid_out(columns: Sequence[Column], style: str) -> str:
    """Lay columns out with tabulate."""
    align = ["right" if column.number else "left" for column in columns]
    rows = list(zip(*(column.cells for column in columns)))
    return tabulate(rows, [column.head for column in columns], style, disable_numparse=True, colalign=align,
                    preserve_whitespace=False)  # fmt: skip


def markdown(summary: Summary) -> str:
    """Return a summary in GitHub's Markdown."""
    columns = [Column(escape_markdown(c.head), [*map(escape_markdown, c.cells)], c.number) for c in columns_of(summary)]
    head = [escape_markdown(line) for line in (*above(summary), legend(summary))]
    return "\n\n".join([*head, laid_out(columns, "github")]) + "\n"


def latex(summary: Summary) -> str:
    """Return a summary as a table environment; needs the package booktabs."""
    return as_latex_table(" ".join([*above(summary), legend(summary)]), laid_out(columns_of(summary), "latex_booktabs"))


def as_latex_table(caption: str, body: str) -> str:
    """Wrap a tabular in a table environment with a caption."""
    escaped = replaced(caption, {"\\": "\\textbackslash ", "%": "\\%", "_": "\\_", "&": "\\&", "#": "\\#"}.items())
    lines = ["% Needs \\usepackage{booktabs}.", "\\begin{table}", "\\centering", f"\\caption{{{escaped}}}", body,
             "\\end{table}"]  # fmt: skip
    return replaced("\n".join(lines), [("±", "$\\pm$")]) + "\n"


def difference_frame(found: ComparedSettings) -> pd.DataFrame:
    """Return a comparison as a table for programs: one row per pair of settings and error.

    Columns: the keys that tell the pairs apart; ``error``; ``seeds`` (how many); ``a``, ``b`` (percent),
    ``difference``, ``low``, ``high`` (points; the 95 % interval) and ``verdict``.
    """
    rows = []
    for one in found.differences:
        low, high = one.interval or (None, None)
        rows.append({**one.others, "error": one.error, "seeds": len(one.seeds), "a": one.a, "b": one.b,
                     "difference": one.difference, "low": low, "high": high, "verdict": one.verdict})  # fmt: skip
    columns = [*found.columns, "error", "seeds", "a", "b", "difference", "low", "high", "verdict"]
    numbers = ("a", "b", "difference", "low", "high")
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(numbers, "float64"))


def render_difference(found: ComparedSettings, format: str, width: int | None = None) -> str:
    """Return a comparison of settings in one of :data:`FORMATS`; ``csv`` as :func:`difference_frame`.

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
        return as_latex_table(f"A: {found.a}. B: {found.b}. {lines[2]}", body)
    between = "\n\n" if format == "markdown" else "\n"
    shown = [escape_markdown(line) if format == "markdown" else wrapped(line, width) for line in lines]
    notes = f"\n{wrapped(below, width)}\n" if below else ""
    return f"{between.join(shown)}\n\n{body}\n{notes}"


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
