"""The rule of docs/verdicts.md on cells: its boundaries. How often it errs: test_false_verdicts.py."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lrarun.paper import BREAKDOWN, MARGINS, Key, breakdown_lines, printed_cells
from lrarun.report.cells import Wanted, fill
from lrarun.report.comparison import render_comparison
from lrarun.report.verdicts import HIGHER, INCONCLUSIVE, LOWER, REPRODUCED, VERDICTS, add_verdicts, advice, judge
from lrarun.results.read import read_results
from tests.support.fabricate import protocol, spec_for, write_all, write_run

BACKPROP = Key("mnist", "Backprop", 3, "sgd")
BROKEN = Key("mnist", "Equil-Prop", 8, "sgd")
MARGIN = MARGINS["mnist"]
errors = st.integers(1, 9_999).map(lambda count: count / 100)
spreads = st.floats(0, 3)


def intervals(ours, std, runs, paper, half):
    """Half the widths at 90 and 95 %, written out."""
    images = MARGIN * (100 - MARGIN) / 10_000
    if runs == 1:
        parts = [(4 * (ours * (100 - ours) + paper * (100 - paper)) / 10_000, stats.norm)]
    else:
        parts = [(std**2 * (1 + 1 / runs), stats.t(runs - 1))]
    parts.append((images, stats.norm))
    return [math.sqrt(sum(variance * kind.isf(tail) ** 2 for variance, kind in parts)) + half for tail in (0.05, 0.025)]


# The rule


def test_a_worked_example():
    """The page's: five seeds at 2.11 with a spread of 0.10, printed 3.02."""
    found = judge(2.11, 0.10, 5, "3.02", 0.5)
    assert found.difference == pytest.approx(-0.91)
    assert found.half_width_90 == pytest.approx(0.27, abs=0.005)
    assert found.half_width_95 == pytest.approx(0.34, abs=0.005)
    assert found.name == LOWER


@given(errors, errors, spreads, st.integers(1, 16))
def test_the_verdict_is_read_off_two_intervals(ours, paper, std, runs):
    found = judge(ours, std if runs > 1 else None, runs, f"{paper:.2f}", MARGIN)
    narrow, wide = intervals(ours, std, runs, paper, 0.005)
    assert (found.half_width_90, found.half_width_95) == pytest.approx((narrow, wide), rel=1e-6)
    off = abs(ours - paper)
    if min(abs(off + narrow - MARGIN), abs(off - wide)) < 1e-6:
        return
    side = LOWER if ours < paper else HIGHER
    assert found.name == (REPRODUCED if off + narrow < MARGIN else side if off > wide else INCONCLUSIVE)


def test_fewer_printed_digits_leave_more_room():
    one, other = (judge(2.0, 0.1, 3, printed, MARGIN) for printed in ("2.4", "2.40"))
    assert one.half_width_95 - other.half_width_95 == pytest.approx(0.045)


@given(errors, errors, spreads, st.integers(1, 9))
def test_lower_and_higher_are_mirror_images(ours, paper, std, runs):
    std = std if runs > 1 else None
    there = judge(ours, std, runs, f"{paper:.2f}", MARGIN)
    back = judge(paper, std, runs, f"{ours:.2f}", MARGIN)
    swap = {LOWER: HIGHER, HIGHER: LOWER}
    assert back.name == swap.get(there.name, there.name)
    assert back.difference == pytest.approx(-there.difference)


@given(errors, spreads, spreads, st.integers(2, 9))
def test_more_spread_never_narrows_an_interval(ours, one, other, runs):
    low, high = sorted((one, other))
    found = [judge(ours, std, runs, "3.02", MARGIN) for std in (low, high)]
    assert found[0].half_width_90 <= found[1].half_width_90 and found[0].half_width_95 <= found[1].half_width_95


@given(errors, errors)
def test_one_seed_never_reproduces_an_error_that_images_leave_open(ours, paper):
    """From 1.2 % on; below, even twice the images' spread is less than the margin."""
    if 1.2 <= min(ours, paper) and max(ours, paper) <= 98.8:
        assert judge(ours, None, 1, f"{paper:.2f}", MARGIN).name != REPRODUCED


