"""Each cell's difference from the paper's number and the verdict on it, as a list."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Container

import pandas as pd
from tabulate import tabulate

from lrarun.files import to_json
from lrarun.paper import DATASETS, MARGINS, OPTIMIZERS
from lrarun.report.cells import COLUMNS
from lrarun.report.latex import latex_table
from lrarun.report.tables import (
    CHOSEN,
    LATEX_MARKS,
    NOTHING,
    STALE,
    Layout,
    engines_note,
    escape_markdown,
    fixed,
    labels,
    protocol_note,
    records,
    render,
    stale_note,
    subject,
    wrapped,
)  # fmt: skip
from lrarun.report.verdicts import NUMBERS, REPRODUCED, VERDICTS

HEADS = ("Ours", "Paper", "Difference", "90 %", "95 %", "Verdict", "Why")


def render_comparison(cells: pd.DataFrame, format: str, width: int | None = None) -> str:
    """Return the cells with verdicts, from :func:`lrarun.report.verdicts.add_verdicts`, in a format.

    ``csv`` has the columns that it always has, ``json`` also those of :data:`lrarun.report.verdicts.NUMBERS`,
    ``note`` and ``readings``. In a ``text`` that is wider than ``width`` characters, reasons stand below the list.
    """
    if format == "csv":
        return render(cells, format)
    if format == "json":
        return to_json(records(cells[[*COLUMNS, *NUMBERS, "note", "readings"]])) + "\n"
    layouts: dict[str, Layout] = {"text": functools.partial(text, width=width), "markdown": markdown, "latex": latex}
    layout = layouts[format]
    cells = cells[cells["expected"]]
    return "\n".join(layout(number, table) for number, table in cells.groupby("table"))


def heading(number: int) -> str:
    """Return the subject of a comparison on one line."""
    return f"{subject(number).replace('error', 'test error')}, against the paper"


def legend(cells: pd.DataFrame, rules: str = " The rules: lrarun docs verdicts.") -> str:
    """Return the legend: the number of cells with each verdict, what the numbers mean, and where the rules are."""
    margins = " and ".join(dict.fromkeys(f"{MARGINS[name]:g} on {DATASETS[name]}" for name in cells["dataset"]))
    spread = "Ours: mean ± sample standard deviation over [n] seeds. " if cells["test_error_std"].notna().any() else ""
    counts = f"{tally(cells)}. " if cells["verdict"].any() else ""
    return (
        f"{counts}{spread}Difference in points, with half the widths of its 90 % and 95 % intervals."
        f" reproduced: within {margins} by the 90 % interval; lower, higher: not 0 by the 95 % interval."
        f"{rules}{protocol_note(cells)}{chosen_note(cells)}{engines_note(cells)}{stale_note(cells)}"
    )


def tally(cells: pd.DataFrame) -> str:
    """Return the number of cells with each verdict: ``3 reproduced, of which ...; 8 lower, 9 inconclusive``."""
    counts = Counter(cells["verdict"])
    parts = [f"{counts[name]} {name}" for name in VERDICTS if counts[name]]
    chosen = reproduced_by_choice(cells)
    return f"{parts[0]}, {chosen}{'; ' * (len(parts) > 1)}{', '.join(parts[1:])}" if chosen else ", ".join(parts)


def reproduced_by_choice(cells: pd.DataFrame) -> str:
    """Return how many of the reproduced cells are no surprise, as a setting was chosen by them; empty without any."""
    reproduced = cells[cells["verdict"] == REPRODUCED]
    count = int(reproduced["readings"].map(bool).sum())
    words = f"{count} in {'a cell' if count == 1 else 'cells'} that a setting was chosen by"
    return f"of which {words}" if len(reproduced) else ""


def chosen_note(cells: pd.DataFrame) -> str:
    """Return the legend's sentence on the mark of printed numbers, if one has it."""
    return f" {CHOSEN} A setting was chosen by this printed number." if cells["readings"].map(bool).any() else ""


def printed_number(cell: pd.Series) -> str:
    """Return the paper's test error with its mark, or a dash."""
    return (cell.paper_test + CHOSEN * bool(cell.readings)) if cell.paper_test else NOTHING


def rows(number: int, cells: pd.DataFrame) -> list[list[str]]:
    """Return the cells of :func:`body` as texts."""
    names = cells["dataset"].map(DATASETS) if number == 3 else labels(cells)
    columns = cells["optimizer"].replace(OPTIMIZERS) if number == 3 else cells["depth"].astype(str)
    return [
        [
            name, column, ours(cell), printed_number(cell), number_or_nothing(cell.difference, "+.2f"),
            number_or_nothing(cell.half_width_90, ".2f"), number_or_nothing(cell.half_width_95, ".2f"),
            cell.verdict or NOTHING, cell.note,
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
    align = ["left", "left" if number == 3 else "right", *["right"] * (len(HEADS) - 2), "left", "left"]
    return tabulate(rows(number, cells), heads, style, disable_numparse=True, colalign=align)


def narrow_body(number: int, cells: pd.DataFrame, left_out: Container[str]) -> str:
    """Lay the list out without reasons and other columns, the first two in one."""
    kept = [place for place, head in enumerate(HEADS[:-1]) if head not in left_out]
    heads = ["Cell", *(HEADS[place].replace("Difference", "Diff.") for place in kept)]
    shown = [[f"{name} {column}", *(row[place] for place in kept)] for name, column, *row in rows(number, cells)]
    align = ["left", *["right"] * (len(kept) - 1), "left"]
    return tabulate(shown, heads, "simple", disable_numparse=True, colalign=align)


def text(number: int, cells: pd.DataFrame, width: int | None = None) -> str:
    """Return a comparison for the terminal; in a narrow one, reasons stand below and 90 % may be left out."""
    head = f"{wrapped(f'Table {number}. {heading(number)}', width)}\n{wrapped(legend(cells), width)}"
    shown = body(number, cells, "simple")
    if width is None or fits(shown, width):
        return f"{head}\n\n{shown}\n"
    below = reasons_below(number, cells, width)
    shown = narrow_body(number, cells, ())
    if not fits(shown, width):
        shown = narrow_body(number, cells, ("90 %",))
        below.append(wrapped("The column 90 % is left out here; a wider terminal has it, and a file.", width))
    return "\n".join([head, "", shown, *(["", *below] if below else [])]) + "\n"


def fits(shown: str, width: int) -> bool:
    """Return whether no line is longer than a width."""
    return max(map(len, shown.splitlines())) <= width


def reasons_below(number: int, cells: pd.DataFrame, width: int) -> list[str]:
    """Return the reasons of a comparison, each with the cells that it is for."""
    by_reason: dict[str, list[str]] = {}
    for name, column, *_, reason in rows(number, cells):
        if reason:
            by_reason.setdefault(reason, []).append(f"{name} {column}")
    return [wrapped(f"{', '.join(names)}: {reason}.", width) for reason, names in by_reason.items()]


def markdown(number: int, cells: pd.DataFrame) -> str:
    """Return a comparison in GitHub's Markdown."""
    escaped = cells.assign(model=cells["model"].map(escape_markdown))
    return f"**Table {number}. {heading(number)}.** {legend(cells)}\n\n{body(number, escaped, 'github')}\n"


def latex(number: int, cells: pd.DataFrame) -> str:
    """Return a comparison as a table environment; needs the package booktabs."""
    return latex_table(f"{heading(number)}. {legend(cells)}", body(number, cells, "latex_booktabs"), LATEX_MARKS)
