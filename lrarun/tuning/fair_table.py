"""The fair table and its pairs of rules laid out: text, Markdown, CSV or JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from tabulate import tabulate

from lrarun.files import to_json
from lrarun.paper import DATASETS
from lrarun.report.columns import ruled, width_of
from lrarun.report.statistics import CONFIDENCE
from lrarun.report.tables import escape_markdown, records, wrapped
from lrarun.report.wording import p_value
from lrarun.tuning.fair import MISSING

FORMATS = ("text", "markdown", "csv", "json")
NOTHING, SURE = "-", "*"
LEGEND = (
    "Test error in percent, mean ± sample standard deviation over [n] seeds that the search has not seen. Faithful: the"
    " rule's own defaults, [n] seeds. Gain: tuned less faithful, points, ± half of a 95 % interval; * p < 0.05 after"
    " Holm's correction over the rules of a data set and depth. Near best: share of the trials within one point of the"
    " best one's validation error. Rank: among the rules whose runs are complete, and in parentheses the ranks that no"
    " comparison rules out (Holm over the pairs). CSV has the trials that were pruned or diverged, too."
)
LEGEND_OF_PAIRS = (
    "Mean test error of a rule's winner less another's, in points, with its 95 % interval: over seeds that the"
    " search has not seen, paired by seed, on the same test images. Interval and p are of that pair"
    " alone. Corrected: p after Holm's correction over all pairs of the data set and depth, those of missing rules"
    " included; below 0.05, the two are told apart."
)


def render(table: pd.DataFrame, format: str, width: int | None = None) -> str:
    """Return the table of :func:`lrarun.tuning.fair_numbers.table` in one of :data:`FORMATS`.

    Args:
        table: a row per rule.
        format: how to lay it out.
        width: the terminal's, in characters; None without one.

    Raises:
        KeyError: for another format.
    """

    def body(rows: pd.DataFrame, style: str) -> str:
        whole = body_of(rows, style)
        if format == "text" and width is not None and width_of(whole) > width:
            whole = _narrow(rows)
        decided = wrapped(decided_of(rows), width) if format == "text" else escape_markdown(decided_of(rows))
        return f"{whole}\n\n{decided}" if decided else whole

    return _laid_out(table, format, width, LEGEND, body)


def render_pairs(pairs: pd.DataFrame, format: str, width: int | None = None) -> str:
    """Return the pairs of :func:`lrarun.tuning.fair_pairs.table`; else as :func:`render`."""
    return _laid_out(pairs, format, width, LEGEND_OF_PAIRS, pairs_body)


def _laid_out(
    table: pd.DataFrame, format: str, width: int | None, legend: str, body: Callable[[pd.DataFrame, str], str]
) -> str:
    if format == "csv":
        return table.to_csv(index=False, float_format="%.10g", lineterminator="\n")
    if format == "json":
        return to_json(records(table)) + "\n"
    style = {"text": "simple", "markdown": "github"}[format]
    parts = [escape_markdown(legend) if format == "markdown" else wrapped(legend, width)]
    for (dataset, depth), rows in table.groupby(["dataset", "depth"], sort=False):
        title = f"{DATASETS[dataset]}, {depth} hidden layers"
        parts.append(f"{f'**{title}**' if format == 'markdown' else title}\n\n{body(rows, style)}")
    return "\n\n".join(parts) + "\n"


def pairs_body(pairs: pd.DataFrame, style: str) -> str:
    """Return pairs of rules, laid out in one of tabulate's styles."""
    escape = escape_markdown if style == "github" else str
    lines = [
        {
            "Pair": escape(f"{pair.model} less {pair.other}"),
            "Points": f"{pair.difference:+.2f} ({pair.difference_low:+.2f} to {pair.difference_high:+.2f})",
            "p": p_value(pair.p),
            "Corrected": p_value(pair.p_holm),
        }
        for pair in pairs.itertuples()
    ]
    return tabulate(lines, "keys", style, disable_numparse=True, colalign=("left", *["right"] * 3))


def body_of(rows: pd.DataFrame, style: str) -> str:
    """Return the rows of one data set and depth, laid out in one of tabulate's styles."""
    escape = escape_markdown if style == "github" else str
    lines = [{name: escape(text) for name, text in _line(row).items()} for row in rows.itertuples()]
    return tabulate(lines, "keys", style, disable_numparse=True, colalign=("left", *["right"] * 6))


def _narrow(rows: pd.DataFrame) -> str:
    """Return the rows of one data set and depth in 72 columns."""
    lines = [_line(row) for row in rows.itertuples()]
    heads = {"Validation": "Valida-\ntion", "Near best": "Near\nbest"}
    return ruled([[heads.get(name, name) for name in lines[0]], *(list(line.values()) for line in lines)])


def decided_of(rows: pd.DataFrame) -> str:
    """Return which rules of one data set and depth are told apart, in words; empty without two complete ones."""
    ranked = rows.dropna(subset="rank").sort_values("rank")
    if len(ranked) < 2:
        return ""
    pairs = [f"{row.model} below {row.better_than}" for row in ranked.itertuples() if row.better_than]
    return f"Told apart: {'; '.join(pairs)}." if pairs else "No two rules are told apart."


def _line(row: Any) -> dict[str, str]:
    return {
        "Model": row.model,
        "Validation": _number(row.validation_error),
        "Near best": NOTHING if pd.isna(row.near_best) else f"{100 * row.near_best:.0f} %",
        "Test": row.state.removeprefix(f"{MISSING}: ") or _with_count(row.test_error, row.test_error_std, row.runs),
        "Faithful": _with_count(row.faithful_test_error, None, row.faithful_runs),
        "Gain": NOTHING if pd.isna(row.gain) else f"{row.gain:+.2f}{_spread(row.gain_half_width)}{_mark(row.gain_p)}",
        "Rank": NOTHING if pd.isna(row.rank) else f"{row.rank:g} ({row.rank_low}–{row.rank_high})",
    }


def _number(value: float | None) -> str:
    return NOTHING if pd.isna(value) else f"{value:.2f}"


def _mark(p: float | None) -> str:
    return SURE if p is not None and p < 1 - CONFIDENCE else ""


def _spread(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"±{value:.2f}"


def _with_count(value: float | None, spread: float | None, count: int) -> str:
    return NOTHING if pd.isna(value) else f"{_number(value)}{_spread(spread)} [{count}]"
