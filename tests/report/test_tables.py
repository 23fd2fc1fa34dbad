"""Tables 1 to 3: which runs fill which cell, what is averaged, and how it is laid out."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrarun.errors import UsageError
from lrarun.paper import MODELS, Key, printed_cells, rounding
from lrarun.report.cells import COLUMNS, Wanted, fill, left_out, wanted_by
from lrarun.report.comparison import render as render_comparison
from lrarun.report.repetitions import differences, summarize, well_formed
from lrarun.report.tables import render
from lrarun.report.verdicts import add_verdicts
from lrarun.results.read import read_results
from lrarun.results.result import Result
from tests.support.fabricate import protocol, spec_for, write_all, write_run

BACKPROP = Key("mnist", "Backprop", 3, "sgd")
LRAE = Key("mnist", "LRA-E", 3, "sgd")
SCORES = {"test_error": 2.0, "train_error": 1.0}
LAID_OUT = ("text", "markdown", "latex")


def wanted():
    return {key: Wanted(spec) for key, spec in protocol().items()}


def cells_of(results, want=None):
    return fill(well_formed(read_results(results)), wanted() if want is None else want)


def cell(frame, key, table=None):
    rows = frame[(frame["table"] == table) if table else slice(None)]
    for row in rows.itertuples():
        if (row.dataset, row.model, row.depth, row.optimizer) == key:
            return row
    raise AssertionError(f"no row for {key}")


def run(seed=0, state="finished", **record):
    spec = spec_for(BACKPROP, seed=seed)
    return Result(f"run-{seed}-{state}", Path("nowhere"), state, spec, {"epoch": 100, **record})


# The paper's numbers


def test_the_printed_tables_are_those_of_the_paper_page():
    """Spot checks against the page, and the arithmetic of rows and columns."""
    by_table = {table: [c for c in printed_cells() if c.table == table] for table in (1, 2, 3)}
    assert [len(rows) for rows in by_table.values()] == [21, 21, 6]
    assert len({c.key for c in printed_cells()}) == 46
    assert {c.key.model for c in by_table[1]} == set(MODELS.values())
    errors = {(c.table, c.key): (c.train_error, c.test_error) for c in printed_cells()}
    assert errors[1, Key("mnist", "DTP", 5, "rmsprop")] == ("4.408", "4.94")
    assert errors[2, Key("fashion-mnist", "Equil-Prop", 8, "sgd")] == ("90.12", "89.78")
    assert errors[3, Key("fashion-mnist", "LRA-E", 3, "rmsprop")] == ("12.67", "14.90")
    # Table 3's first column repeats Tables 1 and 2.
    for key in (LRAE, LRAE._replace(dataset="fashion-mnist")):
        assert errors[3, key] == errors[1 if key.dataset == "mnist" else 2, key]


@pytest.mark.parametrize("printed, half", [("2.8", 0.05), ("2.20", 0.005), ("4.408", 0.0005), ("3", 0.5)])
def test_rounding_is_half_a_unit_of_the_last_printed_digit(printed, half):
    assert rounding(printed) == pytest.approx(half, rel=1e-12)


# Which runs fill a cell


def test_every_cell_is_filled_by_its_own_experiment(tmp_path):
    """The fabricated errors are the paper's own, so any mix-up of cells would show."""
    write_all(tmp_path)
    frame = cells_of(tmp_path)
    assert len(frame) == 48
    assert frame["test_error"].tolist() == frame["paper_test_error"].tolist()
    assert frame["train_error"].tolist() == frame["paper_train_error"].tolist()
    assert (frame["runs"] == 1).all() and (frame["outstanding"] == 0).all()


def test_runs_of_other_settings_are_left_out_and_named(tmp_path):
    write_all(tmp_path)
    before = cells_of(tmp_path)
    write_run(tmp_path, spec_for(BACKPROP, epochs=1), test_error=50.0, train_error=50.0)
    write_run(tmp_path, spec_for(BACKPROP, epochs=1, seed=7), test_error=50.0, train_error=50.0)
    write_run(tmp_path, spec_for(LRAE, algorithm={"beta": 0.2}), test_error=50.0, train_error=50.0)
    assert cells_of(tmp_path).equals(before)
    counts = {words: len(runs) for words, runs in left_out(read_results(tmp_path), wanted(), {}).items()}
    assert counts == {"epochs 1 instead of 100": 2, "algorithm.beta 0.2 instead of absent": 1}


