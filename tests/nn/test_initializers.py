"""Moments, bounds and orthogonality of the initial weights."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.nn.initializers import INITIALIZERS, Gaussian, Glorot, Orthogonal, Zeros, get_initializer
from lrarun.settings import UnknownName
from tests.support import contract

SHAPES = [(300, 200), (200, 300), (250, 250)]
ALL = [Gaussian(), Gaussian(std=0.3), Glorot(), Orthogonal(), Orthogonal(gain=1.7)]


def rng():
    return np.random.default_rng(4)


@pytest.mark.parametrize("kind", INITIALIZERS.values(), ids=INITIALIZERS)
def test_settings(kind):
    contract.check_settings(kind)


@pytest.mark.parametrize("initialize", ALL, ids=repr)
@pytest.mark.parametrize("shape", [*SHAPES, (1, 7), (7, 1), (1, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_dtype_layout_and_seed(initialize, shape, dtype):
    W = initialize(rng(), shape, dtype)
    assert W.shape == shape and W.dtype == dtype and np.isfinite(W).all()
    assert W.flags.c_contiguous and W.flags.owndata and W.flags.writeable
    assert np.array_equal(W, initialize(rng(), shape, dtype))


@pytest.mark.parametrize("initialize", ALL, ids=repr)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_single_precision_draw_is_the_rounded_double_precision_one(initialize, shape):
    assert np.array_equal(initialize(rng(), shape, np.float32), initialize(rng(), shape, np.float64).astype(np.float32))
    assert initialize(rng(), shape).dtype == np.float32


@pytest.mark.parametrize(
    "initialize, std",
    [
        (Gaussian(), 0.05),
        (Gaussian(std=0.3), 0.3),
        (Glorot(), np.sqrt(2 / 500)),
        (Orthogonal(), 1 / np.sqrt(300)),
        (Orthogonal(gain=1.7), 1.7 / np.sqrt(300)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("shape", SHAPES[:2])
def test_mean_and_standard_deviation(initialize, std, shape):
    W = initialize(rng(), shape, np.float64)
    assert abs(W.mean()) < 4 * std / np.sqrt(W.size)
    assert W.std() == pytest.approx(std, rel=0.01)


def test_gaussian_weights_are_normal():
    W = Gaussian(std=1.0)(rng(), (400, 400), np.float64)
    assert (W**4).mean() == pytest.approx(3, rel=0.05)
    assert (W**3).mean() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("shape", SHAPES)
def test_glorot_weights_fill_their_bounds_evenly(shape):
    W = Glorot()(rng(), shape, np.float64)
    bound = np.sqrt(6 / (shape[0] + shape[1]))
    assert 0.999 * bound < np.abs(W).max() <= bound
    counts, _ = np.histogram(W, bins=10, range=(-bound, bound))
    assert np.abs(counts / W.size - 0.1).max() < 5 * np.sqrt(0.09 / W.size)


@pytest.mark.parametrize("shape", [*SHAPES, (1, 7), (7, 1)])
def test_the_shorter_axis_is_orthonormal(shape):
    W = Orthogonal(gain=1.7)(rng(), shape, np.float64)
    gram = W @ W.T if shape[0] <= shape[1] else W.T @ W
    assert np.allclose(gram, 1.7**2 * np.eye(min(shape)), atol=1e-12)


def test_orthogonal_weights_are_uniform_over_rotations_and_reflections():
    """QR alone favours one sign on the diagonal: over many draws each entry's mean must be 0, its variance 1/n."""
    generator, draws = rng(), 4000
    samples = np.array([Orthogonal()(generator, (3, 3), np.float64) for _ in range(draws)])
    assert np.abs(samples.mean(axis=0)).max() < 5 * np.sqrt(1 / 3 / draws)
    assert np.allclose(samples.var(axis=0), 1 / 3, atol=0.03)
    assert abs(np.linalg.det(samples).mean()) < 5 / np.sqrt(draws)


def test_an_unknown_scheme_is_met_with_the_nearest():
    with pytest.raises(UnknownName, match="glorot"):
        get_initializer("glorrot")


def test_zeros_are_zero_and_draw_nothing():
    generator = rng()
    W = Zeros()(generator, (3, 4))
    assert W.shape == (3, 4) and W.dtype == np.float32 and not W.any()
    assert generator.random() == rng().random()
