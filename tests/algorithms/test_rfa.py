"""RFA against its equations written out sample by sample, and its laws."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.rfa import RFA
from lrarun.nn.activations import get_activation
from tests.support import literal
from tests.support.networks import DEPTHS, assert_close, draw, gradients, random_batch, random_network, random_sizes


def literal_rfa(params, x, y, activation, reduction):
    """Lillicrap et al. (2016): backprop with B in the place of W's transpose, one sample at a time."""
    W, c, B = params["W"], params["c"], params["B"]
    phi, dphi = literal.PHI[activation], literal.DPHI[activation]
    L = len(W)
    deltas = []
    for sample in range(x.shape[1]):
        h, z = literal.forward(W, c, x[:, sample], phi)
        delta = {L: literal.output_error(z[L], y[:, sample])}
        for l in range(L - 1, 0, -1):
            delta[l] = (B[l + 1].T @ delta[l + 1]) * dphi(h[l])
        deltas.append((delta, z))
    return literal.accumulate(deltas, reduction)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_agrees_with_the_equations_sample_by_sample(depth, reduction, activation):
    rule = RFA(activation=get_activation(activation), reduction=reduction)
    sizes, params = random_network(rule, depth)
    x, y = random_batch(sizes, n=5)
    assert_close(gradients(rule, params, x, y), literal_rfa(params, x, y, activation, reduction), 1e-11)


@pytest.mark.parametrize("depth", DEPTHS)
def test_with_the_forward_weights_as_feedback_it_is_backprop(depth):
    rule = RFA()
    sizes, params = random_network(rule, depth)
    for l, B in params["B"].items():
        B[...] = params["W"][l]
    x, y = random_batch(sizes)
    assert_close(gradients(rule, params, x, y), gradients(Backprop(), params, x, y), 1e-13)


def test_feedback_has_the_shape_of_the_weights_above_the_first_layer():
    _, params = random_network(RFA(), 4)
    assert {l: B.shape for l, B in params["B"].items()} == {l: params["W"][l].shape for l in range(2, 6)}


def initial(rule, dtype=np.float64, sizes=(6, 300, 200, 5)):
    return rule.init(sizes, lambda rng, shape: draw(rng, shape, dtype), np.random.default_rng(3))


@pytest.mark.parametrize("feedback", ["glorot", "gaussian", "uniform"])
def test_the_feedback_chosen_leaves_the_forward_weights_alone(feedback):
    wanted = initial(Backprop())["W"]
    found = initial(RFA(feedback=feedback, feedback_scale=0.3))["W"]
    assert all(np.array_equal(found[l], wanted[l]) for l in wanted)


def test_distribution_and_scale_of_the_feedback():
    glorot = initial(RFA(feedback="glorot", feedback_scale=2.0))["B"][2]
    bound = 2 * np.sqrt(6 / 500)
    assert 0.999 * bound < np.abs(glorot).max() <= bound
    assert glorot.std() == pytest.approx(bound / np.sqrt(3), rel=0.01)
    uniform = initial(RFA(feedback="uniform", feedback_scale=0.5))["B"][2]
    assert 0.4999 < np.abs(uniform).max() <= 0.5
    assert uniform.std() == pytest.approx(0.5 / np.sqrt(3), rel=0.01)
    gaussian = initial(RFA(feedback="gaussian", feedback_scale=0.1))["B"][2]
    assert gaussian.std() == pytest.approx(0.1, rel=0.01)
    # The kurtosis tells a normal (3) from a uniform (1.8) distribution.
    assert (gaussian**4).mean() / (gaussian**2).mean() ** 2 == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("feedback", ["glorot", "gaussian", "uniform"])
def test_single_precision_feedback_is_the_rounded_double_precision_one(feedback):
    rule = RFA(feedback=feedback, feedback_scale=0.7)
    single, double = initial(rule, np.float32)["B"], initial(rule)["B"]
    assert all(np.array_equal(single[l], double[l].astype(np.float32)) for l in double)


def test_learning_aligns_the_forward_weights_with_the_feedback():
    """Feedback alignment's own claim: W turns towards B, so the angle to backprop's update falls below 90 degrees."""
    rule = RFA(feedback="gaussian", feedback_scale=0.5)
    rng = np.random.default_rng(0)
    sizes = random_sizes(1, rng)
    params = rule.init(sizes, lambda rng, shape: 0.01 * draw(rng, shape, np.float64), rng)
    x, y = random_batch(sizes, n=40)
    for _ in range(300):
        grads = gradients(rule, params, x, y)
        for family in rule.learned:
            for l, g in grads[family].items():
                params[family][l] -= 0.3 * g
    W, B = params["W"][2], params["B"][2]
    assert (W * B).sum() / (np.linalg.norm(W) * np.linalg.norm(B)) > 0.4
