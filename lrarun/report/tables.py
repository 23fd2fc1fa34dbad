"""Cells -> the paper's tables, as text, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Callable
from typing import Any

import pandas as pd
from tabulate import tabulate

from lrarun.files import to_json
from lrarun.paper import DATASETS, OPTIMIZERS, TABLE_OF, printed_cells
from lrarun.report.cells import COLUMNS
from lrarun.report.latex import latex_table
from lrarun.report.wording import replaced

FORMATS = ("text", "markdown", "latex", "csv", "json")
NOTHING = "-"
# CHOSEN stands at a printed number that a setting was chosen by.
PARTIAL, STALE, CHOSEN = "*", "†", "‡"
LATEX_MARKS = {PARTIAL: "$^*$", STALE: "$^\\dagger$", CHOSEN: "$^\\ddagger$"}
WIDEST = 120  # characters of running text

Grid = tuple[list[str], list[str], list[list[str]]]
# (number of the table, its cells) -> the table as text
Layout = Callable[[int, pd.DataFrame], str]


def render(cells: pd.DataFrame, format: str, width: int | None = None) -> str:
    """Return the tables that ``cells`` (from :func:`lrarun.report.cells.fill`) holds, in a format.

    ``csv`` and ``json`` give the columns of :data:`lrarun.report.cells.COLUMNS`, one row
    per cell, errors in percent; the others lay them out as the paper does, without the rows and
    columns in which no cell was asked for. A table in ``text`` that is wider than ``width``
    characters is broken into blocks of as many depths as fit.

    Raises:
        KeyError: for a format that is not in :data:`FORMATS`.
    """
    if format == "csv":
        return cells[list(COLUMNS)].to_csv(index=False, float_format="%.10g", lineterminator="\n")
    if format == "json":
        return to_json(records(cells[list(COLUMNS)])) + "\n"
    layouts: dict[str, Layout] = {"text": functools.partial(text, width=width), "markdown": markdown, "latex": latex}
    layout = layouts[format]
    return "\n".join(layout(number, asked_for(number, cells)) for number in numbers(cells))


def numbers(cells: pd.DataFrame) -> list[int]:
    """Return the numbers of the tables that have cells asked for."""
    return [number for number, table in cells.groupby("table") if table["expected"].any()]


def axes(number: int) -> tuple[str, str]:
    """Return what a table's rows and its groups of columns are, as columns of the cells."""
    return ("dataset", "optimizer") if number == 3 else ("model", "depth")


def asked_for(number: int, cells: pd.DataFrame) -> pd.DataFrame:
    """Return a table's cells in those rows and columns that have one that was asked for."""
    table = cells[cells["table"] == number]
    wanted = table["expected"] | (table["several"] > 0)
    row, column = (wanted.groupby(table[axis]).transform("any") for axis in axes(number))
    return table[row & column]


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as plain mappings, with None for what is empty."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{name: None if value == "" else plain(value) for name, value in row.items()} for row in rows]


def plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own; 0.1 + 0.2 as 0.3."""
    value = getattr(value, "item", lambda: value)()
    return float(f"{value:.10g}") if isinstance(value, float) else value


def subject(number: int) -> str:
    """Return the subject of a table on one line."""
    datasets = {table: DATASETS[name] for name, table in TABLE_OF.items()}
    return f"{datasets.get(number, 'LRA-E with three optimizers, 3 layers')}: error in percent"


def legend(cells: pd.DataFrame) -> str:
    """Return the legend of the marks that a table has."""
    counts = set(cells["runs"].dropna())
    parts = ["Ours, with the paper's in parentheses."]
    if counts == {1}:
        parts.append("One seed (n = 1).")
    elif len(counts) == 1:
        parts.append(f"Test: mean ± sample standard deviation over n = {max(counts)} seeds; train: mean.")
    elif counts:
        parts.append("Test: mean ± sample standard deviation over [n] seeds, or one seed; train: mean over the same.")
    more = f" {PARTIAL} Not all seeds have finished." if partial(cells).any() else ""
    return " ".join(parts) + protocol_note(cells) + more + engines_note(cells) + stale_note(cells)


def protocol_note(cells: pd.DataFrame) -> str:
    """Return a legend's sentence on what is not the paper's protocol, if something is not."""
    departs = [words for words in cells["departs"].unique() if words]
    others = ", and others" if len(departs) > 1 else ""
    return f" Not the paper's protocol: {departs[0]}{others}." if departs else ""


def engines_note(cells: pd.DataFrame) -> str:
    """Return a legend's sentence on the engines, if a cell has runs of several or cells differ in theirs."""
    used = cells["engines"].map(frozenset)
    mixed, all_used = used[used.map(len) > 1], frozenset().union(*used)
    if not mixed.empty:
        return f" Some means are over runs of several engines ({', '.join(sorted(all_used))})."
    return f" Not all cells are of one engine ({', '.join(sorted(all_used))})." if len(all_used) > 1 else ""


