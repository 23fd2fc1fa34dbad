"""Equilibrium propagation: the laws of its energy, its gradient in the limit, its published dynamics."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import numpy as np
import pytest

from lrarun.algorithms.registry import get_algorithm
from lrarun.nn import relaxation
from lrarun.nn.activations import TANH
from lrarun.nn.network import empty_like

EP = get_algorithm("equilibrium-propagation")
DEPTHS = range(1, 9)


def convex(net):
    """The same network with weights so small that its energy is convex: one minimum, wherever it starts."""
    for W in net.params["W"].values():
        W *= 0.45 / np.linalg.norm(W, 2)
    return net


def random_network(depth, seed=0, scale=1.0, bias=0.3, inputs=6, classes=4, n=5, sizes=None, dtype=np.float64):
    """Random weights, biases, inputs and labels, in the field's columns-are-samples layout."""
    rng = np.random.default_rng([seed, depth])
    sizes = sizes or [inputs, *rng.integers(3, 8, depth), classes]
    layers = range(1, depth + 2)
    W = {l: (scale * rng.standard_normal((sizes[l], sizes[l - 1])) / sizes[l - 1] ** 0.5).astype(dtype) for l in layers}
    c = {l: (bias * rng.uniform(0, 1, (sizes[l], 1))).astype(dtype) for l in layers}
    x = rng.uniform(0, 1, (sizes[0], n)).astype(dtype)
    y = np.eye(sizes[-1], dtype=dtype)[rng.integers(0, sizes[-1], n)].T
    return SimpleNamespace(params={"W": W, "c": c}, x=x, y=y, sizes=sizes, L=depth + 1)


def gradients(algorithm, net, rng=None, **keywords):
    grads = empty_like(net.params, ("W", "c"))
    algorithm.step(net.params, net.x, net.y, grads, rng or np.random.default_rng(0), **keywords)
    return grads


def flat(tree):
    return np.concatenate([tree[family][l].ravel() for family in ("W", "c") for l in sorted(tree[family])])


# The oracle: one sample at a time, in the notation of Scellier and Bengio (2017), Section 2 to 4.


def oracle_energy(params, x, u):
    """E of one sample: 1/2 sum u_i^2 - sum W_ij rho(u_i) rho(u_j) - sum b_i rho(u_i) (Eq. 1)."""
    layers = {0: x, **u}
    total = 0.0
    for l in u:
        total += 0.5 * sum(value**2 for value in u[l])
        for i, rho_i in enumerate(np.clip(u[l], 0, 1)):
            total -= params["c"][l][i, 0] * rho_i
            for j, rho_j in enumerate(np.clip(layers[l - 1], 0, 1)):
                total -= params["W"][l][i, j] * rho_i * rho_j
    return total


def oracle_velocity(params, x, u, d=None, beta=0.0):
    """ds/dt = -dE/ds - beta dC/ds, C = 1/2 |d - u_L|^2, of one sample; rho' is 1 on [0, 1]."""
    layers = {0: x, **u}
    L = max(u)
    velocity = {}
    for l in u:
        rate = params["W"][l].dot(layers[l - 1]) + params["c"][l][:, 0]
        if l < L:
            rate = rate + layers[l + 1].dot(params["W"][l + 1])
        velocity[l] = rate - u[l]
    if beta:
        velocity[L] = velocity[L] + beta * (d - u[L])
    return velocity


def oracle_phase(params, x, u, steps, step_size, d=None, beta=0.0):
    for _ in range(steps):
        velocity = oracle_velocity(params, x, u, d, beta)
        u = {l: np.clip(u[l] + step_size * velocity[l], 0, 1) for l in u}
    return u


def oracle_start(params, x, kind):
    u, below = {}, x
    for l in sorted(params["W"]):
        below = np.clip(params["W"][l].dot(below) + params["c"][l][:, 0], 0, 1)
        u[l] = below if kind == "forward" else 0 * below
    return u


