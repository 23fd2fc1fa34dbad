"""Each optimizer against its published equations for one weight at a time, and the laws of the interface."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrarun.nn.optimizers import OPTIMIZERS, SGD, Adam, RMSprop, get_optimizer
from lrarun.nn.rates import rate_of
from lrarun.settings import FrozenDict, UnknownName
from tests.support import contract
from tests.support.doubles import Watched
from tests.support.networks import entries

VARIANTS = [
    SGD(),
    SGD(learning_rate=0.3),
    RMSprop(),
    RMSprop(centred=True),
    RMSprop(momentum=0.9),
    RMSprop(learning_rate=0.01, decay=0.95, epsilon=1e-3, centred=True, momentum=0.9),
    RMSprop(learning_rate=0.01, decay=0.95, epsilon=1e-3, centred=True, momentum=0.9, epsilon_inside=True),
    Adam(),
    Adam(learning_rate=0.01, beta1=0.5, beta2=0.9, epsilon=1e-3),
    SGD(learning_rate=(0.3, 0.1)),
    Adam(learning_rate=FrozenDict({"W": 0.002, "c": 0.001})),
]
each = pytest.mark.parametrize("optimizer", VARIANTS, ids=repr)


def literal_sgd(w, gradients, o):
    for g in gradients:
        w = w - o.learning_rate * g
    return w


def literal_rmsprop(w, gradients, o):
    """Tieleman and Hinton (2012, lecture 6e), with Graves's (2013, Eqs. 38 to 41) mean and momentum; the
    epsilon stands outside the root, as in the class's docstring, or inside (Lee et al. 2015)."""
    square = mean = step = 0.0
    for g in gradients:
        square = o.decay * square + (1 - o.decay) * g**2
        mean = o.decay * mean + (1 - o.decay) * g
        variance = square - mean**2 if o.centred else square
        root = math.sqrt(variance + o.epsilon) if o.epsilon_inside else math.sqrt(variance) + o.epsilon
        step = o.momentum * step + o.learning_rate * g / root
        w = w - step
    return w


