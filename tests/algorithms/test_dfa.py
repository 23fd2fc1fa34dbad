"""DFA against its equations written out sample by sample, and its laws."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.dfa import DFA
from lrarun.nn.activations import get_activation
from tests.support import literal
from tests.support.networks import DEPTHS, assert_close, draw, gradients, random_batch, random_network


def literal_dfa(params, x, y, activation, reduction):
    """Nokland (2016): every hidden layer gets the output's error through a matrix of its own."""
    W, c = params["W"], params["c"]
    phi, dphi = literal.PHI[activation], literal.DPHI[activation]
    # The published B_l has one row per unit of layer l.
    B = {l: stored.T for l, stored in params["B"].items()}
    L = len(W)
    deltas = []
    for sample in range(x.shape[1]):
        h, z = literal.forward(W, c, x[:, sample], phi)
        e = literal.output_error(z[L], y[:, sample])
        delta = {L: e}
        for l in range(1, L):
            delta[l] = (B[l] @ e) * dphi(h[l])
        deltas.append((delta, z))
    return literal.accumulate(deltas, reduction)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_agrees_with_the_equations_sample_by_sample(depth, reduction, activation):
    rule = DFA(activation=get_activation(activation), reduction=reduction)
    sizes, params = random_network(rule, depth)
    x, y = random_batch(sizes, n=5)
    assert_close(gradients(rule, params, x, y), literal_dfa(params, x, y, activation, reduction), 1e-11)


def test_with_one_hidden_layer_and_the_output_weights_as_feedback_it_is_backprop():
    rule = DFA()
    sizes, params = random_network(rule, 1)
    params["B"][1][...] = params["W"][2]
    x, y = random_batch(sizes)
    assert_close(gradients(rule, params, x, y), gradients(Backprop(), params, x, y), 1e-13)


@pytest.mark.parametrize("depth", DEPTHS)
def test_in_a_linear_network_the_product_of_the_weights_above_makes_it_backprop(depth):
    rule = DFA(activation=get_activation("identity"))
    sizes, params = random_network(rule, depth)
    above = params["W"][depth + 1]
    for l in range(depth, 0, -1):
        params["B"][l][...] = above
        above = above @ params["W"][l]
    x, y = random_batch(sizes)
    assert_close(gradients(rule, params, x, y), gradients(Backprop(activation=rule.activation), params, x, y), 1e-12)


def test_feedback_joins_the_classes_to_every_hidden_layer():
    sizes, params = random_network(DFA(), 4)
    assert {l: B.shape for l, B in params["B"].items()} == {l: (sizes[-1], sizes[l]) for l in range(1, 5)}


def initial(rule, dtype=np.float64, sizes=(6, 3000, 2000, 5)):
    return rule.init(sizes, lambda rng, shape: draw(rng, shape, dtype), np.random.default_rng(3))


@pytest.mark.parametrize("feedback", ["glorot", "gaussian", "uniform"])
def test_the_feedback_chosen_leaves_the_forward_weights_alone(feedback):
    small = (6, 5, 7, 4)
    wanted = initial(Backprop(), sizes=small)["W"]
    found = initial(DFA(feedback=feedback, feedback_scale=0.3), sizes=small)["W"]
    assert all(np.array_equal(found[l], wanted[l]) for l in wanted)


@pytest.mark.parametrize(
    "feedback, std",
    [
        ("glorot", 0.7 * np.sqrt(2 / 1005)),
        ("gaussian", 0.7),
        ("uniform", 0.7 / np.sqrt(3)),
    ],
)
def test_distribution_and_scale_of_the_feedback(feedback, std):
    B = initial(DFA(feedback=feedback, feedback_scale=0.7), sizes=(2, 1000, 5))["B"][1]
    assert B.std() == pytest.approx(std, rel=0.03)
    assert abs(B.mean()) < 4 * std / np.sqrt(B.size)
