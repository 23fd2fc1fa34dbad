"""docs/choices.md speaks of every setting, and of no number that no run has given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lrarun import Spec, load_specs
from lrarun.algorithms.registry import algorithms
from lrarun.nn.initializers import INITIALIZERS
from lrarun.nn.optimizers import OPTIMIZERS
from lrarun.paper import printed_cells
from lrarun.results.log import read_log
from lrarun.results.read import read_results
from lrarun.settings import settings_of
from maintenance import choices_page

ROOT = Path(__file__).parent.parent.parent
REFERENCE = ROOT / "results" / "reference"
PAGE = (ROOT / "docs" / "choices.md").read_text(encoding="utf-8")
KINDS = {"": Spec} | algorithms() | OPTIMIZERS | INITIALIZERS
SETTINGS = [
    (name, field)
    for name, kind in KINDS.items()
    if kind.__module__.startswith("lrarun.")
    for field in settings_of(kind)
]


def tables():
    """The page's generated tables, by name."""
    return {found[2]: found[0] for found in choices_page.MARKED.finditer(PAGE)}


def test_the_tables_are_what_the_settings_and_the_runs_say():
    assert tables().keys() == choices_page.TABLES.keys()
    assert choices_page.page() == PAGE


@pytest.mark.parametrize("name, field", SETTINGS, ids=lambda value: getattr(value, "name", value))
def test_every_setting_has_a_row(name, field):
    (table,) = [text for kinds, text in tables().items() if KINDS[name] in choices_page.TABLES[kinds].values()]
    (row,) = [line for line in table.splitlines() if line.startswith(f"| `{field.name}` |")]
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    assert cells[1] and (field.metadata["paper"] or "—") in cells[2], "what is printed and why"


def test_every_calibration_run_is_finished_and_on_the_page():
    results = {result.run_id: result for result in read_results(REFERENCE / "calibration")}
    specs = [
        spec for path in sorted((ROOT / "experiments" / "calibration").glob("*.yaml")) for spec in load_specs(path)
    ]
    assert len(specs) > 100
    assert {spec.run_id for spec in specs} == results.keys()
    shown = "\n".join(tables().values())
    for result in results.values():
        assert result.finished
        assert f": {result.record['validation_error']:.2f}" in shown


def test_a_comparison_is_of_runs_that_differ_in_one_setting():
    runs = [run for run in choices_page.calibration_runs() if run.settings["algorithm"] == "lra-e"]
    found, others = choices_page.comparisons(runs)
    assert len(found) > 8
    for each in found:
        differing = {
            key for run in each.runs for key, value in run.settings.items() if each.runs[0].settings[key] != value
        }
        assert differing == {each.key}
    shown = [run for each in found for run in each.runs]
    assert all((run in shown) != (run in others) for run in runs), "each in a row or below the table"
    assert [run.error for run in others] == [88.7], "both scales of mnist.py at once"


def test_every_error_rate_on_the_page_was_measured():
    measured = set()
    for run in read_results(REFERENCE / "calibration"):
        measured.add(f"{run.record['validation_error']:.2f}")
    for run in read_results(REFERENCE):
        errors = [row["validation_error"] for row in read_log(run.folder)]
        # The reference runs' own, of all epochs and of the first twelve.
        measured |= {f"{min(errors):.2f}", f"{min(errors[:12]):.2f}"}
    # Settings and ratios are written with other numbers of digits, or are named here.
    settings = {"0.05", "0.01", "0.36", "0.35", "0.72", "0.16", "0.95", "0.99", "0.15", "0.25", "0.06", "0.45"}
    printed = {cell.test_error for cell in printed_cells()}
    claimed = set(re.findall(r"\b\d+\.\d\d\b", PAGE)) - settings - printed
    assert claimed and claimed <= measured, claimed - measured