def oracle_gradients(net, algorithm, beta):
    """Minus the published updates, sample by sample, in nested loops of outer products."""
    grads = {family: {l: np.zeros_like(a) for l, a in net.params[family].items()} for family in ("W", "c")}
    n = net.x.shape[1]
    for k in range(n):
        x, d = net.x[:, k], net.y[:, k]
        start = oracle_start(net.params, x, algorithm.initial_state)
        free = oracle_phase(net.params, x, start, algorithm.free_sweeps, algorithm.step_size)
        signs = (1, -1) if algorithm.nudge == "symmetric" else (1,)
        ends = [
            oracle_phase(net.params, x, free, algorithm.nudged_sweeps, algorithm.step_size, d, sign * beta)
            for sign in signs
        ]
        first, second, span = (ends[0], ends[1], 2 * beta) if len(ends) == 2 else (ends[0], free, beta)
        for l in first:
            rate = algorithm.rate_ratio ** (l - 1) / span / n
            contrast = np.outer(first[l], x if l == 1 else first[l - 1])
            contrast -= np.outer(second[l], x if l == 1 else second[l - 1])
            grads["W"][l] -= rate * contrast
            grads["c"][l] -= rate * (first[l] - second[l])[:, None]
    return grads


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("nudge, initial_state", [("one-sided", "zero"), ("symmetric", "forward")])
def test_euler_is_the_published_dynamics(depth, nudge, initial_state):
    net = random_network(depth)
    rule = EP(
        relaxation="euler",
        step_size=0.4,
        free_sweeps=7,
        nudged_sweeps=depth + 2,
        beta=0.7,
        nudge=nudge,
        initial_state=initial_state,
        rate_ratio=0.6,
    )
    expected = flat(oracle_gradients(net, rule, rule.beta))
    assert np.linalg.norm(expected) > 1e-3
    assert np.linalg.norm(flat(gradients(rule, net)) - expected) <= 1e-10 * np.linalg.norm(expected)


@pytest.mark.parametrize("depth", DEPTHS)
def test_random_sign_is_one_sided_with_either_sign(depth):
    net = random_network(depth)
    settings = {"relaxation": "euler", "free_sweeps": 5, "nudged_sweeps": 9, "beta": 0.7, "initial_state": "zero"}
    rule, oracle_rule = EP(nudge="random-sign", **settings), EP(nudge="one-sided", **settings)
    expected = [flat(oracle_gradients(net, oracle_rule, sign * 0.7)) for sign in (1, -1)]
    rng = np.random.default_rng(1)
    drawn = [
        [bool(np.allclose(g, e, rtol=1e-9, atol=1e-13)) for e in expected]
        for g in (flat(gradients(rule, net, rng)) for _ in range(12))
    ]
    assert [True, False] in drawn and [False, True] in drawn
    assert all(sum(matches) == 1 for matches in drawn)


@pytest.mark.parametrize("depth", DEPTHS)
def test_energy_is_the_published_one(depth):
    net = random_network(depth)
    rng = np.random.default_rng(2)
    s = {l: rng.uniform(0, 1, (net.sizes[l], 5)) for l in range(1, net.L + 1)}
    expected = [oracle_energy(net.params, net.x[:, k], {l: s[l][:, k] for l in s}) for k in range(5)]
    np.testing.assert_allclose(relaxation.energy(net.params, relaxation.drive_of(net.params, net.x), s), expected)


def trajectory(net, relax, sweeps):
    """The energies per sample after each sweep, from a forward pass and from noise, weights large enough to clip."""
    drive = relaxation.drive_of(net.params, net.x)
    rng = np.random.default_rng(3)
    noise = {l: rng.uniform(0, 1, (net.sizes[l], 5)) for l in range(1, net.L + 1)}
    for s in (relaxation.forward_state(net.params, drive), noise):
        energies = [relaxation.energy(net.params, drive, s)]
        for _ in range(sweeps):
            s = relax(net.params, drive, s, 1)
            energies.append(relaxation.energy(net.params, drive, s))
        yield np.array(energies)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_energy_never_rises_in_the_free_phase(depth, scale):
    net = random_network(depth, scale=scale)
    # An Euler step descends while it is below 2 / the largest curvature, which is at most 1 + 2 max |W|.
    curvature = 1 + 2 * max(np.linalg.norm(W, 2) for l, W in net.params["W"].items())
    relaxations = {
        "alternating": relaxation.alternating,
        "euler": lambda *args: relaxation.euler(*args, step_size=1 / curvature),
    }
    for relax in relaxations.values():
        for energies in trajectory(net, relax, 20):
            assert energies[1].sum() < energies[0].sum() - 1e-6
            assert (np.diff(energies, axis=0) <= 1e-12).all()