def test_a_wide_interval_is_no_match():
    assert judge(3.02, 1.0, 3, "3.02", MARGIN).name == INCONCLUSIVE
    assert judge(3.02, 0.05, 3, "3.02", MARGIN).name == REPRODUCED
    assert judge(3.22, 0.05, 5, "3.02", MARGIN).name == REPRODUCED, "different, and by less than matters"


@pytest.mark.parametrize("ours, std, runs", [(2.6, 0.15, 3), (2.98, 0.2, 3)])
def test_the_advice_is_the_least_number_of_seeds_that_decides(ours, std, runs):
    found = judge(ours, std, runs, "3.02", MARGIN)
    assert found.name == INCONCLUSIVE
    said = advice(ours, std, runs, "3.02", found)
    count = int(re.fullmatch(r"needs about (\d+) seeds", said)[1])
    assert judge(ours, std, count, "3.02", MARGIN).name != INCONCLUSIVE
    assert all(judge(ours, std, fewer, "3.02", MARGIN).name == INCONCLUSIVE for fewer in range(runs, count))


def test_some_differences_no_number_of_seeds_decides():
    found = judge(3.3, 0.25, 5, "3.02", MARGIN)
    assert found.name == INCONCLUSIVE and judge(3.3, 0.25, 10**6, "3.02", MARGIN).name == INCONCLUSIVE
    assert "no number of seeds" in advice(3.3, 0.25, 5, "3.02", found)


def test_a_number_of_seeds_that_nobody_trains_is_still_not_none():
    found = judge(2.56, 0.29, 3, "2.56", MARGIN)
    assert (found.name, judge(2.56, 0.29, 200, "2.56", MARGIN).name) == (INCONCLUSIVE, REPRODUCED)
    assert advice(2.56, 0.29, 3, "2.56", found) == "needs more than 50 seeds"


# Networks that broke down


def test_the_cells_that_broke_down_are_equilibrium_propagations_at_8_layers():
    """Ten points above 3 layers; the largest rise of any other cell is DTP's 7.3."""
    fashion = BROKEN._replace(dataset="fashion-mnist")
    assert breakdown_lines() == {BROKEN: pytest.approx(14.99), fashion: pytest.approx(24.01)}
    printed = {cell.key: float(cell.test_error) for cell in printed_cells()}
    rises = [printed[key] - printed[key._replace(depth=3)] for key in printed if key not in breakdown_lines()]
    assert max(rises) == pytest.approx(7.3) and max(rises) < BREAKDOWN


@pytest.mark.parametrize(
    "errors, verdict",
    [
        ([38.62], REPRODUCED),
        ([38.0, 50.0, 44.0], REPRODUCED),
        ([5.0], LOWER),
        ([5.0, 6.0, 5.5], LOWER),
        ([38.0, 6.0, 20.0], INCONCLUSIVE),
        ([15.5], INCONCLUSIVE),
    ],
)
def test_a_cell_that_broke_down_is_compared_on_whether_ours_does(tmp_path, errors, verdict):
    for seed, error in enumerate(errors):
        write_run(tmp_path, spec_for(BROKEN, seed=seed), test_error=error, train_error=1.0)
    frame = judged(tmp_path)
    (row,) = [row for row in frame.itertuples() if (row.model, row.depth, row.table) == ("Equil-Prop", 8, 1)]
    assert row.verdict == verdict and "14.99" in row.note
    assert row.difference == pytest.approx(sum(errors) / len(errors) - 90.91)


def test_a_run_that_diverged_broke_down(tmp_path):
    write_run(tmp_path, spec_for(BROKEN), "diverged", epoch=3)
    assert judged(tmp_path).query("model == 'Equil-Prop' and depth == 8 and table == 1")["verdict"].item() == REPRODUCED


# Cells


def judged(results, **departs):
    want = {key: Wanted(spec, **departs) for key, spec in protocol().items()}
    return add_verdicts(fill(read_results(results), want))


def test_every_printed_cell_has_one_of_the_verdicts(tmp_path):
    for seed in range(3):
        write_all(tmp_path, seeds=(seed,))
    frame = judged(tmp_path)
    assert set(frame["verdict"]) <= set(VERDICTS)
    assert frame["difference"].tolist() == pytest.approx([0.1] * 48)
    # A spread of 0.1 over three seeds, a mean of 0.1 off.
    broken = frame["model"].eq("Equil-Prop") & frame["depth"].eq(8)
    assert (frame["verdict"][frame["dataset"].eq("fashion-mnist") | broken] == REPRODUCED).all()
    none = judged(tmp_path / "none")
    assert (none["verdict"] == "missing").all() and "missing" in VERDICTS


