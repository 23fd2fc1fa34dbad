"""What is proposed: within the space, the same for the same history, even at first and then learned."""

from __future__ import annotations

import math
from collections import Counter
from statistics import fmean

import numpy as np
import pytest

from lrarun.specs.search import Budget, read_search
from lrarun.tuning import propose as module
from lrarun.tuning.propose import propose, quasi_random
from lrarun.tuning.trials import Trial, TrialRun
from tests.support.small_search import write_search

pytest.importorskip("optuna")

SPACE = {
    "depth": {"low": 1, "high": 4},
    "batch_size": {"low": 1, "high": 1000, "scale": "log"},
    "algorithm.reduction": ["sum", "mean"],
    "algorithm.gamma": {"low": 0, "high": 2},
    "optimizer": {
        "sgd": {"learning_rate": {"low": 1e-3, "high": 1, "scale": "log"}},
        "rmsprop": {"learning_rate": {"low": 1e-5, "high": 1e-2, "scale": "log"}, "decay": [0.9, 0.99]},
        "adam": None,
    },
}


@pytest.fixture(scope="module")
def dimensions(tmp_path_factory):
    path = write_search(tmp_path_factory.mktemp("search") / "s.yaml", "mnist", SPACE)
    text = path.read_text().replace('"depth": 2, ', "").replace('"batch_size": 10, ', "")
    path.write_text(text)
    return read_search(path).dimensions


def told(number, proposal, error, state="finished", epochs=4):
    lowest = () if state == "diverged" else (error,) * epochs
    return Trial(number, proposal, (TrialRun(None, state, lowest),))


def loss(proposal):
    """Percent: least at a learning rate of 0.03 with SGD."""
    rate = proposal.get("optimizer.sgd.learning_rate")
    return 50.0 if rate is None else min(50.0, 1 + 10 * abs(math.log10(rate / 0.03)))


def searched(dimensions, budget, trials, loss=loss):
    found = []
    while len(found) < trials:
        for proposal in propose(dimensions, budget, found, min(4, trials - len(found))):
            found = [*found, told(len(found), proposal, loss(proposal))]
        # (the round's own trials are told only with the next call)
    return found


def is_within(dimension, value):
    low_high = dimension.choices
    if not dimension.scale:
        return value in low_high
    kind = int if dimension.whole else float
    return type(value) is kind and low_high[0] <= value <= low_high[1]


def test_every_value_is_within_the_space_and_every_condition_is_kept(dimensions):
    labels = {each.label: each for each in dimensions}
    for proposal in [trial.proposal for trial in searched(dimensions, Budget(seed=3), 24)]:
        assert all(is_within(labels[label], value) for label, value in proposal.items())
        optimizer = proposal["optimizer"]
        own = {label.split(".")[1] for label in proposal if label.startswith("optimizer.")}
        assert own == (set() if optimizer == "adam" else {optimizer})
        assert {"depth", "batch_size", "algorithm.reduction", "algorithm.gamma"} <= set(proposal)
    assert labels["depth"].whole and labels["batch_size"].whole
    assert not labels["algorithm.gamma"].whole, "both ends are whole numbers, but the setting is not"


def test_the_first_trials_cover_the_space_evenly(dimensions):
    points = quasi_random(dimensions, 0, 64)
    optimizers = Counter(point["optimizer"] for point in points)
    assert set(optimizers.values()) <= {20, 21, 22, 23}
    depths = Counter(point["depth"] for point in points)
    assert depths == {1: 16, 2: 16, 3: 16, 4: 16}
    logarithms = np.log([point["batch_size"] for point in points])
    below = np.count_nonzero(logarithms < np.log(1000) / 2)
    assert 28 <= below <= 36


def test_the_same_history_gives_the_same_proposals_and_another_seed_others(dimensions):
    once, again = (searched(dimensions, Budget(seed=1), 20) for _ in range(2))
    other = searched(dimensions, Budget(seed=2), 20)
    assert once == again
    assert [trial.proposal for trial in once] != [trial.proposal for trial in other]


def test_fewer_proposals_are_the_first_of_more(dimensions):
    before = searched(dimensions, Budget(), 12)
    assert propose(dimensions, Budget(), before, 4)[:2] == propose(dimensions, Budget(), before, 2)
    assert propose(dimensions, Budget(quasi_random=2), [], 4)[:3] == propose(dimensions, Budget(quasi_random=2), [], 3)


def test_what_is_learned_keeps_away_from_each_trial_of_its_own_round(dimensions, monkeypatch):
    """A round of two quasi-random trials and two learned ones: other ones beside them, and others are learned."""
    budget = Budget(quasi_random=14)
    before = searched(dimensions, budget, 12)
    even = quasi_random(dimensions, 0, 14)
    other = quasi_random(dimensions, 5, 14)
    learned = propose(dimensions, budget, before, 4)[2:]
    for place in (12, 13):
        beside = [*even[:place], other[place], *even[place + 1 :]]
        monkeypatch.setattr(module, "quasi_random", lambda *_, beside=beside: beside)
        assert propose(dimensions, budget, before, 4)[2:] != learned


def test_what_is_proposed_is_learned_from_the_trials_before(dimensions):
    found = [loss(trial.proposal) for trial in searched(dimensions, Budget(), 48)]
    assert fmean(found[24:]) < fmean(found[:8]) - 15
    other = searched(dimensions, Budget(), 48, lambda proposal: 51 - loss(proposal))
    late = [trial.proposal["optimizer"] for trial in other[24:]]
    assert late.count("sgd") < len(late) / 2, "the worse it is now, the less it is proposed"


def test_a_trial_that_diverged_or_was_pruned_is_learned_from(dimensions):
    """Where every trial with SGD diverges, or is stopped at once, SGD is left."""
    for state in ("diverged", "pruned"):
        found = []
        while len(found) < 32:
            for proposal in propose(dimensions, Budget(), found, 4):
                bad = proposal["optimizer"] == "sgd"
                found = [
                    *found,
                    told(len(found), proposal, 90.0 if bad else 5.0, state if bad else "finished", 4 - 2 * bad),
                ]
        assert [trial.proposal["optimizer"] for trial in found[16:]].count("sgd") <= 4
