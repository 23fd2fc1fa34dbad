"""The fair table: the same search for all, the numbers by other means, and what is missing said."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pandas as pd
import pytest
import yaml

import lrarun
from lrarun.paper import MODELS
from lrarun.report.paired import Mistakes
from lrarun.report.statistics import holm
from lrarun.specs.build import make_spec
from lrarun.specs.search import read_search
from lrarun.tuning import fair, fair_numbers, fair_pairs
from lrarun.tuning.fair_pairs import compared, with_predictions
from lrarun.tuning.fair_table import body_of, decided_of, pairs_body
from lrarun.tuning.trials import rank
from lrarun.tuning.winner import winner_spec
from tests.support.fabricate import write_predictions, write_run
from tests.support.small_runs import write_dataset
from tests.support.small_search import trained, write_search

pytest.importorskip("optuna")

ROOT = Path(__file__).parent.parent.parent
FAIR = ROOT / "experiments" / "fair"
SEARCHES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FAIR.glob("*.yaml"))}
SHARED = ("optimizer", "algorithm.reduction", "init")


# --- the searches


def test_there_is_a_search_for_each_of_the_papers_rules_and_each_place():
    assert set(SEARCHES) == set(MODELS) == set(fair.RULES)
    assert len(fair.cells()) == len(set(fair.cells())) == 28
    assert [cell.rule for cell in fair.cells()[-2:]] == ["equilibrium-propagation"] * 2
    assert {cell.depth for cell in fair.cells()[-2:]} == {8}


def test_every_rule_has_the_same_budget_and_the_same_space_but_for_its_own_settings():
    backprop = SEARCHES["backprop"]
    for rule, own in SEARCHES.items():
        plain = {key: value for key, value in own.items() if key not in ("algorithm", "search")}
        assert plain == {"dataset": "mnist", "depth": 3, "epochs": 100}
        budget = {key: value for key, value in own["search"].items() if key != "space"}
        assert budget == {key: value for key, value in backprop["search"].items() if key != "space"}
        space = own["search"]["space"]
        assert {key for key in space if key not in SHARED} <= {f"algorithm.{name}" for name in names_of(rule)}
        assert len([key for key in space if key not in SHARED]) <= 3
        if rule != "equilibrium-propagation":
            assert {key: space[key] for key in SHARED} == backprop["search"]["space"]


def names_of(rule):
    return set(make_spec({"algorithm": rule}).to_dict()["algorithm"]) - {"name"}


def test_equilibrium_propagations_step_sizes_are_a_hundred_times_the_others():
    other, own = (SEARCHES[rule]["search"]["space"] for rule in ("backprop", "equilibrium-propagation"))
    assert own["init"] == other["init"] and own["optimizer"]["adam"] == other["optimizer"]["adam"]
    rates = [each["optimizer"]["sgd"]["learning_rate"] for each in (own, other)]
    assert [float(rates[0][end]) / float(rates[1][end]) for end in ("low", "high")] == pytest.approx([100, 100])


@pytest.mark.parametrize("cell", fair.cells(), ids=lambda cell: "-".join(map(str, cell)))
def test_the_faithful_setting_lies_within_the_space(cell):
    """What the winner has to beat could have been found."""
    search = read_search(FAIR / f"{cell.rule}.yaml", [f"dataset={cell.dataset}", f"depth={cell.depth}"])
    spec = make_spec({"dataset": cell.dataset, "depth": cell.depth, "algorithm": cell.rule})
    proposal = {}
    for each in search.dimensions:
        if each.is_needed(proposal):
            value = spec
            for name in each.path:
                value = getattr(value, name)
            proposal[each.label] = getattr(value, "name", value)
            ends = each.choices
            assert proposal[each.label] in ends if not each.scale else ends[0] <= proposal[each.label] <= ends[1]
    assert search.winner(proposal) == spec


# --- the table


@contextmanager
def small_table(folder):
    """Two rules at one depth of a small data set: what reads the table, and what trains searches and winners."""
    data, results = write_dataset(folder / "d.npz", samples=400), folder / "results"
    space = {"optimizer.learning_rate": {"low": 1e-4, "high": 1.0, "scale": "log"}}
    budget = {"trials": 4, "epochs": 1, "winner_seeds": 2}

    def read(faithful=None):
        return fair.read(folder, results, faithful)

    def search():
        for entry in read():
            trained(entry.study)

    def train_winners():
        for entry in read():
            path = folder / "winner.yaml"
            path.write_text(winner_spec(entry.search, rank(entry.trials)[0], 4))
            for spec in lrarun.load_specs(path):
                lrarun.train(spec, results)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fair, "RULES", ("backprop", "lra-e"))
        patch.setattr(fair, "DATASETS", (data,))
        patch.setattr(fair, "DEPTHS", (1,))
        for rule in fair.RULES:
            write_search(folder / f"{rule}.yaml", data, space, budget, algorithm=rule, epochs=2, width=16)
        yield read, search, train_winners


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """What reads the table of two rules that are trained."""
    with small_table(tmp_path_factory.mktemp("fair")) as (read, search, train_winners):
        search()
        train_winners()
        yield read


def test_the_table_says_what_is_missing_until_nothing_is(tmp_path):
    with small_table(tmp_path) as (read, search, train_winners):
        assert list(fair_numbers.table(read())["state"]) == ["missing", "missing"]
        search()
        table = fair_numbers.table(read())
        assert list(table["state"]) == ["missing: 0 of 2 seeds"] * 2
        assert table["rank"].isna().all() and table["test_error"].isna().all()
        train_winners()
        assert list(fair_numbers.table(read())["state"]) == ["", ""]


def test_the_numbers_are_those_of_the_runs(small):
    table = fair_numbers.table(small())
    for entry, row in zip(small(), table.itertuples()):
        assert [run.spec["seed"] for run in entry.runs] == [1, 2]
        errors = [run.test_error for run in entry.runs]
        assert (row.runs, row.test_error, row.test_error_std) == (2, fmean(errors), stdev(errors))
        ended = [trial for trial in entry.trials if trial.state == "finished"]
        lowest = min(trial.validation_error for trial in ended)
        assert row.validation_error == lowest
        assert row.near_best == sum(trial.validation_error <= lowest + 1 for trial in ended) / 4
        assert row.trials == 4
    order = np.argsort(np.argsort(table["test_error"])) + 1.0
    assert table["test_error"].nunique() == 2 and list(table["rank"]) == list(order)
    assert (table["rank_low"] <= table["rank"]).all() and (table["rank"] <= table["rank_high"]).all()


def test_the_gain_is_over_the_rules_own_defaults(small, tmp_path):
    backprop = small()[0]
    default = make_spec({"dataset": backprop.cell.dataset, "depth": 1, "algorithm": "backprop"}).to_dict()
    with np.load(backprop.runs[0].folder / "test_predictions.npz") as stored:
        labels = stored["label"]
    wrong = np.arange(len(labels)) < len(labels) // 2
    folder = write_run(tmp_path, default, name="default", test_error=100 * float(wrong.mean()), train_error=1.0)
    write_predictions(folder, wrong, labels=labels)
    row = fair_numbers.table(small(tmp_path)).iloc[0]
    assert (row["faithful_runs"], row["faithful_test_error"]) == (1, 50.0)
    assert row["gain"] == pytest.approx(row["test_error"] - 50.0)
    assert row["gain_half_width"] > 0


def test_gains_are_corrected_for_how_many_rules_there_are_and_a_sure_one_is_marked(small):
    """Of p values 0.03, 0.03 and 0.001 of four rules, the smallest counts four times, the next three times."""
    rows = [{"gain_p": 0.03}, {}, {"gain_p": 0.03}, {"gain_p": 0.001}]
    assert fair_numbers._gains_corrected(rows) == [{"gain_p": 0.09}, {}, {"gain_p": 0.09}, {"gain_p": 0.004}]
    row = fair_numbers.table(small()).iloc[:1].assign(gain=-0.5, gain_half_width=0.4)
    shown = [body_of(row.assign(gain_p=p), "simple") for p in (0.049, 0.051)]
    assert "-0.50±0.40*" in shown[0] and "-0.50±0.40" in shown[1] and "*" not in shown[1]


def test_a_default_that_diverged_is_wrong_on_every_image_in_the_gain(small, tmp_path):
    backprop = small()[0]
    default = make_spec({"dataset": backprop.cell.dataset, "depth": 1, "algorithm": "backprop"}).to_dict()
    write_run(tmp_path, default, "diverged", epoch=1)
    row = fair_numbers.table(small(tmp_path)).iloc[0]
    assert (row["faithful_runs"], row["gain"]) == (0, pytest.approx(row["test_error"] - 100.0))
    assert pd.isna(row["faithful_test_error"]), "no mean"


def test_a_winner_whose_every_seed_diverged_says_so(small):
    first, other = small()
    gone = replace(first, runs=[replace(run, state="diverged") for run in first.runs])
    row = fair_numbers.table([gone, other]).iloc[:1]
    assert (row["state"].item(), row["runs"].item(), row["rank"].item()) == ("diverged", 0, 2.0)
    assert "diverged" in body_of(row, "simple")


def test_a_gain_without_predictions_counts_what_diverged_as_wrong_on_every_image(small, tmp_path):
    backprop = small()[0]
    default = make_spec({"dataset": backprop.cell.dataset, "depth": 1, "algorithm": "backprop"}).to_dict()
    write_run(tmp_path, default, "diverged", epoch=1)
    write_run(tmp_path, default | {"seed": 1}, test_error=50.0, train_error=1.0)
    row = fair_numbers.table(small(tmp_path)).iloc[0]
    assert row["gain"] == pytest.approx(row["test_error"] - 75.0) and row["faithful_test_error"] == 50.0


@contextmanager
def damaged(path, content=b"{"):
    """A file with other content for a while."""
    before = path.read_bytes()
    path.write_bytes(content)
    yield
    path.write_bytes(before)


def test_a_winners_damaged_record_counts_as_missing_and_is_warned_of(small, caplog):
    run = small()[0].runs[0]
    with damaged(run.folder / "run.json"):
        table = fair_numbers.table(small())
    assert list(table["state"]) == ["missing: 1 of 2 seeds", ""]
    assert run.run_id in caplog.text and "is damaged" in caplog.text


def test_a_winner_without_sound_predictions_costs_its_own_rank_alone_and_is_named(small, caplog):
    run = small()[0].runs[0]
    with damaged(run.folder / "test_predictions.npz"):
        table = fair_numbers.table(small())
    assert [pd.isna(rank) for rank in table["rank"]] == [True, False]
    assert caplog.text.count("has no rank") == 1 and run.run_id in caplog.text and "Backprop" in caplog.text


def test_a_trial_with_a_damaged_log_costs_its_own_cell_and_says_one_way_out(small, caplog):
    trial = small()[0].trials[0].runs[0].spec.run_id
    with damaged(small()[0].study.results / trial / "log.csv", b"epoch"):
        table = fair_numbers.table(small())
    assert list(table["state"]) == ["missing: a damaged trial", ""]
    assert trial in caplog.text and "remove that run's folder" in caplog.text and "--force" not in caplog.text


def test_the_table_counts_the_rules_that_are_missing(small, monkeypatch):
    seen = []
    monkeypatch.setattr(fair_numbers, "_ranks", lambda entries, rules: seen.append((len(entries), rules)) or {})
    first, other = small()
    fair_numbers.table([replace(first, runs=()), other])
    assert seen == [(1, 2)]


class Side:
    """A rule whose winner's runs err on the same images with each seed."""

    def __init__(self, rule, wrong):
        self.cell, self.runs = fair.Cell("mnist", 3, rule), wrong


