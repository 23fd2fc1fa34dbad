"""The search block: what it means, and how mistakes in it are reported."""

from __future__ import annotations

import pytest

from lrarun.errors import SpecError
from lrarun.specs.search import Budget, has_search, read_search
from lrarun.specs.yaml_text import read_source

GOOD = """\
algorithm: lra-e
epochs: 30
search:
  trials: 6
  seeds: [0, 2]
  space:
    algorithm.beta: {low: 0.01, high: 1, scale: log}
    init:
      gaussian: {std: {low: 0.01, high: 0.2}}
      glorot:
    optimizer: [sgd, adam]
"""


@pytest.fixture
def read(tmp_path):
    def read_text(text, *overrides):
        path = tmp_path / "s.yaml"
        path.write_text(text)
        return read_search(path, overrides)

    return read_text


def space(lines):
    """A search with these lines as its space."""
    return "algorithm: lra-e\nsearch:\n  space:\n" + "".join(f"    {line}\n" for line in lines.splitlines())


def test_a_search_is_its_spec_its_budget_and_its_space(read):
    search = read(GOOD)
    assert search.budget == Budget(trials=6, seeds=(0, 2))
    assert search.base.epochs == 30
    assert [each.label for each in search.dimensions] == ["init", "init.gaussian.std", "optimizer", "algorithm.beta"]
    proposal = {"init": "gaussian", "init.gaussian.std": 0.1, "optimizer": "adam", "algorithm.beta": 0.25}
    trial = search.trial(proposal, 2)
    assert (trial.seed, trial.epochs, trial.scores) == (2, search.budget.epochs, "validation")
    assert (trial.init.std, trial.optimizer.name, trial.algorithm.beta) == (0.1, "adam", 0.25)
    winner = search.winner(proposal)
    assert (winner.epochs, winner.scores, winner.optimizer) == (30, "test", trial.optimizer)


def test_set_reaches_the_spec_and_the_budget(read):
    search = read(GOOD, "search.trials=9", "depth=5", "search.seeds=[7]")
    assert (search.budget.trials, search.budget.seeds, search.base.depth) == (9, (7,), 5)


