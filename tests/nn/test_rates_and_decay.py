"""Learning rates per layer and family, decay, and Lee et al.'s RMSprop, each against loops written for the purpose."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrarun.nn.memory import Packed, pack
from lrarun.nn.optimizers import SGD, Adam, RMSprop
from lrarun.nn.rates import rate_of, scaled
from lrarun.settings import FrozenDict
from tests.support.networks import entries

LEARNED = ("W", "c", "V", "b")
BY_LAYER = (0.4, 0.1, 0.01)
BY_FAMILY = FrozenDict({"W": 0.02, "V": 0.005})


def parameters(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {
        "W": {1: (4, 5), 2: (3, 4), 3: (2, 3)},
        "c": {1: (4, 1), 2: (3, 1), 3: (2, 1)},
        "V": {2: (4, 3), 3: (3, 2)},
        "b": {2: (4, 1), 3: (3, 1)},
    }
    return pack({f: {l: rng.standard_normal(s) for l, s in layers.items()} for f, layers in shapes.items()})


def updated(optimizer, steps=12, families=LEARNED):
    """The parameters after updates by random gradients, and these gradients by array."""
    params = parameters()
    state = optimizer.init(params, families)
    history = {name: [] for name, _ in entries({family: params[family] for family in families})}
    rng = np.random.default_rng(7)
    for _ in range(steps):
        grads = Packed({family: params[family] for family in families})
        for name, g in entries(grads):
            g[...] = rng.standard_normal(g.shape) * 10.0 ** rng.integers(-4, 1)
            history[name].append(g.copy())
        optimizer.update(params, grads, state)
    return params, history


def lee(w, gradients, rate, decay, momentum, stabilizer):
    """One weight under the update of Lee et al.'s released code (2015): the stabilizer is inside the root."""
    increment = average = average_of_squares = 0.0
    for g in gradients:
        average = decay * average + (1 - decay) * g
        average_of_squares = decay * average_of_squares + (1 - decay) * g * g
        increment = momentum * increment - rate * g / math.sqrt(average_of_squares - average * average + stabilizer)
        w = w + increment
    return w


def tieleman(w, gradients, rate, decay, epsilon):
    """One weight under uncentred RMSprop with epsilon inside the root."""
    mean = 0.0
    for g in gradients:
        mean = decay * mean + (1 - decay) * g * g
        w = w - rate * g / math.sqrt(mean + epsilon)
    return w


def assert_each_weight_is(params, history, expected, tolerance=1e-12):
    """``expected(family, l, w, gradients)`` of one weight at a time is what the arrays hold."""
    start = dict(entries(parameters()))
    for name, found in entries(params):
        for place in np.ndindex(found.shape):
            gradients = [float(g[place]) for g in history[name]]
            wanted = expected(name[0], int(name[1:]), float(start[name][place]), gradients)
            assert abs(found[place] - wanted) <= tolerance * max(1, abs(wanted)), name


def test_lee_et_al_s_rmsprop_to_twelve_digits():
    optimizer = RMSprop(
        learning_rate=FrozenDict({"W": 0.0148893490317, "V": 0.00501149118237}),
        decay=0.95, momentum=0.9, centred=True, epsilon=1e-3, epsilon_inside=True,
    )  # fmt: skip
    rates = {"W": 0.0148893490317, "c": 0.0148893490317, "V": 0.00501149118237, "b": 0.00501149118237}
    params, history = updated(optimizer, steps=40)
    assert_each_weight_is(params, history, lambda f, l, w, g: lee(w, g, rates[f], 0.95, 0.9, 1e-3))


def test_epsilon_inside_the_root_without_centring():
    params, history = updated(RMSprop(learning_rate=0.01, decay=0.8, epsilon=1e-5, epsilon_inside=True))
    assert_each_weight_is(params, history, lambda f, l, w, g: tieleman(w, g, 0.01, 0.8, 1e-5))


