"""LRA-E against a literal transcription of the paper's Algorithms 1 and 2, and its laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.lra_e import LRAE
from lrarun.nn.activations import get_activation
from tests.support import literal
from tests.support.networks import DEPTHS, assert_close, distance, draw, gradients, random_batch, random_network

SETTINGS = [
    dict(zip(("loss", "update", "error_update", "reduction"), choice))
    for choice in itertools.product(("gaussian", "cauchy"), ("eq6", "eq7"), ("follow", "oppose"), ("sum", "mean"))
]


def hidden_error(y_z, z, loss, scale):
    """Eq. 5's -2(y_z - z) or Eq. 4's error, with the factor 2 of both as a setting."""
    if loss == "gaussian":
        return -scale * (y_z - z)
    return -scale * (y_z - z) / (1 + (y_z - z) ** 2)


def algorithms_1_and_2(params, x, y, rule, activation):
    """The paper's two listings for L = 3, with its own variables, one sample at a time.

    Two readings beside the printed text: the output's error is -y/z through the softmax,
    and a descending E moves with +gamma ("follow") or -gamma ("oppose") times W's update.
    """
    phi, dphi = literal.PHI[activation], literal.DPHI[activation]
    W1, W2, W3 = (params["W"][l] for l in (1, 2, 3))
    c1, c2, c3 = (params["c"][l][:, 0] for l in (1, 2, 3))
    # The paper's E_l leads from layer l down to l-1.
    E2, E3 = params["E"][2].T, params["E"][3].T
    beta, gamma = rule.beta, rule.gamma
    total = {"W": {1: 0, 2: 0, 3: 0}, "c": {1: 0, 2: 0, 3: 0}, "E": {2: 0, 3: 0}}
    n = x.shape[1]
    for sample in range(n):
        z0, target = x[:, sample], y[:, sample]
        # Algorithm 1
        h1 = W1 @ z0 + c1
        z1 = phi(h1)
        h2 = W2 @ z1 + c2
        z2 = phi(h2)
        h3 = W3 @ z2 + c3
        z3 = literal.softmax(h3)
        y3_z = target
        e3 = literal.output_error(z3, y3_z)
        y2_z = phi(h2 - beta * (E3 @ e3))
        e2 = hidden_error(y2_z, z2, rule.loss, rule.error_scale)
        y1_z = phi(h1 - beta * (E2 @ e2))
        e1 = hidden_error(y1_z, z1, rule.loss, rule.error_scale)
        # Algorithm 2: ComputeUpdates1 is Eq. 6, ComputeUpdates2 is Eq. 7
        if rule.update == "eq6":
            d3, d2, d1 = e3, e2 * dphi(h2), e1 * dphi(h1)
        else:
            d3, d2, d1 = e3, e2, e1
        dW3, dW2, dW1 = np.outer(d3, z2), np.outer(d2, z1), np.outer(d1, z0)
        sign = 1 if rule.error_update == "follow" else -1
        dE3, dE2 = sign * gamma * dW3.T, sign * gamma * dW2.T
        for family, l, update in (
            ("W", 3, dW3),
            ("W", 2, dW2),
            ("W", 1, dW1),
            ("c", 3, d3[:, None]),
            ("c", 2, d2[:, None]),
            ("c", 1, d1[:, None]),
            ("E", 3, dE3.T),
            ("E", 2, dE2.T),
        ):
            total[family][l] = total[family][l] + update
    divisor = n if rule.reduction == "mean" else 1
    return {family: {l: a / divisor for l, a in layers.items()} for family, layers in total.items()}


def literal_lra_e(params, x, y, rule, activation):
    """The same for any number of layers (Eqs. 5 to 7)."""
    W, c, E = params["W"], params["c"], params["E"]
    phi, dphi = literal.PHI[activation], literal.DPHI[activation]
    L = len(W)
    deltas = []
    for sample in range(x.shape[1]):
        h, z = literal.forward(W, c, x[:, sample], phi)
        e = {L: literal.output_error(z[L], y[:, sample])}
        for l in range(L, 1, -1):
            y_z = phi(h[l - 1] - rule.beta * (E[l].T @ e[l]))
            e[l - 1] = hidden_error(y_z, z[l - 1], rule.loss, rule.error_scale)
        carries_slope = rule.update == "eq6"
        deltas.append(({l: e[l] * dphi(h[l]) if carries_slope and l < L else e[l] for l in e}, z))
    updates = literal.accumulate(deltas, rule.reduction)
    sign = 1 if rule.error_update == "follow" else -1
    updates["E"] = {l: sign * rule.gamma * updates["W"][l] for l in E}
    return updates


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings.values()))
def test_agrees_with_algorithms_1_and_2_for_three_layers(settings, activation):
    rule = LRAE(beta=0.3, gamma=0.7, error_scale=1.3, activation=get_activation(activation), **settings)
    sizes, params = random_network(rule, 2)
    x, y = random_batch(sizes, n=5)
    assert_close(gradients(rule, params, x, y), algorithms_1_and_2(params, x, y, rule, activation), 1e-10)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings.values()))
@pytest.mark.parametrize("depth", DEPTHS)
def test_agrees_with_the_equations_at_every_depth(depth, settings):
    # Large beta and E, so that the lowest layers' errors are not lost in rounding.
    rule = LRAE(beta=0.5, gamma=0.9, error_std=0.6, **settings)
    sizes, params = random_network(rule, depth, seed=2)
    x, y = random_batch(sizes)
    assert_close(gradients(rule, params, x, y), literal_lra_e(params, x, y, rule, "tanh"), 1e-9)


def test_the_two_transcriptions_agree():
    rule = LRAE(loss="cauchy", update="eq6", gamma=0.4)
    sizes, params = random_network(rule, 2)
    x, y = random_batch(sizes)
    assert_close(literal_lra_e(params, x, y, rule, "tanh"), algorithms_1_and_2(params, x, y, rule, "tanh"), 1e-13)


def angles_to_backprop(rule, depth):
    """The angle between each layer's update and backprop's, in radians, with E = W."""
    sizes, params = random_network(rule, depth)
    for l, E in params["E"].items():
        E[...] = params["W"][l]
    x, y = random_batch(sizes)
    found, wanted = gradients(rule, params, x, y), gradients(Backprop(), params, x, y)
    return {l: distance(found["W"][l], wanted["W"][l]) for l in wanted["W"]}


def assert_linear_convergence(make_rule, depth, beta):
    coarse, fine = angles_to_backprop(make_rule(beta), depth), angles_to_backprop(make_rule(beta / 2), depth)
    L = depth + 1
    assert fine[L] < 1e-14
    for l in range(1, L):
        assert 0 < fine[l] < 10 * beta
        order = np.log2(coarse[l] / fine[l])
        assert order == pytest.approx(1, abs=0.02), l


@pytest.mark.parametrize("loss", ["gaussian", "cauchy"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_with_the_forward_weights_as_error_weights_its_direction_goes_to_backprops_as_beta_goes_to_0(depth, loss):
    """The angle falls linearly: y_z is linear in beta but for phi's curvature, a relative O(beta).

    Deeper, the lowest layers' errors, (2 beta)^(L-l) of the output's, drown in the rounding of z - y_z.
    """
    assert_linear_convergence(lambda beta: LRAE(beta=beta, loss=loss), depth, 1e-3)


@pytest.mark.parametrize("loss", ["gaussian", "cauchy"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_and_so_does_that_of_deep_networks_when_the_error_scale_keeps_the_signal_alive(depth, loss):
    assert_linear_convergence(lambda beta: LRAE(beta=beta, error_scale=1 / beta, loss=loss), depth, 1e-5)


@pytest.mark.parametrize("update", ["eq6", "eq7"])
def test_the_size_of_a_layers_update_falls_by_twice_beta_per_layer(update):
    """E = W in a linear network: e^l is exactly (2 beta)^(L-l) times backprop's delta, at any beta."""
    rule = LRAE(beta=0.2, update=update, reduction="mean", activation=get_activation("identity"))
    sizes, params = random_network(rule, 4)
    for l, E in params["E"].items():
        E[...] = params["W"][l]
    x, y = random_batch(sizes)
    wanted = gradients(Backprop(activation=rule.activation), params, x, y)["W"]
    scaled = {"W": {l: (2 * 0.2) ** (5 - l) * g for l, g in wanted.items()}}
    assert_close({"W": gradients(rule, params, x, y)["W"]}, scaled, 1e-12)