@pytest.fixture
def sides(monkeypatch):
    """Three rules: the errors of two are far below the third's and hardly apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(2000) % 10

    def side(rule, percent):
        wrong = np.array([rng.random(2000) < (percent + 0.1 * seed) / 100 for seed in range(3)])
        return Side(rule, Mistakes(wrong, labels, (1, 2, 3)))

    monkeypatch.setattr(fair_pairs, "mistakes_of", lambda mistakes: mistakes)
    return [side("rfa", 5.0), side("dfa", 5.2), side("dtp", 40.0)]


def test_ranks_are_as_wide_as_the_comparisons_leave_them(sides):
    ranks = {cell.rule: each for cell, each in fair_numbers._ranks(sides, 3).items()}
    assert {rule: (each["rank_low"], each["rank_high"]) for rule, each in ranks.items()} == {
        "rfa": (1, 2),
        "dfa": (1, 2),
        "dtp": (3, 3),
    }
    assert ranks["dtp"]["rank"] == 3
    assert [ranks[rule]["better_than"] for rule in ("rfa", "dfa", "dtp")] == ["DTP", "DTP", ""]


def test_a_rule_that_is_not_trained_yet_counts_in_the_correction(sides):
    """What three rules decide is not decided before all are there: 10,000 rules make too many pairs."""
    assert any(each["better_than"] for each in fair_numbers._ranks(sides, 3).values())
    ranks = fair_numbers._ranks(sides, 10_000).values()
    assert {(each["rank_low"], each["rank_high"], each["better_than"]) for each in ranks} == {(1, 3, "")}


def test_the_pairs_are_those_that_the_ranks_rest_on(sides):
    pairs = {frozenset((pair.one.rule, pair.other.rule)): pair for pair in compared(with_predictions(sides), 3)}
    assert len(pairs) == 3
    ranks = {cell.rule: each for cell, each in fair_numbers._ranks(sides, 3).items()}
    better = {frozenset((rule, "dtp")) for rule, each in ranks.items() if each["better_than"] == "DTP"}
    assert {names for names, pair in pairs.items() if pair.sure} == better
    single = holm([pair.difference.p() for pair in pairs.values()])
    assert [pair.p for pair in pairs.values()] == single


def test_the_table_of_pairs_has_every_two_rules_once_and_their_difference(small):
    pairs, table = fair_pairs.table(small()), fair_numbers.table(small()).set_index("model")
    (pair,) = pairs.itertuples()
    assert (pair.model, pair.other) == ("Backprop", "LRA-E")
    assert pair.difference == pytest.approx(table["test_error"]["Backprop"] - table["test_error"]["LRA-E"])
    assert pair.difference_low < pair.difference < pair.difference_high
    assert (pair.p < 0.05) == (pair.difference_low > 0 or pair.difference_high < 0)
    assert pair.p_holm == pair.p, "one pair needs no correction"
    shown = pairs_body(pairs, "simple")
    assert "Backprop less LRA-E" in shown and f"{pair.difference:+.2f} (" in shown


def test_the_table_names_the_rules_that_are_told_apart(sides):
    ranks = fair_numbers._ranks(sides, 3)
    rows = pd.DataFrame([{"model": MODELS[cell.rule], **each} for cell, each in ranks.items()])
    assert decided_of(rows) in (
        "Told apart: RFA below DTP; DFA below DTP.",
        "Told apart: DFA below DTP; RFA below DTP.",
    )
    assert decided_of(rows.assign(better_than="")) == "No two rules are told apart."
    assert decided_of(rows[:1]) == "", "one rule alone"
    missing = pd.DataFrame([{"model": "LRA-E"}])
    assert decided_of(pd.concat([rows, missing])) == decided_of(rows)