def test_a_rules_default_optimizer_keeps_the_rules_settings(read):
    dtp = read("algorithm: dtp\nsearch: {space: {optimizer.learning_rate: {low: 1.0e-4, high: 1.0e-2}}}\n")
    assert dtp.trial({"optimizer.learning_rate": 0.005}, 0).optimizer.name == "rmsprop"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (space("algorithm.betta: [0.1]"), 4, 5, "unknown key 'betta' for algorithm 'lra-e'; did you mean 'beta'?"),
        (space("algorithm.beta: [0.1, -1]"), 4, 27, "beta must be greater than 0, not -1"),
        (space("algorithm.beta: {low: 0, high: 1, scale: log}"), 4, 27, "a range on a log scale must start above 0"),
        (space("algorithm.beta: {low: 0, high: 1}"), 4, 27, "beta must be greater than 0, not 0"),
        (space("algorithm.gamma: {low: 2, high: 1}"), 4, 37, "high must be greater than low, which is 2"),
        (space("algorithm.gamma: {low: 0, high: 1, step: 2}"), 4, 40, "unknown key 'step' for a range"),
        (space("algorithm.gamma: {low: 0, high: 1, scale: lin}"), 4, 47, "scale must be linear or log"),
        (space("algorithm.gamma: {low: 0}"), 4, 22, "the range of algorithm.gamma needs high"),
        (space("algorithm.gamma: {low: a, high: 1}"), 4, 28, "low must be a number, not the text 'a'"),
        (space("algorithm.gamma: 0.5"), 4, 22, "algorithm.gamma needs a list of values or a range"),
        (space("depth: []"), 4, 12, "depth has nothing to choose from"),
        (space("depth: [1, 1]"), 4, 16, "1 is given twice"),
        (space("depth: {low: 1, high: 200}"), 4, 27, "depth must be at most 100, not 200"),
        (space("dept: [1]"), 4, 5, "unknown key 'dept' for a spec; did you mean 'depth'?"),
        (space("optimiser.learning_rate: [1]"), 4, 5, "did you mean 'optimizer.learning_rate'?"),
        (space("seed: [1, 2]"), 4, 5, "seed can't be searched: it stands beside 'space'"),
        (space("validation: [100, 10]"), 4, 5, "validation can't be searched: validation errors on different samples"),
        (space("split: [random, last]"), 4, 5, "split can't be searched: validation errors on different samples"),
        (space("engine: [numpy, jax]"), 4, 5, "engine can't be searched"),
        (space("algorithm: [rfa, backprop]\ninit: [glorot, zeros]"), 5, 5, "zeros does not work with 'backprop'"),
        (space("algorithm: [rfa, lra-e]\ndropout: {low: 0.0, high: 0.3}"), 5, 5, "dropout"),
        (
            space("algorithm:\n  rfa: {reduction: [mean]}\n  backprop: {}\ninit:\n  glorot: {}\n  zeros: {}"),
            9,
            7,
            "zeros does not work with 'backprop'",
        ),
        (space("optimizer:\n  sgdd: {}"), 5, 7, "unknown optimizer 'sgdd'; did you mean 'sgd'?"),
        (space("optimizer:\n  sgd: {rate: [1]}"), 5, 13, "unknown key 'rate' for optimizer 'sgd'"),
        (space("optimizer:\n  sgd: 3"), 5, 12, "sgd needs a mapping of its settings, or nothing, not 3"),
        (
            space("optimizer.learning_rate: [0.1]\noptimizer:\n  sgd: {learning_rate: [0.2]}"),
            6,
            13,
            "optimizer.learning_rate is chosen twice",
        ),
        (space("optimizer: {low: 1, high: 2}"), 4, 16, "optimizer needs a list of names, or a mapping of names"),
        (space("optimizer: [{name: sgd}]"), 4, 17, "for a name's settings, write a mapping of names"),
        ("algorithm: lra-e\nsearch: {trialz: 3, space: {depth: [1, 2]}}\n", 2, 10, "did you mean 'trials'?"),
        ("algorithm: lra-e\nsearch: {trials: 0, space: {depth: [1, 2]}}\n", 2, 18, "trials must be at least 1, not 0"),
        ("algorithm: lra-e\nsearch: {trials: 3}\n", 2, 1, "the key 'space' is missing"),
        ("algorithm: lra-e\nsearch: {seeds: [], space: {depth: [1, 2]}}\n", 2, 10, "name one seed at least"),
        ("algorithm: lra-e\nsearch: {seeds: [0, 0], space: {depth: [1, 2]}}\n", 2, 10, "a seed stands here twice"),
        (
            "algorithm: lra-e\nsearch: {seeds: [4294967293], space: {depth: [1, 2]}}\n",
            2,
            10,
            "the winner is trained with the 3 seeds after these; at most 4294967292",
        ),
        ("algorithm: lra-e\nsearch: {space: {}}\n", 2, 17, "space must be a mapping that is not empty"),
        ("algorithm: lra-e\nsearch: 3\n", 2, 1, "a search is a mapping"),
        ("algorithm: lra-e\n", 1, 1, "the key 'search' is missing"),
        (
            "algorithm: lra-e\nserach: {space: {depth: [1]}}\n",
            2,
            1,
            "unknown key 'serach' for a spec; did you mean 'search'?",
        ),
        (
            "algorithm: lra-e\nsearch: {spaces: {depth: [1]}}\n",
            2,
            10,
            "unknown key 'spaces' for a search; did you mean 'space'?",
        ),
        (
            "algorithm: lra-e\nsearch: {space: {depth: [1]}}\nspace: {}\n",
            3,
            1,
            "'space' for a spec; it belongs under search",
        ),
        (
            space("optimiser:\n  sgd: {learning_rate: [1]}"),
            4,
            5,
            "unknown key 'optimiser' for a spec; did you mean 'optimizer'?",
        ),
        (
            space("adam: {learning_rate: {low: 1, high: 2}}"),
            4,
            5,
            "'adam' is a name of optimizer; write it under optimizer",
        ),
        (space("beta: {min: 1, max: 2}"), 4, 5, "unknown key 'beta' for a spec; it belongs under algorithm"),
        (space("algorithm.beta: {lo: 1, low: 1, high: 2}"), 4, 22, "did you mean 'low'?"),
        (space("depth: {from: 1, to: 2}"), 4, 5, "depth needs a range: {low: ..., high: ...}"),
        ("algorithm: lra-e\nseed: 1\nsearch: {space: {depth: [1]}}\n", 2, 1, "the seeds of a search stand in it"),
        ("algorithm: lra-e\nsweep: {depth: [1]}\nsearch: {space: {depth: [1]}}\n", 2, 1, "a search has no sweep"),
        ("algorithm: lra-e\nsearch: {space: {depth: [1]}}\n---\nalgorithm: rfa\n", 4, 1, "holds one spec"),
        ("depth: 1\nsearch: {space: {width: [1]}}\n", 1, 1, "the key 'algorithm' is missing"),
    ],
)
def test_a_mistake_is_refused_with_its_place(read, text, line, column, message):
    with pytest.raises(SpecError) as refused:
        read(text)
    (problem,) = refused.value.problems
    assert message in problem.message
    assert (problem.line, problem.column) == (line, column)


def test_the_whole_block_can_be_set(read):
    search = read(GOOD, "search={trials: 3, space: {depth: [2, 4]}}")
    assert (search.budget.trials, [each.key for each in search.dimensions]) == (3, ["depth"])
    for wrong, message in (("search=5", "a search is a mapping"), ("search={trials: 3}", "'space' is missing")):
        with pytest.raises(SpecError, match=message):
            read(GOOD, wrong)


def test_the_highest_seed_leaves_room_for_the_winners(read):
    from lrarun.tuning.winner import fresh_seeds

    search = read("algorithm: lra-e\nsearch: {seeds: [4294967292], space: {depth: [1, 2]}}\n")
    assert fresh_seeds(search)[-1] == 2**32 - 1


def test_all_mistakes_are_reported_at_once(read):
    with pytest.raises(SpecError) as refused:
        read(space("algorithm.betta: [1]\ndepth: [0]\nwidth: []") + "  trials: -1\n")
    assert [problem.line for problem in refused.value.problems] == [4, 5, 6, 7]


def test_what_the_search_chooses_can_not_be_set(read):
    with pytest.raises(SpecError, match="algorithm.beta is what the search chooses"):
        read(GOOD, "algorithm.beta=0.2")
    with pytest.raises(SpecError, match="the seeds of a search stand in it"):
        read(GOOD, "seed=3")


def test_a_file_for_a_search_is_known_and_refused_by_others(tmp_path, call):
    path = tmp_path / "s.yaml"
    path.write_text(GOOD)
    assert has_search(read_source(path))
    code, _, err = call("train", path)
    assert code == 2
    assert f"{path}:3:1: this spec is a search" in err
    code, _, err = call("train", tmp_path / "t.yaml", "--set", "search.trials=3")
    assert code == 2
    assert call("validate", path).out == f"{path}: valid, a search of 6 trials\n"
