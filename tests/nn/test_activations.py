"""Derivatives against central differences, and softmax at its extremes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax as scipy_softmax

from lrarun.nn.activations import ACTIVATIONS, get_activation, softmax
from lrarun.settings import UnknownName

KINKS = {"relu": [0.0], "leaky-relu": [0.0], "hard-sigmoid": [0.0, 1.0]}
DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_derivative_in_the_output_is_the_slope_in_the_input(name):
    activation = ACTIVATIONS[name]
    h = np.linspace(-4, 4, 400)
    epsilon = 1e-5
    for kink in KINKS.get(name, []):
        h = h[np.abs(h - kink) > 2 * epsilon]
    slope = (activation.phi(h + epsilon) - activation.phi(h - epsilon)) / (2 * epsilon)
    assert np.allclose(activation.dphi(activation.phi(h)), slope, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "name, known",
    [
        ("tanh", np.tanh(0.7)),
        ("sigmoid", 1 / (1 + np.exp(-0.7))),
        ("softsign", 0.7 / 1.7),
        ("relu", 0.7),
        ("leaky-relu", 0.7),
        ("hard-sigmoid", 0.7),
        ("identity", 0.7),
    ],
)
def test_values(name, known):
    negative = {"relu": 0.0, "leaky-relu": -0.007, "hard-sigmoid": 0.0, "sigmoid": 1 - known}.get(name, -known)
    found = get_activation(name).phi(np.array([0.7, -0.7]))
    assert found == pytest.approx([known, negative], rel=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_is_kept_the_argument_left_alone_and_extremes_stay_finite(name, dtype):
    activation = ACTIVATIONS[name]
    h = np.array([[-1e4, -1.0, -0.0], [0.0, 1.0, 1e4]], dtype)
    before = h.copy()
    with np.errstate(all="raise", under="ignore"):
        z = activation.phi(h)
        kept = z.copy()
        slope = activation.dphi(z)
    assert z.dtype == slope.dtype == dtype and z.shape == slope.shape == h.shape
    assert np.isfinite(z).all() and np.isfinite(slope).all() and (slope >= 0).all()
    assert np.array_equal(h, before) and np.array_equal(z, kept)
    assert not np.shares_memory(z, h) and not np.shares_memory(slope, z)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_pickles_as_itself(name):
    assert pickle.loads(pickle.dumps(ACTIVATIONS[name])) is ACTIVATIONS[name]


def test_an_unknown_activation_is_met_with_the_nearest():
    with pytest.raises(UnknownName, match="tanh"):
        get_activation("tahn")


@given(arrays(np.float64, (5, 3), elements=st.floats(-700, 700)))
def test_softmax_agrees_with_scipy_over_the_class_axis(h):
    assert np.allclose(softmax(h), scipy_softmax(h, axis=0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(10, 4), (3, 10, 4)])
def test_softmax_sums_to_one_and_does_not_overflow(dtype, shape):
    h = np.random.default_rng(0).choice([-1e4, 0, 1e4], shape).astype(dtype)
    before = h.copy()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        z = softmax(h)
    assert z.dtype == dtype and np.array_equal(h, before)
    assert np.allclose(z.sum(axis=-2), 1, rtol=10 * np.finfo(dtype).eps)
    assert (z >= 0).all()


@given(arrays(np.float64, (4, 2), elements=st.floats(-50, 50)), st.floats(-1000, 1000))
def test_softmax_ignores_a_shift(h, shift):
    assert np.allclose(softmax(h + shift), softmax(h), rtol=1e-9, atol=1e-12)
