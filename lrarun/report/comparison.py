"""Each cell's difference from the paper's number and the verdict on it, as a list."""

from __future__ import annotations

import math
from collections import Counter

import pandas as pd
from tabulate import tabulate

from lrarun.files import to_json
from lrarun.paper import DATASETS, OPTIMIZERS
from lrarun.report.cells import COLUMNS
from lrarun.report.tables import (
    NOTHING,
    STALE,
    escape_markdown,
    finish_latex,
    fixed,
    labels,
    records,
    render,
    stale_note,
    subject,
)  # fmt: skip
from lrarun.report.verdicts import VERDICTS

HEADS = ("Ours", "Paper", "Difference", "Tolerance", "Verdict", "Why")


def render_comparison(cells: pd.DataFrame, format: str) -> str:
    """Return the cells with verdicts, from :func:`lrarun.report.verdicts.add_verdicts`, in a format.

    ``csv`` has the columns that it always has, ``json`` also ``difference``,
    ``tolerance`` and ``note``.
    """
    if format == "csv":
        return render(cells, format)
    if format == "json":
        return to_json(records(cells[[*COLUMNS, "difference", "tolerance", "note"]])) + "\n"
    layout = {"text": text, "markdown": markdown, "latex": latex}[format]
    cells = cells[cells["expected"]]
    return "\n".join(layout(number, table) for number, table in cells.groupby("table"))


def heading(number: int) -> str:
    """Return the subject of a comparison on one line."""
    return f"{subject(number).replace('error', 'test error')}, against the paper"


def legend(cells: pd.DataFrame) -> str:
    """Return the legend: the number of cells with each verdict, and what the numbers mean."""
    counts = Counter(cells["verdict"])
    tally = ", ".join(f"{counts[name]} {name}" for name in VERDICTS if counts[name])
    return f"{tally}. Difference and tolerance in points; the rule is in docs/verdicts.md.{stale_note(cells)}"


def rows(number: int, cells: pd.DataFrame) -> list[list[str]]:
    """Return the cells of :func:`body` as texts."""
    names = cells["dataset"].map(DATASETS) if number == 3 else labels(cells)
    columns = cells["optimizer"].replace(OPTIMIZERS) if number == 3 else cells["depth"].astype(str)
    return [
        [
            name, column, ours(cell), cell.paper_test or NOTHING, number_or_nothing(cell.difference, "+.2f"),
            number_or_nothing(cell.tolerance, ".2f"), cell.verdict or NOTHING, cell.note,
        ]
        for name, column, (_, cell) in zip(names, columns, cells.iterrows())
    ]  # fmt: skip


def ours(cell: pd.Series) -> str:
    """Return our test error with its spread and number of seeds, if it has them."""
    if math.isnan(cell.test_error):
        return NOTHING
    if math.isnan(cell.test_error_std):
        return fixed(cell.test_error) + STALE * bool(cell.stale)
    return f"{fixed(cell.test_error)}±{fixed(cell.test_error_std)} [{cell.runs}]{STALE * bool(cell.stale)}"


def number_or_nothing(value: float, format: str) -> str:
    """Return a number, or a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:{format}}"


def body(number: int, cells: pd.DataFrame, style: str) -> str:
    """Lay the list out with tabulate."""
    heads = [*(("Data set", "Optimizer") if number == 3 else ("Model", "Layers")), *HEADS]
    align = ["left", "left" if number == 3 else "right", "right", "right", "right", "right", "left", "left"]
    return tabulate(rows(number, cells), heads, style, disable_numparse=True, colalign=align)


def text(number: int, cells: pd.DataFrame) -> str:
    """Return a comparison for the terminal."""
    return f"Table {number}. {heading(number)}\n{legend(cells)}\n\n{body(number, cells, 'simple')}\n"


def markdown(number: int, cells: pd.DataFrame) -> str:
    """Return a comparison in GitHub's Markdown."""
    escaped = cells.assign(model=cells["model"].map(escape_markdown))
    return f"**Table {number}. {heading(number)}.** {legend(cells)}\n\n{body(number, escaped, 'github')}\n"


def latex(number: int, cells: pd.DataFrame) -> str:
    """Return a comparison as a table environment; needs the package booktabs."""
    return finish_latex(f"{heading(number)}. {legend(cells)}", body(number, cells, "latex_booktabs"))