def literal_adam(w, gradients, o):
    """Kingma and Ba (2015), Algorithm 1."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = o.beta1 * m + (1 - o.beta1) * g
        v = o.beta2 * v + (1 - o.beta2) * g**2
        m_hat = m / (1 - o.beta1**t)
        v_hat = v / (1 - o.beta2**t)
        w = w - o.learning_rate * m_hat / (math.sqrt(v_hat) + o.epsilon)
    return w


LITERAL = {SGD: literal_sgd, RMSprop: literal_rmsprop, Adam: literal_adam}


def parameters(dtype=np.float64, seed=0):
    """Two learned families and one that is fixed; integers for layers, as in a network."""
    rng = np.random.default_rng(seed)
    shapes = {"W": {1: (3, 4), 2: (2, 3)}, "c": {1: (3, 1), 2: (2, 1)}, "B": {2: (2, 3)}}
    return {f: {l: rng.standard_normal(s).astype(dtype) for l, s in layers.items()} for f, layers in shapes.items()}


LEARNED = ("W", "c")


def random_gradients(params, steps, seed=1):
    rng = np.random.default_rng(seed)
    return [
        {f: {l: rng.standard_normal(a.shape).astype(a.dtype) for l, a in params[f].items()} for f in LEARNED}
        for _ in range(steps)
    ]


def copied(tree):
    return {family: {l: a.copy() for l, a in layers.items()} for family, layers in tree.items()}


def run(optimizer, params, gradients):
    state = optimizer.init(params, LEARNED)
    for grads in gradients:
        optimizer.update(params, copied(grads), state)
    return state


def leaves(state):
    for value in state.values():
        yield from leaves(value) if isinstance(value, dict) else [value]


@each
def test_agrees_with_the_equations_weight_by_weight(optimizer):
    params = parameters()
    start, gradients = copied(params), random_gradients(params, steps=7)
    run(optimizer, params, gradients)
    for family in LEARNED:
        for l, w in params[family].items():
            for place in np.ndindex(w.shape):
                history = [float(grads[family][l][place]) for grads in gradients]
                alone = replace(optimizer, learning_rate=rate_of(optimizer.learning_rate, family, l))
                wanted = LITERAL[type(optimizer)](float(start[family][l][place]), history, alone)
                assert w[place] == pytest.approx(wanted, rel=1e-10), (family, l, place)


@settings(max_examples=30, deadline=None)
@given(
    history=st.lists(st.floats(-10, 10).filter(lambda g: abs(g) > 1e-6), min_size=1, max_size=20),
    decay=st.floats(0.1, 0.999),
    momentum=st.floats(0, 0.99),
)
def test_rmsprop_and_adam_agree_with_the_equations_at_other_settings(history, decay, momentum):
    for optimizer in (RMSprop(decay=decay, momentum=momentum), Adam(beta1=momentum, beta2=decay)):
        params = {"W": {1: np.array([[0.5]])}}
        state = optimizer.init(params, ("W",))
        for g in history:
            optimizer.update(params, {"W": {1: np.array([[g]])}}, state)
        assert params["W"][1][0, 0] == pytest.approx(LITERAL[type(optimizer)](0.5, history, optimizer), rel=1e-9)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moves_the_learned_families_in_place_and_leaves_the_rest(optimizer, dtype):
    params = parameters(dtype)
    before, objects = copied(params), [id(a) for _, a in entries(params)]
    state = run(optimizer, params, random_gradients(params, steps=2))
    assert [id(a) for _, a in entries(params)] == objects
    for (name, now), (_, then) in zip(entries(params), entries(before)):
        assert now.dtype == dtype
        assert np.array_equal(now, then) == name.startswith("B"), name
    assert all(leaf.dtype in (dtype, np.int64) for leaf in leaves(state))


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_state_is_a_nested_dict_of_arrays_that_keep_their_place(optimizer, dtype):
    params = parameters(dtype)
    state = optimizer.init(params, LEARNED)
    found = list(leaves(state))
    assert all(isinstance(leaf, np.ndarray) for leaf in found)
    for value in state.values():
        if isinstance(value, dict):
            assert {name: a.shape for name, a in entries(value)} == {
                name: a.shape for name, a in entries({family: params[family] for family in LEARNED})
            }
    for grads in random_gradients(params, steps=2):
        optimizer.update(params, grads, state)
    assert [id(leaf) for leaf in leaves(state)] == [id(leaf) for leaf in found]
    assert not any(np.shares_memory(leaf, a) for leaf in found for _, a in entries(params))
    assert not any(np.shares_memory(leaf, g) for leaf in found for _, g in entries(grads))


@each
def test_a_copied_state_goes_on_as_the_original(optimizer):
    """What a checkpoint needs: parameters and state are all that a run's future depends on."""
    params = parameters()
    gradients = random_gradients(params, steps=6)
    whole = copied(params)
    run(optimizer, whole, gradients)
    state = run(optimizer, params, gradients[:3])

    def duplicate(value):
        return {key: duplicate(v) for key, v in value.items()} if isinstance(value, dict) else value.copy()

    resumed, state = copied(params), duplicate(state)
    for grads in gradients[3:]:
        optimizer.update(resumed, copied(grads), state)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(entries(resumed), entries(whole)))


@each
def test_a_stack_of_networks_gives_each_the_steps_it_takes_alone(optimizer):
    nets = [parameters(seed=seed) for seed in range(3)]
    gradients = [random_gradients(net, steps=4, seed=seed) for seed, net in enumerate(nets)]

    def stacked(trees):
        return {f: {l: np.stack([tree[f][l] for tree in trees]) for l in trees[0][f]} for f in trees[0]}

    stack = stacked(nets)
    run(optimizer, stack, [stacked(grads) for grads in zip(*gradients)])
    for i, net in enumerate(nets):
        run(optimizer, net, gradients[i])
        assert all(np.array_equal(a[i], b) for (_, a), (_, b) in zip(entries(stack), entries(net)))


@each
def test_single_precision_follows_double_precision(optimizer):
    single, double = parameters(np.float32), parameters()
    gradients = random_gradients(double, steps=10)
    run(optimizer, double, gradients)
    run(
        optimizer,
        single,
        [
            {f: {l: g.astype(np.float32) for l, g in layers.items()} for f, layers in grads.items()}
            for grads in gradients
        ],
    )
    # At the first centred steps the variance is a difference of nearly equal squares.
    tolerance = 1e-3 if getattr(optimizer, "centred", False) else 1e-5
    for (name, a), (_, b) in zip(entries(single), entries(double)):
        assert np.allclose(a, b, rtol=tolerance, atol=tolerance), name


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_intermediate_value_has_another_precision(optimizer, dtype):
    params = parameters(dtype)
    watched = {f: {l: a.view(Watched) for l, a in layers.items()} for f, layers in params.items()}
    run(optimizer, watched, random_gradients(watched, steps=2))
    assert not np.array_equal(watched["W"][1], parameters(dtype)["W"][1])