def stale_note(cells: pd.DataFrame) -> str:
    """Return a legend's last sentence, if a cell has the mark that it explains."""
    return f" {STALE} Stale: would not come out the same today." if (cells["stale"] > 0).any() else ""


def partial(cells: pd.DataFrame) -> pd.Series:
    """Return which cells have a number although runs are outstanding."""
    return cells["runs"].notna() & (cells["outstanding"] > 0)


def fixed(value: float | None) -> str:
    """Format with two decimals, which 10,000 test images resolve."""
    return f"{value:.2f}"


def train_text(cell: pd.Series) -> str:
    """Return a cell's train error, ours and the paper's: ``0.35 (1.78)``."""
    ours = fixed(cell.train_error) if not math.isnan(cell.train_error) else NOTHING
    return beside(ours, cell.paper_train)


def test_text(cell: pd.Series, number: bool) -> str:
    """Return a cell's test error or its state: ``1.91±0.05 (2.20)``, ``running 34/100 (2.20)``.

    Args:
        cell: one row.
        number: whether to say over how many seeds, where there are several.
    """
    if math.isnan(cell.test_error):
        return beside(cell.state or NOTHING, cell.paper_test)
    spread = "" if math.isnan(cell.test_error_std) else f"±{fixed(cell.test_error_std)}"
    count = f" [{cell.runs}]" if number and cell.runs > 1 else ""
    return beside(fixed(cell.test_error) + spread + count + marks(cell), cell.paper_test)


def marks(cell: pd.Series) -> str:
    """Return a number's marks, as :func:`legend` explains them."""
    return PARTIAL * bool(cell.outstanding) + STALE * bool(cell.stale)


def beside(ours: str, paper: str) -> str:
    """Return our number with the paper's, if there is one."""
    return f"{ours} ({paper})" if paper else ours


def grid(number: int, cells: pd.DataFrame) -> Grid:
    """Return row labels, column groups, and the (train, test) texts of each group in turn."""
    by_optimizer = number == 3
    rows = cells["dataset"].map(DATASETS) if by_optimizer else labels(cells)
    groups = cells["optimizer"] if by_optimizer else cells["depth"]
    mixed = cells["runs"].nunique() > 1
    texts = {
        (row, group): (train_text(cell), test_text(cell, mixed))
        for row, group, (_, cell) in zip(rows, groups, cells.iterrows())
    }
    columns = columns_of(number, cells)
    heads = [OPTIMIZERS[name] if by_optimizer else f"{name} Layers" for name in columns]
    names = list(dict.fromkeys(rows))
    body = [[text for group in columns for text in texts.get((name, group), ("", ""))] for name in names]
    return names, heads, body


def columns_of(number: int, cells: pd.DataFrame) -> list[Any]:
    """Return the depths, or in Table 3 the optimizers, that a table's groups of columns are for, in order."""
    present = cells[axes(number)[1]].unique()
    return [name for name in OPTIMIZERS if name in present] if number == 3 else sorted(present)


