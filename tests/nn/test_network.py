"""The layers' two formulas, forward and back, against sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.nn.activations import TANH
from lrarun.nn.network import affine, forward, predict, write_gradients

DTYPES = [np.float32, np.float64]


def draw(*shapes, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("networks", [(), (2,)])
def test_affine_is_the_weighted_sum_and_the_bias(dtype, networks):
    W, c, z = draw((*networks, 3, 4), (*networks, 3, 1), (*networks, 4, 5), dtype=dtype)
    before = [a.copy() for a in (W, c, z)]
    h, tolerance = affine(W, c, z), 10 * float(np.finfo(dtype).eps)
    assert h.dtype == dtype and h.shape == (*networks, 3, 5)
    for *network, i, n in np.ndindex(h.shape):
        at = tuple(network)
        written_out = sum(float(W[*at, i, j]) * float(z[*at, j, n]) for j in range(4)) + float(c[*at, i, 0])
        assert h[*at, i, n] == pytest.approx(written_out, rel=tolerance, abs=tolerance)
    for a, old in zip((W, c, z), before):
        np.testing.assert_array_equal(a, old)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_displacement_is_subtracted_with_the_same_bits_as_its_negative_is_added(dtype):
    """Eq. 5 reads as it is printed because of this; runs of earlier versions added -beta E e in place."""
    h, E, e = draw((256, 50), (10, 256), (10, 50), dtype=dtype, seed=3)
    for beta in (0.1, 0.3, 1.0):
        added = E.mT @ e
        added *= -beta
        added += h
        np.testing.assert_array_equal(h - beta * (E.mT @ e), added, strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_predict_is_the_last_of_forward_to_the_bit(dtype):
    sizes = (6, 5, 4, 3)
    W, c = {}, {}
    for l in range(1, 4):
        W[l], c[l] = draw((sizes[l], sizes[l - 1]), (sizes[l], 1), dtype=dtype, seed=l)
    (x,) = draw((6, 7), dtype=dtype, seed=9)
    params = {"W": W, "c": c}
    np.testing.assert_array_equal(predict(params, x, TANH.phi), forward(params, x, TANH.phi)[1][3], strict=True)


@pytest.mark.parametrize("reduction, divisor", [("sum", 1), ("mean", 5)])
def test_gradients_are_written_to_the_families_that_are_named(reduction, divisor):
    delta, z_below = draw((3, 5), (4, 5))
    before = delta.copy()
    untouched = np.full((3, 4), np.nan)
    grads = {"W": {2: untouched}, "V": {2: np.full((3, 4), np.nan)}, "b": {2: np.full((3, 1), np.nan)}}
    write_gradients(grads, 2, delta, z_below, reduction, scale=0.5, families=("V", "b"))
    for i in range(3):
        assert grads["b"][2][i, 0] == pytest.approx(0.5 * sum(delta[i]) / divisor)
        for j in range(4):
            written_out = 0.5 * sum(delta[i, n] * z_below[j, n] for n in range(5)) / divisor
            assert grads["V"][2][i, j] == pytest.approx(written_out)
    assert np.isnan(untouched).all()
    np.testing.assert_array_equal(delta, before)