def test_seed_and_probes_are_no_settings_everything_else_is():
    spec = spec_for(BACKPROP)
    assert differences(spec | {"seed": 5, "probes": ["angle"]}, spec) == []
    for name, value in spec.items():
        if name != "seed":
            changed = {**value, "more": 1} if isinstance(value, dict) else f"{value}!"
            assert len(differences(spec | {name: changed}, spec)) == 1, name


def by_engine(engine, state="finished", **record):
    made = run(0, state, **record)
    return dataclasses.replace(made, run_id=f"{engine}-{state}", spec=made.spec | ({"engine": "jax"} if engine else {}))


@pytest.mark.parametrize(
    ("numpy", "jax", "counts"),
    [
        (by_engine("", **SCORES), by_engine("jax", **SCORES | {"test_error": 9.0}), 2.0),
        (by_engine("", "running", epoch=99), by_engine("jax", **SCORES | {"test_error": 9.0}), 9.0),
        (by_engine("", "diverged", epoch=3), by_engine("jax", **SCORES), "diverged at 3"),
        (by_engine("", **SCORES), by_engine("jax", "diverged", epoch=3), 2.0),
        (by_engine("", "running", epoch=3), by_engine("jax", "running", epoch=4), "running 4/100"),
        (by_engine("", "running", epoch=4), by_engine("jax", "interrupted", epoch=4), "running 4/100"),
    ],
)
def test_of_a_seed_that_both_engines_have_trained_the_run_of_numpy_counts_once_it_has_ended(numpy, jax, counts):
    for order in ([numpy, jax], [jax, numpy]):
        summary = summarize(order, seeds=None)
        assert (summary.runs, summary.test_error or summary.state) == (int(isinstance(counts, float)), counts)
        assert summary.outstanding == 1 - summary.runs


def test_two_runs_of_one_seed_count_once():
    """One with a probe, one without: the same training, so not two samples of the spread."""
    runs = [run(0, **SCORES), run(0, **SCORES), run(0, "running", epoch=9)]
    for order in (runs, runs[::-1]):
        found = summarize(order, None)
        assert (found.runs, found.test_error, found.outstanding) == (1, 2.0, 0)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=8))
def test_mean_and_sample_standard_deviation_are_those_of_the_statistics_module(wrong):
    errors = [count / 100 for count in wrong]
    found = summarize([run(seed, test_error=e, train_error=e) for seed, e in enumerate(errors)], None)
    mean = sum(errors) / len(errors)
    assert found.runs == len(errors)
    assert found.test_error == pytest.approx(mean, abs=1e-9)
    squares = sum((e - mean) ** 2 for e in errors)
    assert found.test_error_std == pytest.approx(math.sqrt(squares / (len(errors) - 1)), abs=1e-6)


def test_a_mean_that_ends_in_a_half_is_rounded_alike_everywhere(tmp_path):
    """(5.32 + 5.05) / 2 is 5.1850000000000005 in floating point, and 5.185 in JSON."""
    for seed, error in enumerate((5.32, 5.05)):
        write_run(tmp_path, spec_for(BACKPROP, seed=seed), test_error=error, train_error=error)
    frame = cells_of(tmp_path)
    told = next(each for each in json.loads(render(frame, "json")) if each["test_error"] is not None)
    assert f"{told['test_error']:.2f}±0.19" in render(frame, "text")