def labels(cells: pd.DataFrame) -> pd.Series:
    """Return the rows' labels in Tables 1 and 2: the model, with its optimizer where that is not the paper's."""
    usual = {cell.key.model: cell.key.optimizer for cell in printed_cells() if cell.table == 1}
    names = [
        model if usual.get(model, optimizer) == optimizer else f"{model}, {OPTIMIZERS.get(optimizer, optimizer)}"
        for model, optimizer in zip(cells["model"], cells["optimizer"])
    ]
    return pd.Series(names, index=cells.index)


def layout(
    corner: str,
    table: Grid,
    head: Callable[[str, str], str],
    style: str,
    escape: Callable[[str], str] = str,
) -> str:
    """Lay a table out with tabulate; ``head`` joins a column group's name with Train or Test."""
    names, groups, body = table
    heads = [head(group, column) for group in groups for column in ("Train", "Test")]
    rows = [[escape(text) for text in (name, *texts)] for name, texts in zip(names, body)]
    align = ["left"] + ["right"] * len(heads)
    return tabulate(rows, [corner, *heads], style, disable_numparse=True, colalign=align)


def corner(number: int) -> str:
    """Return the heading of the first column."""
    return "Data set" if number == 3 else "Model"


def text(number: int, cells: pd.DataFrame, width: int | None = None) -> str:
    """Return a table for the terminal, in several blocks if it is wider."""

    def head(group: str, column: str) -> str:
        return f"{group if column == 'Train' else ''}\n{column}"

    def laid_out(table: Grid) -> str:
        return layout("\n" + corner(number), table, head, "simple")

    blocks = "\n\n".join(blocks_within(grid(number, cells), laid_out, width))
    return f"{wrapped(f'Table {number}. {subject(number)}', width)}\n{wrapped(legend(cells), width)}\n\n{blocks}\n"


def blocks_within(table: Grid, laid_out: Callable[[Grid], str], width: int | None) -> list[str]:
    """Lay a table out in blocks of as many column groups as fit into a width, one group at least."""
    names, groups, body = table
    taken = len(groups)
    while True:
        block = laid_out((names, groups[:taken], [texts[: 2 * taken] for texts in body]))
        if width is None or taken <= 1 or len(max(block.splitlines(), key=len)) <= width:
            break
        taken -= 1
    rest = (names, groups[taken:], [texts[2 * taken :] for texts in body])
    return [block, *(blocks_within(rest, laid_out, width) if rest[1] else [])]


def wrapped(content: str, width: int | None) -> str:
    """Break a paragraph into lines of a width, of at most and by default :data:`WIDEST` characters."""
    return textwrap.fill(content, max(20, min(width or WIDEST, WIDEST)), break_on_hyphens=False)


def markdown(number: int, cells: pd.DataFrame) -> str:
    """Return a table in GitHub's Markdown."""

    def head(group: str, column: str) -> str:
        return f"{group}, {column.lower()}"

    body = layout(corner(number), grid(number, cells), head, "github", escape_markdown)
    return f"**Table {number}. {subject(number)}.** {escape_markdown(legend(cells))}\n\n{body}\n"


def escape_markdown(content: str) -> str:
    """Escape the characters that Markdown would interpret in a cell."""
    return replaced(content, {"DTP-sigma": "DTP-σ", "|": "\\|", "*": "\\*", "_": "\\_"}.items())


def latex(number: int, cells: pd.DataFrame) -> str:
    """Return a table environment for LaTeX; needs the package booktabs."""
    table = grid(number, cells)
    _, groups, _ = table
    body = layout(corner(number), table, lambda group, column: column, "latex_booktabs")
    spans = " & ".join(rf"\multicolumn{{2}}{{c}}{{{group}}}" for group in groups)
    rules = " ".join(rf"\cmidrule(lr){{{start}-{start + 1}}}" for start in range(2, 2 * len(groups) + 1, 2))
    body = body.replace("\\toprule\n", f"\\toprule\n & {spans} \\\\\n{rules}\n", 1)
    return latex_table(f"{subject(number)}. {legend(cells)}", body, LATEX_MARKS)