@pytest.mark.parametrize(
    "runs, verdict, note",
    [
        ([("running", {"epoch": 3})], INCONCLUSIVE, "running 3/100"),
        ([("failed", {})], INCONCLUSIVE, "failed"),
        ([("diverged", {"epoch": 3})], HIGHER, "diverged at 3"),
        ([("diverged", {"epoch": 3}), ("running", {"epoch": 5})], INCONCLUSIVE, "running 5/100"),
        ([("finished", {"test_error": 3.0}), ("running", {"epoch": 5})], INCONCLUSIVE, "1 of 2 seeds: running 5/100"),
        ([("finished", {"test_error": 3.0}), ("diverged", {"epoch": 5})], INCONCLUSIVE, "1 of 2 seeds: diverged at 5"),
        ([("finished", {"test_error": 9.0})], HIGHER, ""),
    ],
)
def test_unfinished_runs_decide_nothing(tmp_path, runs, verdict, note):
    for seed, (state, record) in enumerate(runs):
        write_run(tmp_path, spec_for(BACKPROP, seed=seed), state, **record)
    row = judged(tmp_path).iloc[0]
    assert (row["verdict"], row["note"]) == (verdict, note)


def test_other_settings_than_the_papers_are_never_a_verdict_on_the_paper(tmp_path):
    write_run(tmp_path, spec_for(BACKPROP), test_error=30.0, train_error=1.0)
    frame = judged(tmp_path, departs="epochs 1 instead of 100")
    assert frame.iloc[0]["verdict"] == INCONCLUSIVE and frame.iloc[0]["note"] == "epochs 1 instead of 100"
    assert set(frame["verdict"][1:]) == {"missing"}


def test_a_rule_of_ones_own_has_no_verdict(tmp_path):
    mine = Key("mnist", "mine", 3, "sgd")
    write_run(tmp_path, spec_for(mine), test_error=3.0, train_error=1.0)
    frame = add_verdicts(fill(read_results(tmp_path), {mine: Wanted(spec_for(mine))}))
    assert frame[frame["model"] == "mine"]["verdict"].tolist() == [""]


@pytest.mark.parametrize("format", ["text", "markdown", "latex", "csv", "json"])
def test_a_comparison_renders_in_every_format(tmp_path, format):
    write_all(tmp_path, seeds=(0, 1, 2))
    shown = render_comparison(judged(tmp_path), format).replace("$\\pm$", "±")
    expected = judge(3.12, 0.1, 3, "3.02", MARGIN)
    if format == "json":
        first = json.loads(shown)[0]
        assert (first["verdict"], first["difference"]) == (expected.name, pytest.approx(0.1))
        assert first["half_width_90"] == pytest.approx(expected.half_width_90)
        assert (first["half_width_95"], first["margin"]) == (pytest.approx(expected.half_width_95), MARGIN)
        return
    assert shown.count("reproduced") >= 26
    if format != "csv":
        assert "3.12±0.10 [3]" in shown and "+0.10" in shown
    if format == "text":
        assert max(map(len, shown.splitlines())) <= 120
    if format == "latex":
        assert not re.search(r"[^\\\n]%", shown), "the rest of the line would be a comment"


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_a_comparison_in_a_terminal_fits_80_columns_with_its_reasons_below(tmp_path, seeds):
    write_all(tmp_path, seeds=seeds)
    shown = render_comparison(judged(tmp_path), "text", 80)
    assert max(map(len, shown.splitlines())) <= 80
    few = "; one seed: the spread is assumed" * (len(seeds) == 1)
    assert f"Equil-Prop 8: both broke down: above 14.99{few}." in " ".join(shown.split())
    reasons = {cell.note for cell in judged(tmp_path).itertuples() if cell.note}
    assert all(reason in " ".join(shown.split()) for reason in reasons)
    full, fitted = (render_comparison(judged(tmp_path), "text", width) for width in (None, 80))
    assert ("90 % is left out" in fitted) == (fitted.count("90 %  ") < full.count("90 %  "))
