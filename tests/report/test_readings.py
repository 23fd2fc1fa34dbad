"""Which cells a setting was chosen by: the data are about the settings in force, and tables tell those cells apart."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from lrarun.paper import MODELS, Key, printed_cells
from lrarun.paper.readings import load_readings, readings_by_cell, readings_used
from lrarun.report.cells import COLUMNS, Wanted, fill
from lrarun.report.comparison import CHOSEN, render_comparison, reproduced_by_choice, tally
from lrarun.report.repetitions import comparable
from lrarun.report.verdicts import add_verdicts
from lrarun.report.web.tables_section import tables_section
from lrarun.results.read import read_results
from lrarun.specs.paper_runs import paper_specs
from tests.support.fabricate import protocol, write_all
from tests.support.pages import parse

DOCS = Path(__file__).parent.parent.parent / "docs"
KEYS = {cell.key for cell in printed_cells()}
# As docs/choices.md tells it: all on MNIST.
CHOSEN_BY = {
    *((model, depth) for model in ("Backprop", "RFA", "DFA") for depth in (3, 8)),
    *((model, depth) for model in ("DTP", "LRA-E") for depth in (3, 5, 8)),
}


@pytest.fixture
def judged(tmp_path):
    write_all(tmp_path, seeds=(0, 1, 2))
    return add_verdicts(fill(read_results(tmp_path), {key: Wanted(spec) for key, spec in protocol().items()}))


def is_chosen(cell):
    usual = "rmsprop" if cell.model == "DTP" else "sgd"
    return cell.dataset == "mnist" and cell.optimizer == usual and (cell.model, cell.depth) in CHOSEN_BY


@pytest.mark.parametrize("reading", load_readings(), ids=lambda reading: reading.id)
def test_a_reading_is_in_force_in_the_cells_of_its_rules(reading):
    specs = paper_specs([key for key in KEYS if key.model in reading.rules])
    assert len(specs) >= 6 and set(reading.rules) <= set(MODELS.values())
    for key, spec in specs.items():
        assert {name: comparable(spec)[name] for name in reading.settings} == dict(reading.settings), key


@pytest.mark.parametrize("reading", load_readings(), ids=lambda reading: reading.id)
def test_a_reading_was_chosen_by_cells_of_its_own_rules(reading):
    assert set(reading.chosen_by) <= set(reading.rules)
    assert {(key.model, key.depth) for key in reading.cells()} == {
        (model, depth) for model, depths in reading.chosen_by.items() for depth in depths
    }
    assert all(reading.id in readings_used(key) for key in reading.cells())
    assert reading.because and reading.also


def test_thirteen_of_the_48_cells_were_chosen_by():
    """Twelve of Table 1, and the cell of Table 3 that repeats one of them."""
    cells = [cell for cell in printed_cells() if cell.key in readings_by_cell()]
    assert {(cell.key.model, cell.key.depth) for cell in cells} == CHOSEN_BY
    assert [sum(cell.table == number for cell in cells) for number in (1, 2, 3)] == [12, 0, 1]
    assert all(cell.key.dataset == "mnist" for cell in cells)


@pytest.mark.parametrize("format", ["text", "markdown", "latex"])
def test_the_mark_stands_at_those_printed_numbers_alone(judged, format):
    shown = render_comparison(judged, format).replace("$^\\ddagger$", CHOSEN).replace("$\\pm$", "±")
    rows = [line for line in shown.splitlines() if re.search(r"±\d", line)]
    assert len(rows) == 48
    for row, (_, cell) in zip(rows, judged.iterrows(), strict=True):
        assert (CHOSEN in row) == is_chosen(cell), row
        assert cell.paper_test + CHOSEN * is_chosen(cell) in row
    assert " ".join(shown.split()).count("A setting was chosen by this printed number") == 2, "Tables 1 and 3"


def test_the_columns_of_csv_stay_and_json_names_the_readings(judged):
    rows = list(csv.reader(io.StringIO(render_comparison(judged, "csv"))))
    assert rows[0] == list(COLUMNS) and CHOSEN not in str(rows)
    for cell, (_, row) in zip(json.loads(render_comparison(judged, "json")), judged.iterrows(), strict=True):
        assert bool(cell["readings"]) == is_chosen(row)
        assert set(cell["readings"]) <= {reading.id for reading in load_readings()}


def test_reproduced_cells_are_counted_apart(judged):
    chosen = judged["readings"].map(bool)
    for reproduced in (0, 1, 5, 48):
        cells = judged.assign(verdict=["reproduced"] * reproduced + ["lower"] * (48 - reproduced))
        count = int((chosen & (cells["verdict"] == "reproduced")).sum())
        words = f"of which {count} in {'a cell' if count == 1 else 'cells'} that a setting was chosen by"
        assert reproduced_by_choice(cells) == (words if reproduced else "")
        expected = {0: "48 lower", 48: f"48 reproduced, {words}"}
        assert tally(cells) == expected.get(reproduced, f"{reproduced} reproduced, {words}; {48 - reproduced} lower")


def test_the_report_marks_them_too(judged):
    tree = parse(f"<!DOCTYPE html><div>{tables_section(judged)}</div>")
    printed = [span.text for table in tree.all("table", class_="paper") for span in table.all("span", class_="printed")]
    assert sum(text.endswith(CHOSEN) for text in printed) == 13
    assert len(printed) == 96


def test_a_rule_of_ones_own_follows_no_reading():
    mine = Key("mnist", "mine", 3, "sgd")
    assert readings_used(mine) == () and mine not in readings_by_cell()


def test_the_page_on_choices_has_every_reading_with_its_cells():
    page = (DOCS / "choices.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", page, re.MULTILINE))
    for reading in load_readings():
        what, cells, *_ = rows[reading.id].split(" | ")
        assert all(f"`{name.split('.')[-1]}: " in what for name in reading.settings if name != "init.name")
        assert cells == "; ".join(
            f"{model} {', '.join(map(str, depths))}" for model, depths in reading.chosen_by.items()
        )
    chosen = [cell.key in readings_by_cell() for cell in printed_cells()]
    used = [bool(readings_used(cell.key)) for cell in printed_cells()]
    assert f"**{sum(chosen)} of the 48 cells are marked**" in page
    assert f"**{sum(used) - sum(chosen)} more cells have these settings" in page
    assert f"**{48 - sum(used)} cells have none of them**" in page
