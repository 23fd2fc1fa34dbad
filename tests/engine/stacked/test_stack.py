"""A stack trains each network as NumPy's engine would, and as it would be trained alone."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

pytest.importorskip("jax")

from lrarun.algorithms.registry import algorithms
from lrarun.bench.data import synthetic
from lrarun.engine.stacked.likeness import likeness
from lrarun.engine.stacked.stack import Stack, networks_that_fit
from lrarun.engine.training import Training
from tests.support.traced import apart, numbers, run_on, specs_of, trained

DATA = synthetic(330, 100)  # of 280 training samples; the last mini-batch of 50 is smaller
RULES = list(algorithms())
QUIET = [name for name in RULES if name not in ("dtp", "dtp-sigma")]  # rules that draw no noise


def by_numpy(spec, dataset=DATA):
    training = Training(spec, dataset)
    while not training.done:
        training.advance()
    return training


@pytest.mark.parametrize("name", QUIET)
def test_a_stack_trains_as_numpy_does_but_for_rounding(name):
    specs = specs_of({"seed": 0}, {"seed": 5}, algorithm=name, batch_size=50)
    assert len(Training(specs[0], DATA).train_index) % 50, "the last mini-batch is a smaller one"
    trainings, finals = trained(specs, DATA)
    for i, spec in enumerate(specs):
        alone = by_numpy(spec)
        assert apart(alone, trainings[i]) < 1e-9
        for mine, wanted in zip(finals[i], alone.final_scores()):
            assert mine.error == wanted.error and np.array_equal(mine.predicted, wanted.predicted)
            assert mine.nll == pytest.approx(wanted.nll, rel=1e-10)


SETTINGS = {
    "lra-e": ("beta", 0.2),
    "equilibrium-propagation": ("beta", 0.3),
    "dtp": ("sigma", 0.1),
    "dtp-sigma": ("decoder_scale", 0.5),
    "rfa": ("feedback_scale", 2.0),
}


@pytest.mark.parametrize("name", RULES)
def test_a_stack_of_five_gives_each_what_it_gets_alone(name):
    """Also where numeric settings of the rule and the optimizer differ, and where the rule draws noise."""
    setting, value = SETTINGS.get(name, (None, None))
    special = {"algorithm": {"name": name, **({setting: value} if setting else {})}}
    rate = {"optimizer": {"learning_rate": 0.003}}
    specs = specs_of({"seed": 0}, {"seed": 1}, rate, special | {"seed": 3}, {"seed": 4}, algorithm=name, epochs=1)
    assert len({likeness(spec, DATA) for spec in specs}) == 1
    together, _ = trained(specs, DATA)
    assert apart(together[0], together[2]) > 1e-6 and apart(together[0], together[3]) > 1e-6
    for i in (2, 3):
        (alone,), _ = trained([specs[i]], DATA)
        assert apart(alone, together[i]) < 1e-9


OPTIMIZERS = [
    {"name": "sgd"},
    {"name": "rmsprop"},
    {"name": "rmsprop", "centred": True, "momentum": 0.9, "epsilon": 1e-3},
    {"name": "rmsprop", "momentum": 0.5},
    {"name": "adam"},
    {"name": "adam", "beta1": 0.0, "beta2": 0.99},
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_every_optimizer_moves_as_in_numpy_with_the_same_state(optimizer):
    (spec,) = specs_of({}, algorithm="backprop", optimizer=optimizer, depth=1, epochs=1)
    (training,), _ = trained([spec], DATA)
    assert apart(by_numpy(spec), training) < 1e-9


def test_remembered_states_of_samples_come_back_too():
    rule = {"name": "equilibrium-propagation", "initial_state": "persistent"}
    (spec,) = specs_of({}, algorithm=rule, epochs=1)
    (training,), _ = trained([spec], DATA)
    assert any(name.startswith("carry") for name in numbers(training))
    assert apart(by_numpy(spec), training) < 1e-9


def test_data_sets_of_one_shape_share_a_stack():
    other = synthetic(330, 100, seed=9)
    assert not np.array_equal(other.train_images, DATA.train_images)
    (spec,) = specs_of({}, algorithm="backprop", epochs=1)
    trainings, _ = run_on(Stack([Training(spec, DATA), Training(spec, other)]))
    assert apart(by_numpy(spec), trainings[0]) < 1e-9 and apart(by_numpy(spec, other), trainings[1]) < 1e-9


def test_pixels_that_are_no_bytes_are_used_as_they_are():
    images = {name: getattr(DATA, name) / np.float64(300) for name in ("train_images", "test_images")}
    (spec,) = specs_of({}, algorithm="backprop", epochs=1)
    dataset = dataclasses.replace(DATA, **images)
    (training,), _ = trained([spec], dataset)
    assert apart(by_numpy(spec, dataset), training) < 1e-9


@pytest.mark.parametrize("name", ["dfa", "lra-e"])
def test_the_last_samples_held_out_and_weights_of_0_are_trained_as_by_numpy(name):
    """Also beside a network of the same seed that holds out others, and so has another order."""
    spec, plain = specs_of({"split": "last", "init": "zeros"}, {}, algorithm=name, epochs=1)
    training, other = Training(spec, DATA), Training(plain, DATA)
    assert likeness(spec, DATA) == likeness(plain, DATA) and not training.params["W"][1].any()
    assert not np.array_equal(training.validation_index, other.validation_index)
    trainings, _ = run_on(Stack([training, other]))
    for mine, own in zip(trainings, (spec, plain)):
        assert apart(by_numpy(own), mine) < 1e-9


def test_without_test_scores_a_stack_has_no_test_samples():
    scored, *specs = specs_of({}, {"scores": "validation"}, {"scores": "validation", "seed": 1}, algorithm="lra-e")
    without = [DATA.without_test() for _ in specs]
    assert likeness(specs[0], DATA) == likeness(specs[1], without[0]) != likeness(scored, DATA)
    stack = Stack([Training(spec, dataset) for spec, dataset in zip(specs, without)])
    assert stack._data["images"].shape == (1, *DATA.train_images.shape), "and one copy of the others"
    trainings, finals = run_on(stack)
    for i, spec in enumerate(specs):
        alone = by_numpy(spec, without[i])
        train, test = finals[i]
        assert apart(alone, trainings[i]) < 1e-9 and test is None and train.error == alone.final_scores()[0].error


def test_a_diverging_network_does_not_touch_its_neighbours():
    wild = {"seed": 1, "optimizer": {"learning_rate": 1e200}}
    specs = specs_of({"seed": 0}, wild, {"seed": 2}, algorithm="backprop", activation="relu")
    together, finals = trained(specs, DATA)
    assert sorted(finals) == [0, 2] and not np.isfinite(together[1].records[-1]["train_nll"])
    assert len(together[1].records) == 1
    for i in (0, 2):
        assert apart(by_numpy(specs[i]), together[i]) < 1e-9


def paused_at(spec, calls, monkeypatch):
    """A training that a stack has brought so far: until it was asked so often whether to stop."""
    monkeypatch.setattr("lrarun.engine.stacked.stack.CHUNK_SECONDS", 0.0)
    count = itertools.count(1)
    (training,), _ = trained([spec], DATA, lambda: next(count) >= calls)
    restored = Training(spec, DATA)
    restored.restore(training.state())
    return restored


@pytest.mark.parametrize("name", ["lra-e", "dtp-sigma"])
def test_networks_at_different_places_go_on_in_one_stack(name, monkeypatch):
    """What was stored alone goes on with others, wherever they are: as if none had stopped."""
    specs = specs_of({"seed": 0}, {"seed": 1}, {"seed": 2, "epochs": 3}, algorithm=name)
    undisturbed, _ = trained(specs, DATA)
    places = [paused_at(specs[0], 3, monkeypatch), Training(specs[1], DATA), paused_at(specs[2], 20, monkeypatch)]
    assert [(t.epoch, t.batch) for t in places] == [(0, 3), (0, 0), (1, 6)]
    resumed, finals = run_on(Stack(places))
    assert sorted(finals) == [0, 1, 2]
    for before, after in zip(undisturbed, resumed):
        assert apart(before, after) < 1e-9


def test_what_a_device_holds_depends_on_the_network():
    small, large = specs_of({}, {"width": 200, "depth": 5}, algorithm="lra-e")
    assert networks_that_fit(Training(small, DATA)) > networks_that_fit(Training(large, DATA)) >= 1


def test_only_what_changes_the_compilation_parts_runs():
    first, *alike = specs_of(
        {}, {"seed": 7}, {"epochs": 9}, {"algorithm": {"name": "lra-e", "beta": 0.7, "error_scale": 1.0}},
        {"init": {"std": 0.2}}, algorithm="lra-e",
    )  # fmt: skip
    others = specs_of(
        {"depth": 3}, {"width": 13}, {"batch_size": 10}, {"validation": 60}, {"dtype": "float32"},
        {"activation": "relu"}, {"algorithm": {"name": "lra-e", "update": "eq6"}}, {"optimizer": "adam"},
        {"optimizer": "rmsprop"}, {"optimizer": {"name": "rmsprop", "momentum": 0.5}}, algorithm="lra-e",
    )  # fmt: skip
    assert {likeness(spec, DATA) for spec in alike} == {likeness(first, DATA)}
    assert len({likeness(spec, DATA) for spec in (first, *others)}) == 1 + len(others)
    assert likeness(first, synthetic(340, 100)) != likeness(first, DATA)