def test_too_large_an_euler_step_can_raise_the_energy():
    """The law above can fail: it is not a property of any update that clips."""
    net = random_network(4, scale=3.0)
    rises = [np.diff(e, axis=0).max() for e in trajectory(net, lambda *a: relaxation.euler(*a, step_size=1.0), 20)]
    assert max(rises) > 1e-3


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("beta", [0.0, 0.6, -0.6])
def test_settled_states_are_stationary(depth, beta):
    """Inside (0, 1) the velocity is 0; at an end it points outwards (the oracle's velocity)."""
    net = random_network(depth, scale=0.9)
    drive = relaxation.drive_of(net.params, net.x)
    start = relaxation.forward_state(net.params, drive)
    for s in (
        relaxation.alternating(net.params, drive, start, 400, beta, net.y),
        relaxation.euler(net.params, drive, start, 2000, 0.5, beta, net.y),
    ):
        for k in range(5):
            u = {l: s[l][:, k] for l in s}
            velocity = oracle_velocity(net.params, net.x[:, k], u, net.y[:, k], beta)
            for l in u:
                projected = np.clip(u[l] + velocity[l], 0, 1) - u[l]
                assert np.abs(projected).max() < 1e-9


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("beta", [0.0, 0.6, -0.6, -1.0, -1.7])
def test_an_alternating_update_is_a_layers_exact_minimum(depth, beta):
    """No other value of the layers updated last has a lower energy, also where a nudge makes it concave."""
    net = random_network(depth, scale=2.0)
    drive = relaxation.drive_of(net.params, net.x)

    def nudged_energy(s):
        return relaxation.energy(net.params, drive, s) + 0.5 * beta * np.square(net.y - s[net.L]).sum(axis=0)

    rng = np.random.default_rng(4)
    start = {l: rng.uniform(0, 1, (net.sizes[l], 5)) for l in range(1, net.L + 1)}
    s = relaxation.alternating(net.params, drive, start, 1, beta, net.y)
    # The output's parity was set first, given the start of the layers between.
    halfway = {l: s[l] if (net.L - l) % 2 == 0 else start[l] for l in s}
    for state, parity in ((halfway, 0), (s, 1)):
        lowest = nudged_energy(state)
        for l in range(net.L - parity, 0, -2):
            for spread in (0.01, 0.3, 3.0):
                other = {**state, l: np.clip(state[l] + spread * rng.standard_normal(state[l].shape), 0, 1)}
                assert (nudged_energy(other) >= lowest - 1e-12).all()


def settled_cost(params, x, y):
    """Mean over samples of 1/2 |y - s_L|^2 at the free fixed point, by the oracle's dynamics run to rest."""
    costs = []
    for k in range(x.shape[1]):
        u = oracle_start(params, x[:, k], "forward")
        for _ in range(4000):
            velocity = oracle_velocity(params, x[:, k], u)
            u = {l: np.clip(u[l] + 0.5 * velocity[l], 0, 1) for l in u}
            if max(np.abs(v).max() for v in velocity.values()) < 1e-15:
                break
        assert all(((u[l] > 0.05) & (u[l] < 0.95)).all() for l in u), "the law needs units off the ends"
        costs.append(0.5 * np.square(y[:, k] - u[max(u)]).sum())
    return np.mean(costs)


def finite_differences(net, width=1e-4):
    slopes = {family: {l: np.empty_like(a) for l, a in net.params[family].items()} for family in ("W", "c")}
    for family, layers in net.params.items():
        for l, a in layers.items():
            for index in np.ndindex(a.shape):
                value, costs = a[index], []
                for shift in (width, -width):
                    a[index] = value + shift
                    costs.append(settled_cost(net.params, net.x, net.y))
                a[index] = value
                slopes[family][l][index] = (costs[0] - costs[1]) / (2 * width)
    return flat(slopes)


def inner_network(depth):
    """A network whose units all settle off the ends."""
    net = random_network(depth, seed=5, scale=0.25, bias=0.0, inputs=3, classes=2, n=1)
    for c in net.params["c"].values():
        c += 0.4
    return net


@functools.cache
def gradient_of_the_free_cost(depth):
    return finite_differences(inner_network(depth))


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("nudge, order", [("one-sided", 1), ("random-sign", 1), ("symmetric", 2)])
def test_the_update_converges_to_the_gradient_of_the_free_cost(depth, nudge, order):
    """As beta -> 0, at the stated order (Scellier and Bengio 2017, Theorem 1; Laborieux et al. 2021)."""
    net, gradient = inner_network(depth), gradient_of_the_free_cost(depth)
    errors = []
    for beta in (0.04, 0.02, 0.01):
        rule = EP(nudge=nudge, beta=beta, rate_ratio=1.0, free_sweeps=200, nudged_sweeps=200)
        errors.append(np.linalg.norm(flat(gradients(rule, net)) - gradient) / np.linalg.norm(gradient))
    assert errors[-1] < 0.02
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, order, atol=0.1)


def test_rates_fall_by_the_ratio_from_layer_to_layer():
    net = random_network(4)
    plain, scaled = (gradients(EP(rate_ratio=ratio), net) for ratio in (1.0, 0.3))
    for family in ("W", "c"):
        for l in range(1, 6):
            np.testing.assert_allclose(scaled[family][l], 0.3 ** (l - 1) * plain[family][l], rtol=1e-12)


