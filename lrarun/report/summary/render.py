"""A table of settings as text, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Sequence

from lrarun.files import to_json
from lrarun.report.latex import latex_table
from lrarun.report.summary.columns import Column, laid_out, wide
from lrarun.report.summary.rows import ERRORS, RUNS, SHORT, Row, Summary, frame
from lrarun.report.summary.settings import phrase, short_names, told_apart, value_text
from lrarun.report.tables import NOTHING, escape_markdown, fixed, records, wrapped
from lrarun.report.wording import plural
from lrarun.results.timing import duration

NOTE = "unfinished"
STALE = "stale"
# What a narrow terminal can do without, first first.
SPARE = ("time", "epoch", "train", "validation")
SETTING = "setting"
WIDEST_PART = 32  # characters of a setting that no line is broken within


def render_summary(summary: Summary, format: str, width: int | None = None, most: int | None = None) -> str:
    """Return a summary in one of :data:`lrarun.report.tables.FORMATS`.

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


def markdown(summary: Summary) -> str:
    """Return a summary in GitHub's Markdown."""
    columns = [Column(escape_markdown(c.head), [*map(escape_markdown, c.cells)], c.number) for c in columns_of(summary)]
    head = [escape_markdown(line) for line in (*above(summary), legend(summary))]
    return "\n\n".join([*head, laid_out(columns, "github")]) + "\n"


def latex(summary: Summary) -> str:
    """Return a summary as a table environment; needs the package booktabs."""
    return latex_table(" ".join([*above(summary), legend(summary)]), laid_out(columns_of(summary), "latex_booktabs"))
