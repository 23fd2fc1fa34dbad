"""Choices that rule each other out, and settings that were added when runs existed already."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from lrarun.algorithms.registry import algorithms
from lrarun.errors import SpecError
from lrarun.nn.dropout import NO_DROPOUT, Dropout
from lrarun.nn.initializers import INITIALIZERS
from lrarun.nn.optimizers import OPTIMIZERS
from lrarun.settings import settings_of
from lrarun.specs.build import build_specs, make_spec
from lrarun.specs.places import Source
from lrarun.specs.spec import Spec

REFERENCE = Path(__file__).parent.parent.parent / "results" / "reference"
EP = "equilibrium-propagation"
LATER = {
    "bias",
    "dropout",
    "input_dropout",
    "split",
    "weight_decay",
    "learning_rate_decay",
    "epsilon_inside",
    "schedule",
}

# The text of a spec -> line, column and words of its only mistake.
REFUSED = {
    "algorithm: backprop\ninit: zeros\n": (2, 1, "errors come back through W"),
    "algorithm: dtp\ninit: zeros\n": (2, 1, "through the decoders"),
    "algorithm: dtp-sigma\ninit: {name: zeros}\n": (2, 1, "through the decoders"),
    f"algorithm: {EP}\ninit: zeros\n": (2, 1, "nudge"),
    "algorithm: dfa\nactivation: relu\ninit: zeros\n": (3, 1, "'relu' has no slope at 0"),
    "algorithm: {name: lra-e, update: eq6}\nactivation: hard-sigmoid\ninit: zeros\n": (3, 1, "no slope at 0"),
    "algorithm: lra-e\ndropout: 0.5\n": (2, 1, "left out"),
    "algorithm: dtp\ninput_dropout: 0.5\n": (2, 1, "left out"),
    f"algorithm: {EP}\ndropout: 0.1\n": (2, 1, "left out"),
    "algorithm: dfa\ndropout: 0.5\nprobes: [angle]\n": (3, 1, "leave out one of the two"),
    "algorithm: dfa\ndropout: 1\n": (2, 10, "must be less than 1"),
    "algorithm: dfa\nwidth: [5, 4]\ndepth: 3\n": (2, 8, "leave depth out"),
    "algorithm: dfa\nwidth: []\n": (2, 8, "1 to 100 hidden layers"),
    "algorithm: dfa\nwidth: [5, x]\n": (2, 12, "must be an integer"),
    "algorithm: dfa\noptimizer: {learning_rate: [0.1, 0.2]}\n": (2, 28, "the network has 4: 3 hidden and the output"),
    "algorithm: dfa\noptimizer: {learning_rate: [1, 1, 1, x]}\n": (2, 38, "must be a number, not the text 'x'"),
    "algorithm: dfa\noptimizer: {learning_rate: {W: 0}}\n": (2, 32, "greater than 0"),
    "algorithm: dtp\noptimizer: {learning_rate: {W: 1}}\n": (2, 28, "write {W: ..., V: ...}"),
    "algorithm: dfa\noptimizer: {learning_rate: {W: 1, B: 1}}\n": (2, 28, "'B' is none of them"),
    f"algorithm: {{name: {EP}, rate_ratio: 0.5}}\noptimizer: {{learning_rate: [1, 1, 1, 1]}}\n": (2, 13, "rate_ratio"),
    f"algorithm: {{name: {EP}, output_bias: 0.5}}\nbias: false\n": (2, 1, "output_bias"),
    "algorithm: dfa\nsplit: first\n": (2, 8, "'random' or 'last'"),
    "algorithm: {name: dfa, schedule: joint}\n": (1, 24, "unknown key 'schedule'"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_combination_that_makes_no_sense_is_refused_at_its_place(text):
    with pytest.raises(SpecError) as caught:
        build_specs(Source("s.yaml", text)).specs()
    (problem,) = caught.value.problems
    line, column, words = REFUSED[text]
    assert (problem.line, problem.column) == (line, column) and words in problem.message


@pytest.mark.parametrize("name", sorted(algorithms()))
def test_what_every_rule_can_do(name):
    learned = [family for family in algorithms()[name].learned if family not in ("c", "b")]
    for more in (
        {"bias": False},
        {"split": "last"},
        {"width": [20, 10]},
        {"optimizer": {"weight_decay": 0.1, "learning_rate_decay": 0.9}},
        {"optimizer": {"learning_rate": [0.4, 0.1, 0.02, 0.01]}},
        {"optimizer": {"learning_rate": dict.fromkeys(learned, 0.1)}},
        {"optimizer": {"name": "rmsprop", "epsilon_inside": True}},
    ):
        spec = make_spec({"algorithm": name} | more)
        assert make_spec(spec.to_dict()) == spec == make_spec(yaml.safe_load(spec.to_yaml()))
        assert make_spec(yaml.safe_load(spec.to_yaml())).run_id == spec.run_id != make_spec({"algorithm": name}).run_id


def test_settings_that_came_later_are_in_a_run_id_only_where_they_differ():
    """Of every rule and optimizer; a spec as written holds them all."""
    kinds = [Spec, *algorithms().values(), *OPTIMIZERS.values(), *INITIALIZERS.values()]
    assert {field.name for kind in kinds for field in settings_of(kind) if field.metadata["later"]} >= LATER
    for name in algorithms():
        for optimizer in OPTIMIZERS:
            spec = make_spec({"algorithm": name, "optimizer": optimizer})
            written = yaml.safe_load(spec.to_yaml())
            assert not {*spec.to_dict(), *spec.to_dict()["optimizer"], *spec.to_dict()["algorithm"]} & LATER
            assert {*written, *written["optimizer"], *written["algorithm"]} >= LATER - {"epsilon_inside", "schedule"}


def test_the_ids_of_the_runs_that_the_project_ships_are_still_theirs():
    folders = [path.parent for path in REFERENCE.glob("*/spec.yaml")]
    assert len(folders) > 50
    for folder in folders:
        stored = yaml.safe_load((folder / "spec.yaml").read_text(encoding="utf-8"))
        spec = make_spec(stored)
        assert spec.run_id == folder.name
        assert stored in (spec.to_dict(), yaml.safe_load(spec.to_yaml())), "without or with settings that came later"


def test_equal_widths_are_the_run_of_one_width():
    assert make_spec({"algorithm": "dfa", "width": [256] * 3}) == make_spec({"algorithm": "dfa"})
    spec = make_spec({"algorithm": "dfa", "width": [500, 300]})
    assert (spec.depth, spec.width) == (2, (500, 300)) and spec.run_id.startswith("mnist-dfa-500-300-sgd-s0-")
    assert len(make_spec({"algorithm": EP, "width": [65535, 65536] * 50, "dataset": "a" * 99}).run_id) <= 100


def test_the_depth_of_a_list_of_widths_sets_a_rule_s_defaults():
    assert (
        make_spec({"algorithm": EP, "width": [20, 10, 20, 10, 20]}).algorithm
        == make_spec({"algorithm": EP, "depth": 5}).algorithm
    )


def test_a_sweep_may_be_over_lists_of_widths_and_rates():
    text = "algorithm: dfa\nsweep: {width: [[20, 10], [5, 4, 3], 6], seed: [0, 1]}\n"
    assert [spec.width for spec in build_specs(Source("s", text)).specs()] == [(20, 10)] * 2 + [(5, 4, 3)] * 2 + [6] * 2
    text = "algorithm: dfa\ndepth: 1\nsweep: {optimizer.learning_rate: [[0.1, 0.2], 0.3]}\n"
    assert [s.optimizer.learning_rate for s in build_specs(Source("s", text)).specs()] == [(0.1, 0.2), 0.3]


def test_a_rate_for_each_layer_stands_in_place_of_equilibrium_propagation_s_ratio():
    spec = make_spec({"algorithm": EP, "optimizer": {"learning_rate": [0.4, 0.1, 0.01, 0.01]}})
    assert spec.algorithm.rate_ratio == 1
    ratio = make_spec({"algorithm": {"name": EP, "rate_ratio": 0.5}, "optimizer": {"learning_rate": 0.8}})
    assert ratio.algorithm.rate_ratio == 0.5


def test_a_rule_gets_the_spec_s_dropout():
    assert make_spec({"algorithm": "dfa", "dropout": 0.5}).algorithm.dropout == Dropout(0.0, 0.5)
    assert make_spec({"algorithm": "rfa", "input_dropout": 0.1}).algorithm.dropout == Dropout(0.1, 0.0)
    assert make_spec({"algorithm": "backprop"}).algorithm.dropout == NO_DROPOUT
    for rule in algorithms().values():
        can = "dropout" in {field.name for field in dataclasses.fields(rule)}
        assert bool(rule().refuses("dropout")) != can, rule.name