@each
def test_a_zero_gradient_from_the_start_moves_nothing(optimizer):
    params = parameters()
    before = copied(params)
    zeros = {f: {l: np.zeros_like(a) for l, a in params[f].items()} for f in LEARNED}
    with np.errstate(all="raise"):
        run(optimizer, params, [zeros] * 3)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(entries(params), entries(before)))


@each
def test_descends_a_quadratic(optimizer):
    params = parameters()
    state = optimizer.init(params, LEARNED)

    def cost():
        return sum((a * a).sum() for f in LEARNED for a in params[f].values())

    costs = [cost()]
    for _ in range(50):
        optimizer.update(params, {f: {l: 2 * a for l, a in params[f].items()} for f in LEARNED}, state)
        costs.append(cost())
    assert costs[-1] < costs[0] and costs[1] < costs[0]


def test_sgd_is_linear_in_the_gradient():
    once, twice = parameters(), parameters()
    g, h = random_gradients(once, steps=2)
    run(SGD(0.1), once, [{f: {l: g[f][l] + h[f][l] for l in g[f]} for f in g}])
    run(SGD(0.1), twice, [g, h])
    assert all(np.allclose(a, b, rtol=0, atol=1e-15) for (_, a), (_, b) in zip(entries(once), entries(twice)))


@pytest.mark.parametrize(
    "optimizer", [RMSprop(epsilon=1e-300), RMSprop(epsilon=1e-300, momentum=0.5), Adam(epsilon=1e-300)], ids=repr
)
def test_rmsprop_and_adam_do_not_see_the_gradients_scale(optimizer):
    small, large = parameters(), parameters()
    gradients = random_gradients(small, steps=5)
    run(optimizer, small, gradients)
    run(
        optimizer,
        large,
        [{f: {l: 1e3 * g for l, g in layers.items()} for f, layers in grads.items()} for grads in gradients],
    )
    assert all(np.allclose(a, b, rtol=1e-12) for (_, a), (_, b) in zip(entries(small), entries(large)))


def test_the_first_step_of_adam_is_the_learning_rate_in_the_gradients_direction():
    params = parameters()
    before = copied(params)
    grads = random_gradients(params, steps=1)
    run(Adam(0.01), params, grads)
    for f in LEARNED:
        for l, a in params[f].items():
            assert np.allclose(before[f][l] - a, 0.01 * np.sign(grads[0][f][l]), rtol=1e-5)


def test_centred_rmsprop_divides_by_the_standard_deviation():
    """Gradients that alternate around 3 with deviation 0.5: the mean step is 3 / 0.5 learning rates."""
    optimizer = RMSprop(learning_rate=1e-3, decay=0.999, centred=True)
    params = {"W": {1: np.zeros((1, 1))}}
    state = optimizer.init(params, ("W",))
    for t in range(12_000):
        if t == 10_000:
            start = params["W"][1].copy()
        optimizer.update(params, {"W": {1: np.array([[3 + 0.5 * (-1) ** t]])}}, state)
    assert (start - params["W"][1]) / 2000 == pytest.approx(1e-3 * 3 / 0.5, rel=1e-2)


def test_centred_rmsprop_survives_a_constant_gradient():
    """The variance is 0 but for rounding, which is negative for some of these gradients."""
    optimizer = RMSprop(centred=True)
    params = {"W": {1: np.zeros((20, 20), np.float32)}}
    constant = np.random.default_rng(0).random((20, 20), np.float32)
    state = optimizer.init(params, ("W",))
    with np.errstate(invalid="raise"):
        for _ in range(300):
            optimizer.update(params, {"W": {1: constant.copy()}}, state)
    assert (state["square"]["W"][1] < state["mean"]["W"][1] ** 2).any()
    assert np.isfinite(params["W"][1]).all()


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_settings(kind):
    contract.check_settings(kind)


def test_an_unknown_optimizer_is_met_with_the_nearest():
    with pytest.raises(UnknownName, match="rmsprop"):
        get_optimizer("rmsprob")
