"""The paper's tables in the report: each cell with the printed number and the verdict."""

from __future__ import annotations

import math

import pandas as pd

from lrarun.paper import DATASETS, MARGINS, OPTIMIZERS
from lrarun.report import comparison
from lrarun.report.tables import asked_for, columns_of, corner, fixed, labels, legend, marks, numbers, subject
from lrarun.report.web.markup import Html, badge, caption, heads, hidden, scrolled, tag
from lrarun.report.wording import plural

NOTHING = "–"
MEANINGS = {
    "reproduced": "the expected test error is the printed one to within the margin, or both networks broke down",
    "lower": "a lower error than printed, by more than chance",
    "higher": "a higher error than printed, by more than chance, or every run diverged",
    "inconclusive": "not to be told: too few seeds, a run that has not finished, or settings that are not the paper's",
    "missing": "there is no run",
}
RULE = (
    "The intervals cover the spread over seeds, ours and that of the paper's single run, the test images, and the"
    " paper's rounding. With one seed the spread is unknown, and is taken as twice what the images alone would make."
    " A number is reproduced if the 90 % interval of the difference lies within the margin; it is lower or higher if"
    " it is not, and the 95 % interval excludes zero. Margin: "
    + ", ".join(f"{margin:g} points on {DATASETS[name]}" for name, margin in MARGINS.items())
    + "."
)


def tables_section(cells: pd.DataFrame) -> Html:
    """Return each table that has cells asked for, and below it the verdicts' arithmetic."""
    parts = [part for number in numbers(cells) for part in one_table(number, asked_for(number, cells))]
    return tag("div", *parts, meanings(), tag("p", RULE, class_="rule"))


def one_table(number: int, cells: pd.DataFrame) -> list[Html]:
    """Return one table as the paper lays it out, and its comparison in a list."""
    by_optimizer = number == 3
    rows = cells["dataset"].map(DATASETS) if by_optimizer else labels(cells)
    groups = cells["optimizer"] if by_optimizer else cells["depth"]
    columns = columns_of(number, cells)
    titles = {column: OPTIMIZERS[column] if by_optimizer else plural(column, "layer") for column in columns}
    found = {place: cell for place, (_, cell) in zip(zip(rows, groups), cells.iterrows())}
    body = [
        tag("tr", tag("th", model_name(row), scope="row"),
            *(part for column in titles for part in cell_parts(found.get((row, column)))))
        for row in dict.fromkeys(rows)
    ]  # fmt: skip
    id = f"table-{number}"
    title = [tag("strong", f"Table {number}. {subject(number)}."), f" {note(cells)}"]
    heading = head(number, list(titles.values()))
    table = tag("table", caption(tag("span", *title), id), heading, tag("tbody", *body), class_="paper")
    return [scrolled(table, id), details(number, cells)]


def note(cells: pd.DataFrame) -> str:
    """Return the legend of a table's numbers."""
    words = legend(cells).replace("Ours, with the paper's in parentheses.", "Ours, and below each the paper's.", 1)
    return words + comparison.chosen_note(cells) + several_note(cells)


def several_note(cells: pd.DataFrame) -> str:
    """Return why cells lack a number that there are runs for; empty if none does."""
    if not (cells["several"] > 0).any():
        return ""
    return " Where several settings fall in one cell, it has none of their numbers: they are under Settings."


def head(number: int, groups: list[str]) -> Html:
    """Return two rows: depths or optimizers, and under each Train and Test."""
    first = [tag("th", corner(number), scope="col", rowspan=2)]
    first += [tag("th", group, scope="colgroup", colspan=2) for group in groups]
    second = [tag("th", name, scope="col") for _ in groups for name in ("Train", "Test")]
    return tag("thead", tag("tr", *first), tag("tr", *second))


def model_name(name: str) -> str:
    """Return a row's name as the paper's text writes it."""
    return name.replace("DTP-sigma", "DTP-σ")


def cell_parts(cell: pd.Series | None) -> list[Html]:
    """Return a cell's train and test error, each with the printed one, and its verdict."""
    if cell is None or not cell.expected:
        printed = (None, None) if cell is None else (cell.paper_train, cell.paper_test)
        several = 0 if cell is None else cell.several
        ours = tag("small", f"{several} settings") if several else hidden("not asked for")
        return [number_cell(ours, paper) for paper in printed]
    train = NOTHING if math.isnan(cell.train_error) else fixed(cell.train_error)
    return [
        number_cell(tag("b", train), cell.paper_train),
        number_cell(test_error(cell), cell.paper_test and comparison.printed_number(cell), badge(cell.verdict)),
    ]


def number_cell(ours: Html, paper: str | None, verdict: Html | None = None) -> Html:
    """Return one number of a table."""
    printed = tag("span", f"paper {paper}", class_="printed") if paper else ""
    return tag("td", ours, " ", printed, " " if verdict else "", verdict or "", class_="number")


def test_error(cell: pd.Series) -> Html:
    """Return our test error with its spread and number of seeds, or how far the runs are."""
    if math.isnan(cell.test_error):
        state = cell.state if cell.state not in ("", cell.verdict) else NOTHING
        return tag("b", state)
    spread = "" if math.isnan(cell.test_error_std) else f"±{fixed(cell.test_error_std)}"
    count = f" [{cell.runs}]" if cell.runs > 1 else ""
    more = f"{spread}{count}{marks(cell)}"
    return tag("b", fixed(cell.test_error), tag("small", more) if more else "")


def details(number: int, cells: pd.DataFrame) -> Html:
    """Return every difference from the paper with its intervals, verdict and reason."""
    wanted = cells[cells["expected"]]
    names = [*(("Data set", "Optimizer") if number == 3 else ("Model", "Layers")), *comparison.HEADS]
    body = [
        tag("tr", tag("th", model_name(row[0]), scope="row"), tag("td", row[1]),
            *(tag("td", value, class_="number") for value in row[2:7]), tag("td", badge_or_dash(row[7])),
            tag("td", row[8]))
        for row in comparison.rows(number, wanted)
    ]  # fmt: skip
    id = f"comparison-{number}"
    table = tag("table", caption(comparison.legend(wanted, ""), id), heads(names), tag("tbody", *body))
    summary = tag("summary", f"Table {number}: each difference, its intervals and verdict")
    return tag("details", summary, scrolled(table, id), class_="print")


def badge_or_dash(verdict: str) -> Html | str:
    """Return a verdict, or a dash where the paper prints nothing to compare with."""
    return badge(verdict) if verdict in MEANINGS else NOTHING


def meanings() -> Html:
    """Return what each verdict means."""
    items = [part for name, words in MEANINGS.items() for part in (tag("dt", badge(name)), tag("dd", words))]
    return tag("dl", *items, class_="meanings")