def test_epsilon_inside_is_a_smaller_step_where_gradients_are_small():
    """At 1e-3 inside and gradients far below its root, the step is g / 0.0316; outside it is g / 0.001."""
    steps = []
    for inside in (False, True):
        params = {"W": {1: np.zeros((1, 1))}}
        optimizer = RMSprop(learning_rate=1.0, epsilon=1e-3, epsilon_inside=inside)
        optimizer.update(params, {"W": {1: np.full((1, 1), 1e-6)}}, optimizer.init(params, ("W",)))
        steps.append(-params["W"][1][0, 0])
    assert steps[1] / steps[0] == pytest.approx(1e-3 / 1e-3**0.5, rel=1e-3)


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam])
@pytest.mark.parametrize("rate", [BY_LAYER, BY_FAMILY], ids=["by layer", "by family"])
def test_each_array_moves_as_with_its_own_rate_alone(kind, rate):
    """To the bit: nothing of one array's update depends on another's."""
    found, _ = updated(kind(learning_rate=rate))
    for family in LEARNED:
        for l, a in found[family].items():
            alone = {"W": 0.02, "c": 0.02, "V": 0.005, "b": 0.005}[family] if rate is BY_FAMILY else BY_LAYER[l - 1]
            expected, _ = updated(kind(learning_rate=alone))
            assert np.array_equal(a, expected[family][l]), (family, l)


@given(rate=st.floats(1e-4, 1), factor=st.floats(1e-3, 1))
def test_scaling_a_rate_scales_each_of_its_numbers(rate, factor):
    for form in (rate, (rate, 2 * rate), FrozenDict({"W": rate, "V": 2 * rate})):
        again = scaled(form, factor)
        assert type(again) is type(form)
        assert rate_of(again, "b", 2) == rate_of(form, "b", 2) * factor


def test_biases_have_a_rate_of_their_own_if_a_mapping_names_them():
    rate = FrozenDict({"W": 1.0, "c": 0.5, "V": 2.0})
    assert [rate_of(rate, family, 1) for family in LEARNED] == [1.0, 0.5, 2.0, 2.0]


def test_an_unknown_family_is_no_bias():
    with pytest.raises(KeyError):
        rate_of(FrozenDict({"W": 1.0}), "E", 2)


def test_weight_decay_with_sgd_is_the_l2_penalty_in_the_gradient():
    """w - rate (g + decay w), for W alone."""

    def penalised(family, l, w, gradients):
        for g in gradients:
            w = w - 0.1 * (g + (0.3 * w if family == "W" else 0.0))
        return w

    params, history = updated(SGD(learning_rate=0.1, weight_decay=0.3))
    assert_each_weight_is(params, history, penalised)


@pytest.mark.parametrize("rate", [0.01, BY_LAYER, BY_FAMILY], ids=["one", "by layer", "by family"])
def test_weight_decay_with_adam_is_decoupled(rate):
    """Loshchilov and Hutter (2019), Algorithm 2 with a constant schedule, for W alone."""

    def adamw(family, l, w, gradients):
        m = v = 0.0
        mine = rate_of(rate, family, l)
        for t, g in enumerate(gradients, 1):
            if family == "W":
                w = w - mine * 0.2 * w
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            w = w - mine * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        return w

    params, history = updated(Adam(learning_rate=rate, weight_decay=0.2))
    assert_each_weight_is(params, history, adamw)


def test_weights_that_are_not_updated_do_not_decay():
    params, _ = updated(SGD(weight_decay=0.5), families=("V", "b"))
    before = parameters()
    assert all(np.array_equal(params["W"][l], W) for l, W in before["W"].items())
    assert not np.array_equal(params["V"][2], before["V"][2])


def test_the_learning_rate_of_an_epoch():
    assert SGD(learning_rate=0.1).in_epoch(7).learning_rate == 0.1
    optimizer = SGD(learning_rate=BY_LAYER, learning_rate_decay=0.5, weight_decay=0.1)
    assert optimizer.in_epoch(0).learning_rate == BY_LAYER
    assert optimizer.in_epoch(3) == SGD(
        learning_rate=(0.05, 0.0125, 0.00125), learning_rate_decay=0.5, weight_decay=0.1
    )
