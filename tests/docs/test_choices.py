"""docs/choices.md speaks of every setting, and of no number that no run has given."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lrarun.algorithms.registry import algorithms
from lrarun.nn.initializers import INITIALIZERS
from lrarun.nn.optimizers import OPTIMIZERS
from lrarun.paper import printed_cells
from lrarun.results.read import read_log, read_results
from lrarun.settings import settings_of

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "choices.md").read_text(encoding="utf-8")
KINDS = algorithms() | OPTIMIZERS | INITIALIZERS
SETTINGS = [
    (name, field)
    for name, kind in KINDS.items()
    if kind.__module__.startswith("lrarun.")
    for field in settings_of(kind)
]


@pytest.mark.parametrize("name, field", SETTINGS, ids=lambda value: getattr(value, "name", value))
def test_every_setting_has_a_row(name, field):
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{field.name}`" in line]
    assert rows, f"no row for {field.name} of {name}"
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert all((cells[0], cells[1], cells[-1])), "what is printed and why"


def test_every_error_rate_on_the_page_was_measured():
    measured = set(re.findall(r"\b\d+\.\d\d\b", (DOCS / "calibration.md").read_text(encoding="utf-8")))
    for run in read_results(DOCS.parent / "results" / "reference"):
        errors = [row["validation_error"] for row in read_log(run.folder)]
        # The reference runs' own, of all epochs and of the first twelve.
        measured |= {f"{min(errors):.2f}", f"{min(errors[:12]):.2f}"}
    # Settings and ratios are written with other numbers of digits, or are named here.
    settings = {"0.05", "0.01", "0.36", "0.35", "0.72", "0.16", "0.95", "0.99"}
    printed = {cell.test_error for cell in printed_cells()}
    claimed = set(re.findall(r"\b\d+\.\d\d\b", PAGE)) - settings - printed
    assert claimed and claimed <= measured, claimed - measured


def test_the_calibration_page_is_what_the_runs_say():
    made = subprocess.run(
        [sys.executable, DOCS.parent / "maintenance" / "calibration_table.py"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(DOCS.parent)},
    )
    assert made.stdout == (DOCS / "calibration.md").read_text(encoding="utf-8")
    assert "missing" not in made.stdout
