"""Backprop against central differences and an independent autodiff library."""

from __future__ import annotations

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad

from lrarun.algorithms.backprop import Backprop
from lrarun.nn.activations import get_activation
from tests.support.networks import DEPTHS, assert_close, gradients, random_batch, random_network

# The same expressions serve NumPy and autograd, whose module is passed as `np_`.
PHI = {
    "tanh": lambda np_, h: 1 - 2 / (np_.exp(2 * h) + 1),
    "sigmoid": lambda np_, h: 1 / (1 + np_.exp(-h)),
    "softsign": lambda np_, h: h / (1 + np_.abs(h)),
    "relu": lambda np_, h: np_.where(h > 0, h, 0.0),
    "leaky-relu": lambda np_, h: np_.where(h > 0, h, 0.01 * h),
    "hard-sigmoid": lambda np_, h: np_.where(h > 0, np_.where(h < 1, h, 1.0), 0.0),
    "identity": lambda np_, h: h,
}


def cost(params, x, y, activation, reduction, np_=np):
    """Sum or mean over the samples of the cross-entropy, from the logits."""
    L = len(params["W"])
    z = x
    for l in range(1, L + 1):
        h = np_.dot(params["W"][l], z) + params["c"][l]
        z = PHI[activation](np_, h)
    per_sample = np_.log(np_.sum(np_.exp(h), axis=0)) - np_.sum(h * y, axis=0)
    return np_.sum(per_sample) if reduction == "sum" else np_.mean(per_sample)


def central_differences(params, objective, epsilon=1e-3):
    """The derivative of objective() by every entry of params, by fourth-order central differences."""
    found = {}
    for family, layers in params.items():
        found[family] = {l: np.empty_like(a) for l, a in layers.items()}
        for l, a in layers.items():
            for place in np.ndindex(a.shape):
                kept = a[place]
                values = {}
                for steps in (-2, -1, 1, 2):
                    a[place] = kept + steps * epsilon
                    values[steps] = objective()
                a[place] = kept
                slope = 8 * (values[1] - values[-1]) - (values[2] - values[-2])
                found[family][l][place] = slope / (12 * epsilon)
    return found


@pytest.mark.parametrize(
    "depth, reduction, activation",
    [(depth, ("sum", "mean")[depth % 2], ("tanh", "sigmoid", "identity")[depth % 3]) for depth in DEPTHS],
)
def test_agrees_with_central_differences_over_every_parameter(depth, reduction, activation):
    rule = Backprop(reduction=reduction, activation=get_activation(activation))
    sizes, params = random_network(rule, depth)
    x, y = random_batch(sizes)
    wanted = central_differences(params, lambda: cost(params, x, y, activation, reduction))
    assert_close(gradients(rule, params, x, y), wanted, 1e-8)


@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_agrees_with_autodiff(depth, reduction, activation):
    rule = Backprop(reduction=reduction, activation=get_activation(activation))
    sizes, params = random_network(rule, depth, seed=1)
    x, y = random_batch(sizes, n=7)
    wanted = grad(lambda p: cost(p, x, y, activation, reduction, anp))(params)
    assert_close(gradients(rule, params, x, y), wanted, 1e-11)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_small_step_lowers_the_loss_by_the_squared_gradient(depth):
    """The record's nll is the mean cost: its slope along -g is -|g|^2."""
    rule = Backprop()
    sizes, params = random_network(rule, depth)
    x, y = random_batch(sizes, n=6)
    grads = gradients(rule, params, x, y)
    square = sum((g * g).sum() for layers in grads.values() for g in layers.values())

    def nll_after(rate):
        moved = {f: {l: a - rate * grads[f][l] for l, a in layers.items()} for f, layers in params.items()}
        return rule.step(moved, x, y, gradients(rule, params, x, y), None)["nll"]

    rate = 1e-5
    assert (nll_after(rate) - nll_after(-rate)) / (2 * rate) == pytest.approx(-square, rel=1e-6)


def test_every_activation_is_tested():
    from lrarun.nn.activations import ACTIVATIONS

    assert set(PHI) == set(ACTIVATIONS)