@pytest.mark.parametrize(
    "state, record, shown",
    [
        ("running", {"epoch": 34}, "running 34/100"),
        ("interrupted", {"epoch": 7}, "interrupted 7/100"),
        ("diverged", {"epoch": 12}, "diverged at 12"),
        ("failed", {}, "failed"),
        ("finished", {}, "no score"),
        ("finished", {"test_error": float("nan")}, "no score"),
        ("running", {"epoch": 34, "test_error": 1.0}, "running 34/100"),
    ],
)
def test_a_run_without_a_score_is_shown_as_what_it_is(state, record, shown):
    found = summarize([run(0, state, **record)], None)
    assert (found.state, found.outstanding, found.test_error, found.runs) == (shown, 1, None, 0)


def test_some_seeds_finished_is_a_marked_mean_over_those():
    runs = [run(0, **SCORES), run(1, test_error=3.0, train_error=1.0), run(2, "running", epoch=5)]
    found = summarize(runs, None)
    assert (found.test_error, found.runs, found.outstanding) == (2.5, 2, 1)
    asked = summarize(runs, frozenset({0, 1, 2, 3}))
    assert (asked.runs, asked.outstanding) == (2, 2)
    assert summarize(runs, frozenset({1})).test_error == 3.0


def test_a_spec_with_two_settings_in_one_cell_is_refused():
    with pytest.raises(UsageError, match=r"Backprop with sgd, 3 layers, mnist.*epochs 2 instead of 1.*not averaged"):
        wanted_by([spec_for(BACKPROP, epochs=1), spec_for(BACKPROP, epochs=2)], {})
    assert wanted_by([spec_for(BACKPROP, seed=s) for s in (3, 4)], {})[BACKPROP].seeds == {3, 4}


def test_specs_of_no_table_are_refused():
    with pytest.raises(UsageError, match="mnist, fashion-mnist"):
        wanted_by([spec_for(BACKPROP, dataset="/data/letters")], {})


def test_folders_that_are_no_runs_are_passed_over(tmp_path):
    write_run(tmp_path, spec_for(BACKPROP), test_error=2.0, train_error=1.0)
    contents = ["", "[]", "{}", '{"state": "finished", "spec": {}}', '{"state": "finished", "spec": [1]}']
    contents += ['{"state": "finished", "spec": {"dataset": "mnist", "depth": 3, "seed": 0, "algorithm": "lra-e"}}']
    for number, content in enumerate(contents):
        (tmp_path / f"odd-{number}").mkdir()
        (tmp_path / f"odd-{number}" / "run.json").write_text(content)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    assert len(well_formed(read_results(tmp_path))) == 1
    assert cell(cells_of(tmp_path), BACKPROP).runs == 1


# A rule that the paper does not have


def test_an_eighth_rule_is_a_row_of_its_own_after_the_papers(tmp_path):
    write_all(tmp_path)
    mine = Key("mnist", "my-rule", 5, "adam")
    write_run(tmp_path, spec_for(mine), test_error=1.25, train_error=0.5)
    frame = cells_of(tmp_path, wanted() | {mine: Wanted(spec_for(mine))})
    assert len(frame) == 49
    table1 = frame[frame["table"] == 1]
    last = table1.iloc[-1]
    assert (last["model"], last["depth"], last["test_error"]) == ("my-rule", 5, 1.25)
    assert math.isnan(last["paper_test_error"])
    lines = render(frame, "text").splitlines()
    row = next(line for line in lines if line.startswith("my-rule"))
    assert row.split() == ["my-rule", "0.50", "1.25"]


def test_a_known_rule_with_another_optimizer_is_not_the_papers_cell(tmp_path):
    other = Key("mnist", "Backprop", 3, "adam")
    write_run(tmp_path, spec_for(other), test_error=1.25, train_error=0.5)
    frame = cells_of(tmp_path, {other: Wanted(spec_for(other))})
    assert frame["runs"].notna().sum() == 1
    assert "Backprop, Adam" in render(frame[frame["table"] == 1], "text")


# Layouts


@pytest.mark.parametrize("format", LAID_OUT)
def test_a_table_has_the_rows_and_columns_that_were_asked_for(tmp_path, format):
    """And in them what the paper printed; without a spec, everything that it printed."""
    asked = {key: Wanted(spec_for(key)) for key in (BACKPROP, LRAE)}
    few, all_of_it = (render(cells_of(tmp_path, keys), format) for keys in (asked, wanted()))
    assert "3 Layers" in few and "5 Layers" not in few and "Table 2" not in few
    assert "Backprop" in few and "LRA-E" in few and "RFA" not in few
    assert all(name in all_of_it for name in ("5 Layers", "8 Layers", "RFA", "DTP", "Adam"))


