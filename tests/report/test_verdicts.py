"""The rule of docs/verdicts.md: its boundaries, and how often it errs when the truth is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrarun.paper import Key
from lrarun.report.cells import Wanted, fill
from lrarun.report.comparison import render_comparison
from lrarun.report.statistics import t_quantile
from lrarun.report.verdicts import BETTER, INCONCLUSIVE, REPRODUCED, VERDICTS, WORSE, add_verdicts, judge
from lrarun.results.read import read_results
from tests.support.fabricate import protocol, spec_for, write_all, write_run

BACKPROP = Key("mnist", "Backprop", 3, "sgd")
Z = 1.959963984540054
errors = st.integers(1, 9_999).map(lambda count: count / 100)


def base(ours, printed, half):
    paper = float(printed)
    return Z * math.sqrt((ours * (100 - ours) + paper * (100 - paper)) / 10_000) + half


# One seed


def test_a_worked_example():
    """2.11 % against 3.02 %: sqrt(0.0207 + 0.0293) = 0.2235, times 1.96 = 0.438, plus half of 0.01."""
    found = judge(2.11, None, 1, "3.02")
    assert found.difference == pytest.approx(-0.91)
    assert found.tolerance == pytest.approx(0.4431, abs=2e-4)
    assert found.name == BETTER


@given(errors, errors)
def test_one_seed_is_judged_by_once_and_twice_the_tolerance(ours, paper):
    printed = f"{paper:.2f}"
    found = judge(ours, None, 1, printed)
    tolerance = base(ours, printed, 0.005)
    off = abs(ours - paper)
    assert found.tolerance == pytest.approx(tolerance, rel=1e-9)
    if abs(off - tolerance) < 1e-9 or abs(off - 2 * tolerance) < 1e-9:
        return
    side = WORSE if ours > paper else BETTER
    expected = REPRODUCED if off < tolerance else INCONCLUSIVE if off < 2 * tolerance else side
    assert found.name == expected
    assert bool(found.note) == (expected == INCONCLUSIVE)


def test_fewer_printed_digits_leave_more_room():
    assert judge(2.0, None, 1, "2.4").tolerance - judge(2.0, None, 1, "2.40").tolerance == pytest.approx(0.045)


@given(errors, errors, st.floats(0, 3), st.integers(2, 9))
def test_better_and_worse_are_mirror_images(ours, paper, std, runs):
    there, back = judge(ours, std, runs, f"{paper:.2f}"), judge(paper, std, runs, f"{ours:.2f}")
    swap = {BETTER: WORSE, WORSE: BETTER}
    assert back.name == swap.get(there.name, there.name)
    assert back.difference == pytest.approx(-there.difference)


# Several seeds


@given(errors, errors, st.integers(2, 9))
def test_seeds_that_agree_leave_the_images_alone(ours, paper, runs):
    printed = f"{paper:.2f}"
    assert judge(ours, 0.0, runs, printed).tolerance == pytest.approx(base(ours, printed, 0.005), rel=1e-9)


def test_where_seeds_dominate_the_tolerance_is_a_prediction_interval():
    """Of one further run, from n that vary: t with n - 1 degrees of freedom, s sqrt(1 + 1/n)."""
    for runs in (2, 3, 5, 10):
        found = judge(50.0, 1000.0, runs, "50.00")
        assert found.tolerance == pytest.approx(t_quantile(runs - 1) * 1000 * math.sqrt(1 + 1 / runs), rel=1e-3)


@given(errors, st.floats(0, 2), st.floats(0, 2), st.integers(2, 9))
def test_more_spread_never_narrows_the_tolerance(ours, one, other, runs):
    low, high = sorted((one, other))
    assert judge(ours, low, runs, "3.02").tolerance <= judge(ours, high, runs, "3.02").tolerance * (1 + 1e-9)


def test_a_wide_tolerance_is_not_a_match():
    assert judge(9.0, 4.0, 2, "3.02").name == INCONCLUSIVE
    assert "seeds differ by ±4.00" in judge(9.0, 4.0, 2, "3.02").note
    assert judge(3.1, 4.0, 2, "3.02").name == REPRODUCED
    assert judge(3.54, 0.1, 5, "3.02").name == REPRODUCED
    assert judge(4.6, 0.1, 5, "3.02").name == WORSE


@pytest.mark.parametrize("runs, spread", [(1, 0.0), (3, 0.0), (3, 0.15), (5, 0.3)])
def test_a_true_reproduction_is_called_better_or_worse_in_at_most_a_twentieth(runs, spread):
    """Simulated: the paper's run and ours are draws of the same experiment, on different images."""
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(2_000):
        rates = np.clip(rng.normal(3, spread, runs + 1), 0.1, None) / 100
        paper, *ours = rng.binomial(10_000, rates) / 100
        std = float(np.std(ours, ddof=1)) if runs > 1 else None
        wrong += judge(float(np.mean(ours)), std, runs, f"{paper:.2f}").name in (BETTER, WORSE)
    # Standard error of the simulated rate: 0.5 points.
    assert wrong / 2_000 < 0.05 + 3 * 0.005


def test_a_difference_of_two_points_is_found():
    rng = np.random.default_rng(7)
    names = [judge(float(rng.binomial(10_000, 0.05) / 100), None, 1, "3.02").name for _ in range(500)]
    assert names.count(WORSE) > 490


# Cells


def judged(results, **departs):
    want = {key: Wanted(spec, **departs) for key, spec in protocol().items()}
    return add_verdicts(fill(read_results(results), want))


def test_every_printed_cell_has_one_of_the_verdicts(tmp_path):
    write_all(tmp_path)
    frame = judged(tmp_path)
    assert (frame["verdict"] == REPRODUCED).all()
    assert frame["difference"].tolist() == [0.0] * 48
    none = judged(tmp_path / "none")
    assert (none["verdict"] == "missing").all() and "missing" in VERDICTS


@pytest.mark.parametrize(
    "runs, verdict, note",
    [
        ([("running", {"epoch": 3})], INCONCLUSIVE, "running 3/100"),
        ([("failed", {})], INCONCLUSIVE, "failed"),
        ([("diverged", {"epoch": 3})], WORSE, "diverged at 3"),
        ([("diverged", {"epoch": 3}), ("running", {"epoch": 5})], INCONCLUSIVE, "running 5/100"),
        ([("finished", {"test_error": 3.0}), ("running", {"epoch": 5})], INCONCLUSIVE, "1 of 2 seeds: running 5/100"),
        ([("finished", {"test_error": 3.0}), ("diverged", {"epoch": 5})], INCONCLUSIVE, "1 of 2 seeds: diverged at 5"),
        ([("finished", {"test_error": 9.0})], WORSE, ""),
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
    if format == "json":
        first = json.loads(shown)[0]
        assert (first["verdict"], first["difference"]) == ("reproduced", pytest.approx(0.1))
        assert first["tolerance"] == pytest.approx(judge(3.12, 0.1, 3, "3.02").tolerance)
        return
    assert shown.count("reproduced") >= 48
    if format != "csv":
        assert "3.12±0.10 [3]" in shown and "+0.10" in shown
    if format == "text":
        assert max(map(len, shown.splitlines())) <= 120
