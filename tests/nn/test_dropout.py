"""Dropout: what it leaves out, what it keeps, and that rules descend the loss of the network that is left."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.dfa import DFA
from lrarun.algorithms.rfa import RFA
from lrarun.nn.activations import TANH, get_activation
from lrarun.nn.dropout import NO_DROPOUT, Dropout
from lrarun.nn.losses import nll
from lrarun.nn.network import forward
from tests.support.networks import assert_close, entries, gradients, random_batch, random_network

BOTH = Dropout(inputs=0.2, hidden=0.5)


def loss(params, x, y, dropout, activation=TANH):
    """The loss of the network that the generator of seed 0 leaves."""
    z, _ = dropout.forward(params, x, activation, np.random.default_rng(0))
    return float(nll(z[max(z)], y))


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softsign"])
@pytest.mark.parametrize("dropout", [BOTH, Dropout(hidden=0.3), Dropout(inputs=0.3), NO_DROPOUT], ids=repr)
def test_backprop_s_update_is_the_gradient_of_the_thinned_network_s_loss(dropout, activation):
    """Central differences in every weight and bias, with the same units left out."""
    rule = Backprop(dropout=dropout, activation=get_activation(activation))
    sizes, params = random_network(rule, depth=2)
    x, y = random_batch(sizes)
    found = dict(entries(gradients(rule, params, x, y)))
    for name, a in entries(params):
        expected = np.empty_like(a)
        for place in np.ndindex(a.shape):
            held, sides = a[place], []
            for step in (1e-5, -1e-5):
                a[place] = held + step
                sides.append(loss(params, x, y, dropout, rule.activation))
            a[place] = held
            expected[place] = (sides[0] - sides[1]) / 2e-5
        assert np.allclose(found[name], expected, rtol=1e-6, atol=1e-9), name


def test_rfa_with_the_weights_as_feedback_is_backprop_with_dropout():
    sizes, params = random_network(RFA(), depth=3)
    x, y = random_batch(sizes)
    params["B"] = {l: W for l, W in params["W"].items() if l > 1}
    assert_close(
        gradients(RFA(dropout=BOTH), params, x, y), gradients(Backprop(dropout=BOTH), params, x, y), relative=1e-13
    )


def test_dfa_with_one_hidden_layer_and_the_weights_as_feedback_is_backprop_with_dropout():
    sizes, params = random_network(DFA(), depth=1)
    x, y = random_batch(sizes)
    params["B"] = {1: params["W"][2]}
    assert_close(
        gradients(DFA(dropout=BOTH), params, x, y), gradients(Backprop(dropout=BOTH), params, x, y), relative=1e-13
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_units_are_left_out_with_the_probability_and_the_rest_keeps_the_mean(dtype):
    rng = np.random.default_rng(3)
    params = {"W": {1: rng.standard_normal((300, 200)) / 14, 2: rng.standard_normal((10, 300)) / 17}}
    params["c"] = {l: np.ones((len(W), 1)) for l, W in params["W"].items()}
    params = {family: {l: a.astype(dtype) for l, a in layers.items()} for family, layers in params.items()}
    x = (1 + rng.random((200, 100))).astype(dtype)
    z, slope = Dropout(inputs=0.2, hidden=0.5).forward(params, x, TANH, np.random.default_rng(0))
    assert {a.dtype for a in z.values()} == {slope(1).dtype} == {np.dtype(dtype)}
    for l, probability, size in ((0, 0.2, 20_000), (1, 0.5, 30_000)):
        out = z[l] == 0
        assert out.mean() == pytest.approx(probability, abs=5 * np.sqrt(0.25 / size))
    kept = z[0] != 0
    assert np.allclose(z[0][kept], x[kept] / 0.8, rtol=1e-6)
    assert (slope(1)[z[1] == 0] == 0).all(), "a unit that is left out does not learn"
    whole = np.tanh(params["W"][1] @ z[0] + params["c"][1])
    assert np.allclose(z[1][z[1] != 0], whole[z[1] != 0] / 0.5, rtol=1e-5)


def test_without_dropout_it_is_the_forward_pass_to_the_bit_and_draws_nothing():
    rule = Backprop()
    sizes, params = random_network(rule, depth=3, dtype=np.float32)
    x, _ = random_batch(sizes, dtype=np.float32)
    rng = np.random.default_rng(5)
    z, slope = NO_DROPOUT.forward(params, x, TANH, rng)
    expected = forward(params, x, TANH.phi)[1]
    assert all(np.array_equal(z[l], expected[l]) for l in expected)
    assert np.array_equal(slope(2), TANH.dphi(expected[2]))
    assert rng.random() == np.random.default_rng(5).random()


@pytest.mark.parametrize("kind", [Backprop, RFA, DFA])
def test_a_prediction_uses_every_unit(kind):
    sizes, params = random_network(kind(), depth=2)
    x, _ = random_batch(sizes)
    assert np.array_equal(kind(dropout=BOTH).predict(params, x), kind().predict(params, x))


def test_inputs_are_not_changed():
    sizes, params = random_network(Backprop(), depth=1)
    x, _ = random_batch(sizes)
    before = x.copy()
    BOTH.forward(params, x, TANH, np.random.default_rng(0))
    assert np.array_equal(x, before)