def test_csv_has_the_contracts_columns_and_rows(tmp_path):
    write_all(tmp_path, seeds=(0, 1))
    rows = list(csv.DictReader(io.StringIO(render(cells_of(tmp_path), "csv"))))
    assert tuple(rows[0]) == COLUMNS == (
        "table", "dataset", "model", "depth", "optimizer", "runs", "train_error", "test_error", "test_error_std",
        "paper_train_error", "paper_test_error", "verdict",
    )  # fmt: skip
    assert [(r["table"], r["dataset"], r["model"], r["depth"], r["optimizer"]) for r in rows] == [
        (str(c.table), c.key.dataset, c.key.model, str(c.key.depth), c.key.optimizer) for c in printed_cells()
    ]
    first = rows[0]
    assert (first["runs"], first["train_error"], first["test_error"]) == ("2", "1.78", "3.07")
    assert float(first["test_error_std"]) == pytest.approx(statistics.stdev([3.02, 3.12]))


def test_json_holds_the_same_as_csv(tmp_path):
    write_all(tmp_path)
    frame = cells_of(tmp_path)
    frame.loc[3, ["runs", "test_error", "train_error"]] = None
    rows = list(csv.DictReader(io.StringIO(render(frame, "csv"))))
    records = json.loads(render(frame, "json"))
    assert len(rows) == len(records) == 48
    for row, record in zip(rows, records):
        assert list(record) == list(COLUMNS)
        for name, value in record.items():
            assert row[name] == "" if value is None else str(value) in (row[name], f"{row[name]}.0"), name


@pytest.mark.parametrize("format", LAID_OUT)
def test_laid_out_tables_show_ours_with_the_papers(tmp_path, format):
    write_all(tmp_path, seeds=(0, 1, 2))
    shown = render(cells_of(tmp_path), format).replace("$\\pm$", "±")
    assert "3.12±0.10 (3.02)" in shown and "4.41 (4.408)" in shown and "2.30±0.10 (2.20)" in shown
    assert "n = 3" in shown.replace("$n$", "n")
    assert "sample standard deviation" in shown and "paper's in parentheses" in shown


@pytest.mark.parametrize("format", LAID_OUT)
def test_what_is_missing_or_partial_is_said_in_the_cell(tmp_path, format):
    write_run(tmp_path, spec_for(BACKPROP), "running", epoch=34)
    write_run(tmp_path, spec_for(LRAE), test_error=2.0, train_error=1.0)
    write_run(tmp_path, spec_for(LRAE, seed=1), "failed", epoch=3)
    shown = render(cells_of(tmp_path), format).replace("\\*", "*").replace("$^*$", "*")
    assert "running 34/100 (3.02)" in shown
    assert "missing (2.98)" in shown
    assert "2.00* (2.20)" in shown
    assert "* Not all seeds have finished." in shown


def test_cells_with_different_numbers_of_seeds_say_their_own(tmp_path):
    write_all(tmp_path)
    write_run(tmp_path, spec_for(BACKPROP, seed=1), test_error=4.02, train_error=1.0)
    shown = render(cells_of(tmp_path), "text")
    assert "3.52±0.71 [2] (3.02)" in shown and "2.20 (2.20)" in shown and "over [n] seeds" in shown


@pytest.mark.parametrize(
    ("key", "words"),
    [(BACKPROP, "Some means are over runs of several engines (jax, numpy)."),
     (None, "Not all cells are of one engine (jax, numpy).")],
)  # fmt: skip
def test_a_table_says_where_engines_are_mixed(tmp_path, key, words):
    """Within a mean (a second seed by JAX), and from cell to cell (a rule that JAX alone has trained)."""
    write_all(tmp_path)
    assert "engine" not in render(cells_of(tmp_path), "text")
    extra = key or Key("mnist", "mine", 3, "sgd")
    write_run(tmp_path, spec_for(extra, seed=1) | {"engine": "jax"}, **SCORES)
    cells = cells_of(tmp_path, wanted() | ({} if key else {extra: Wanted(spec_for(extra))}))
    assert words in " ".join(render(cells, "text").split())
    assert words in " ".join(render_comparison(add_verdicts(cells), "text").split())