@pytest.mark.parametrize("error_update, sign", [("follow", 1), ("oppose", -1)])
@pytest.mark.parametrize("gamma", [0.0, 0.37, 1.0])
def test_the_update_of_e_is_gamma_times_that_of_w(gamma, error_update, sign):
    rule = LRAE(gamma=gamma, error_update=error_update)
    sizes, params = random_network(rule, 3)
    grads = gradients(rule, params, *random_batch(sizes))
    assert set(grads["E"]) == {2, 3, 4}
    for l, g in grads["E"].items():
        assert np.array_equal(g, sign * gamma * grads["W"][l])


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_sum_is_n_times_the_mean(depth):
    sizes, params = random_network(LRAE(), depth)
    x, y = random_batch(sizes, n=7)
    mean = gradients(LRAE(reduction="mean"), params, x, y)
    wanted = {family: {l: 7 * g for l, g in layers.items()} for family, layers in mean.items()}
    assert_close(gradients(LRAE(reduction="sum"), params, x, y), wanted, 1e-13)


def test_the_error_weights_have_the_standard_deviation_asked_for():
    rule = LRAE(error_std=0.3)
    params = rule.init((5, 300, 300, 4), lambda rng, shape: draw(rng, shape, np.float64), np.random.default_rng(1))
    assert params["E"][2].std() == pytest.approx(0.3, rel=0.02)


def test_the_error_weights_leave_the_forward_weights_alone():
    wanted = random_network(Backprop(), 3)[1]["W"]
    found = random_network(LRAE(error_std=0.9), 3)[1]["W"]
    assert all(np.array_equal(found[l], wanted[l]) for l in wanted)


def test_a_zero_error_writes_zero_updates():
    """A prediction that is certain and right moves nothing, whatever E holds."""
    rule = LRAE()
    sizes, params = random_network(rule, 3)
    x, y = random_batch(sizes, n=1)
    params["c"][4][...] = np.where(y == 1, 1e4, -1e4)
    grads = gradients(rule, params, x, y)
    assert all(not g.any() for layers in grads.values() for g in layers.values())
