"""Passes, biases, decaying rates and the split in the training loop, against loops written out here."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.algorithms.dtp import DTP
from lrarun.algorithms.dtp_sigma import DTPSigma
from lrarun.algorithms.registry import algorithms
from lrarun.data.dataset import split
from lrarun.engine.training import Training
from lrarun.nn.network import empty_like, layer_sizes
from lrarun.nn.randomness import stream
from lrarun.specs.build import make_spec
from tests.support.networks import entries, random_batch, random_network
from tests.support.synthetic import synthetic_dataset

SMALL = {"dataset": "synthetic", "depth": 2, "width": 12, "batch_size": 20, "validation": 50, "epochs": 2}
DECODERS_FIRST = {"algorithm": {"name": "dtp", "schedule": "decoders-first"}}


@pytest.fixture(scope="module")
def dataset():
    return synthetic_dataset(samples=210, pixels=20)


def training_of(dataset, **settings):
    return Training(make_spec({**SMALL, "algorithm": "backprop"} | settings), dataset)


def bits(params):
    return {name: a.tobytes() for name, a in entries(params)}


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
def test_decoders_first_is_two_passes_over_the_samples_in_every_epoch(dataset, optimizer):
    """Each family has an optimizer of its own pass, so that Adam counts its own steps."""
    training = training_of(dataset, **DECODERS_FIRST, optimizer=optimizer)
    spec, rule = training.spec, training.algorithm
    params = {family: {l: a.copy() for l, a in layers.items()} for family, layers in training.params.items()}
    noise = stream(spec.seed, "noise")
    states = {families: spec.optimizer.init(params, families) for families in (("V", "b"), ("W", "c"))}
    losses = []
    for epoch in range(2):
        order = stream(spec.seed, "order", epoch).permutation(training.train_index)
        for families, state in states.items():
            for start in range(0, len(order), spec.batch_size):
                index = order[start : start + spec.batch_size]
                x = (dataset.train_images[index].astype(np.float32) / np.float32(255)).T
                y = np.eye(dataset.classes, dtype=np.float32)[dataset.train_labels[index]].T
                grads = empty_like(params, families)
                losses.append((epoch, families, len(index) * float(rule.step(params, x, y, grads, noise)["nll"])))
                spec.optimizer.update(params, grads, state)
        record = training.advance()
        forward = sum(loss for when, families, loss in losses if (when, families[0]) == (epoch, "W"))
        assert record["train_nll"] == pytest.approx(forward / len(order), rel=1e-6)
    for (name, a), (_, b) in zip(entries(params), entries(training.params)):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-5), name


@pytest.mark.parametrize("rule", [DTP(), DTPSigma(), DTPSigma(loss="target"), DTP(top_target="hidden")], ids=range(4))
def test_a_pass_writes_what_a_joint_step_writes_for_its_families(rule):
    sizes, params = random_network(rule, depth=3)
    x, y = random_batch(sizes)
    joint = empty_like(params, rule.learned)
    rule.step(params, x, y, joint, np.random.default_rng(1))
    for families in (("V", "b"), ("W", "c")):
        grads = empty_like(params, families)
        rule.step(params, x, y, grads, np.random.default_rng(1))
        assert bits(grads) == bits({family: joint[family] for family in families})


def test_the_decoders_pass_leaves_the_forward_weights_alone(dataset):
    training = training_of(dataset, **DECODERS_FIRST, batch_size=10)
    before = bits(training.params)
    assert training.advance(lambda: True) is None and training.batch == training.batches // 2 == 16
    assert {name[0] for name, content in bits(training.params).items() if content != before[name]} == {"V", "b"}
    middle = bits(training.params)
    training.advance()
    assert {name[0] for name, content in bits(training.params).items() if content != middle[name]} == {"W", "c"}


@pytest.mark.parametrize(
    "settings",
    [
        DECODERS_FIRST | {"optimizer": "adam"},
        DECODERS_FIRST | {"optimizer": "sgd"},
        {"dropout": 0.5, "input_dropout": 0.1, "optimizer": {"learning_rate_decay": 0.5}},
        {"bias": False, "optimizer": "rmsprop"},
    ],
    ids=str,
)
def test_a_training_that_stops_and_goes_on_ends_in_the_same_bits(dataset, settings):
    settings = {"batch_size": 5} | settings
    whole, first = training_of(dataset, **settings), training_of(dataset, **settings)
    while not whole.done:
        whole.advance()
    stops = 0
    while not first.done:
        first.advance(lambda: True)
        second = training_of(dataset, **settings)
        second.restore(first.state())
        first, stops = second, stops + 1
    assert stops > whole.spec.epochs
    assert bits(first.params) == bits(whole.params) and first.records[-1]["train_nll"] == whole.records[-1]["train_nll"]


@pytest.mark.parametrize("name", sorted(algorithms()))
def test_without_biases_every_rule_learns_and_all_biases_stay_zero(dataset, name):
    training = training_of(dataset, algorithm=name, bias=False)
    start = bits(training.params)
    training.advance()
    for family in ("c", "b"):
        assert all(not a.any() for a in training.params.get(family, {}).values())
    changed = {key[0] for key, content in bits(training.params).items() if content != start[key]}
    assert changed == set(training.algorithm.learned) - {"c", "b"}


def test_without_biases_weights_move_as_they_would_beside_biases_that_stay_zero(dataset):
    """A first step from zero biases is the same with and without them."""
    settings = {"batch_size": 160, "epochs": 1}
    with_biases, without = training_of(dataset, **settings), training_of(dataset, **settings, bias=False)
    with_biases.advance()
    without.advance()
    assert bits({"W": with_biases.params["W"]}) == bits({"W": without.params["W"]})
    assert any(c.any() for c in with_biases.params["c"].values())


@pytest.mark.parametrize("name", ["dfa", "rfa", "lra-e"])
def test_rules_with_matrices_of_their_own_learn_from_zero_weights(dataset, name):
    training = training_of(dataset, algorithm=name, init="zeros", epochs=40, optimizer={"learning_rate": 0.1})
    assert not any(W.any() for W in training.params["W"].values())
    while not training.done:
        record = training.advance()
    assert all(W.any() for W in training.params["W"].values())
    assert record["validation_error"] < 50, "chance is 90"


def test_the_learning_rate_decays_from_epoch_to_epoch(dataset):
    training = training_of(dataset, optimizer={"learning_rate": 0.1, "learning_rate_decay": 0.5})
    by_hand = training_of(dataset, optimizer={"learning_rate": 0.1})
    training.advance()
    by_hand.advance()
    by_hand.optimizer = make_spec({"algorithm": "backprop", "optimizer": {"learning_rate": 0.05}}).optimizer
    training.advance()
    by_hand.advance()
    assert bits(training.params) == bits(by_hand.params)


def test_a_list_of_widths_is_the_shape_of_the_network(dataset):
    training = training_of(dataset, width=[7, 5, 9], depth=3)
    assert [W.shape for W in training.params["W"].values()] == [(7, 20), (5, 7), (9, 5), (10, 9)]
    training.advance()
    assert layer_sizes(20, 3, (7, 5, 9), 10) == [20, 7, 5, 9, 10]
    assert layer_sizes(20, 3, 6, 10) == [20, 6, 6, 6, 10]


def test_the_last_samples_are_held_out(dataset):
    for seed in (0, 1):
        training = training_of(dataset, split="last", seed=seed)
        assert training.validation_index.tolist() == list(range(160, 210))
        assert training.train_index.tolist() == list(range(160))
    assert split(10, 3, 0)[1].tolist() != [7, 8, 9]


def test_probes_measure_the_pass_of_the_forward_weights(dataset):
    record = training_of(dataset, **DECODERS_FIRST, probes=["angle"]).advance()
    assert 0 < record["angle_mean"] < 180