def test_persistent_states_go_on_where_they_ended():
    """With parameters held, two steps of k sweeps settle as far as one of 2k; so does the nudged phase after them."""
    net = random_network(3)
    once, twice = (EP(initial_state="persistent", relaxation="euler", free_sweeps=sweeps) for sweeps in (12, 6))
    samples = 9
    rows = np.array([7, 0, 3, 8, 1])
    memories = []
    for rule, steps in ((once, 1), (twice, 2)):
        memory = rule.carry(net.sizes, samples, np.float64)
        assert {l: a.shape for l, a in memory.items()} == {l: (samples, net.sizes[l]) for l in range(1, net.L + 1)}
        assert not any(a.any() for a in memory.values())
        for _ in range(steps):
            carried = {l: a[rows].mT for l, a in memory.items()}
            grads = gradients(rule, net, carried=carried)
            for l, a in memory.items():
                a[rows] = carried[l].mT
        memories.append((memory, grads))
    for l in range(1, net.L + 1):
        np.testing.assert_allclose(memories[0][0][l], memories[1][0][l], rtol=1e-12)
        assert not memories[0][0][l][[2, 4, 5, 6]].any()
    np.testing.assert_allclose(flat(memories[0][1]), flat(memories[1][1]), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("initial_state", ["forward", "zero"])
def test_only_persistent_states_are_carried(initial_state):
    assert EP(initial_state=initial_state).carry([6, 5, 4], 100, np.float32) is None


@pytest.mark.parametrize("depth", DEPTHS)
def test_predictions_are_the_settled_outputs_wherever_they_start(depth):
    net = convex(random_network(depth))
    predictions = [
        EP(initial_state=start, relaxation=relax, free_sweeps=400).predict(net.params, net.x)
        for start in ("forward", "zero", "persistent")
        for relax in ("alternating", "euler")
    ]
    assert predictions[0].shape == net.y.shape
    assert predictions[0].min() >= 0 and predictions[0].max() <= 1
    for prediction in predictions[1:]:
        np.testing.assert_allclose(prediction, predictions[0], atol=1e-9)


@pytest.mark.parametrize("settings", [{}, {"relaxation": "euler", "nudge": "random-sign", "initial_state": "zero"}])
def test_a_stack_of_networks_gives_each_its_own_numbers(settings):
    rule = EP(**settings)
    nets = [random_network(3, seed=seed, sizes=[6, 5, 7, 4, 3]) for seed in range(3)]
    params = {
        family: {l: np.stack([net.params[family][l] for net in nets]) for l in layers}
        for family, layers in nets[0].params.items()
    }
    stack = SimpleNamespace(params=params, x=np.stack([n.x for n in nets]), y=np.stack([n.y for n in nets]))
    together = gradients(rule, stack)
    for k, net in enumerate(nets):
        alone = gradients(rule, net)
        for family in alone:
            for l in alone[family]:
                np.testing.assert_allclose(together[family][l][k], alone[family][l], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(rule.predict(stack.params, stack.x)[k], rule.predict(net.params, net.x), rtol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"relaxation": "euler"}, {"beta": 1.5}, {"initial_state": "zero"}])
def test_single_precision_stays_single(settings):
    net = random_network(3, dtype=np.float32)
    rule = EP(**settings)
    drive = relaxation.drive_of(net.params, net.x)
    state = rule._relax(net.params, drive, relaxation.zero_state(net.params, drive), 2, -1.5, net.y)
    assert {s.dtype for s in state.values()} == {np.dtype(np.float32)}
    assert rule.predict(net.params, net.x).dtype == np.float32
    error = flat(gradients(rule, net)) - flat(gradients(rule, random_network(3)))
    # Units lie in [0, 1] and are rounded a few times per sweep; the contrast divides that by 2 beta.
    assert np.abs(error).max() < 20 * np.finfo(np.float32).eps / (2 * rule.beta)


def test_the_output_layer_starts_small_and_alive():
    def initialize(rng, shape):
        return rng.standard_normal(shape)

    sizes = [6, 5, 4]
    plain = EP(output_scale=1.0, output_bias=0.0).init(sizes, initialize, np.random.default_rng(0))
    small = EP(output_scale=0.1, output_bias=0.05).init(sizes, initialize, np.random.default_rng(0))
    np.testing.assert_array_equal(small["W"][1], plain["W"][1])
    np.testing.assert_allclose(small["W"][2], 0.1 * plain["W"][2])
    np.testing.assert_allclose(small["c"][2], 0.05)
    assert not small["c"][1].any()


def test_another_activation_is_refused():
    with pytest.raises(ValueError, match="hard-sigmoid.*tanh"):
        EP(activation=TANH)