def test_text_fits_a_wide_terminal(tmp_path):
    write_all(tmp_path, seeds=(0, 1, 2))
    assert max(map(len, render(cells_of(tmp_path), "text").splitlines())) <= 120


def test_markdown_rows_have_as_many_cells_as_their_header(tmp_path):
    odd = Key("mnist", "a|b_*c", 3, "sgd")
    write_all(tmp_path)
    write_run(tmp_path, spec_for(odd), test_error=1.0, train_error=1.0)
    shown = render(cells_of(tmp_path, wanted() | {odd: Wanted(spec_for(odd))}), "markdown")
    rows = [line.replace("\\|", "") for line in shown.splitlines() if line.startswith("|")]
    assert len(rows) == (2 + 7) * 2 + 1 + (2 + 2)
    assert {row.count("|") for row in rows} == {8}
    assert "a\\|b\\_\\*c" in shown


@pytest.mark.parametrize("seeds, more", [((0,), ()), ((0, 1, 2), ()), ((0, 1, 2), (3, 4, 5, 6, 7, 8, 9))])
@pytest.mark.parametrize("width", [80, 100])
def test_text_in_a_terminal_fits_it_and_leaves_no_number_out(tmp_path, seeds, more, width):
    write_all(tmp_path, seeds=seeds)
    for seed in more:
        write_run(tmp_path, spec_for(BACKPROP, seed=seed), **SCORES)
    frame = cells_of(tmp_path)
    whole, fitted = render(frame, "text"), render(frame, "text", width)
    assert max(map(len, fitted.splitlines())) <= width
    assert numbers_in(fitted) == numbers_in(whole)
    assert all(fitted.count(f"{depth} Layers") == 2 for depth in (3, 5, 8))


def numbers_in(table):
    return sorted(re.findall(r"\S+ \([\d.]+\)", table))


def test_a_wide_terminal_changes_nothing_but_the_legends_lines(tmp_path):
    write_all(tmp_path, seeds=(0, 1, 2))
    frame = cells_of(tmp_path)
    assert render(frame, "text", 500) == render(frame, "text")
    assert render(frame, "markdown", 20) == render(frame, "markdown")


def test_a_latex_captions_words_are_escaped(tmp_path):
    small = spec_for(BACKPROP, batch_size=10)
    write_run(tmp_path, small, test_error=1.0, train_error=1.0)
    cells = cells_of(tmp_path, {BACKPROP: Wanted(small, departs="batch_size 10 instead of 50, 5% & ~ ^ {x}")})
    caption = next(line for line in render(cells, "latex").splitlines() if line.startswith("\\caption"))
    assert "batch\\_size 10" in caption and "5\\% \\& \\textasciitilde{} \\textasciicircum{} \\{x\\}" in caption


def test_latex_is_balanced_escaped_ascii(tmp_path):
    odd = Key("mnist", "50%_rule & {more}", 3, "sgd")
    write_all(tmp_path, seeds=(0, 1))
    write_run(tmp_path, spec_for(odd), test_error=1.0, train_error=1.0)
    shown = render(cells_of(tmp_path, wanted() | {odd: Wanted(spec_for(odd))}), "latex")
    shown.encode("ascii")
    assert shown.count("\\begin{table}") == shown.count("\\end{table}") == 3
    assert shown.count("{") == shown.count("}") and shown.count("$") % 2 == 0
    assert "DTP-$\\sigma$" in shown and "50\\%\\_rule \\& \\{more\\}" in shown
    rows = [line for line in shown.splitlines() if line.endswith("\\\\") and "multicolumn" not in line]
    assert {line.replace("\\&", "").count("&") for line in rows} == {6}
