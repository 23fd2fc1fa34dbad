"""Error units are the derivatives of their losses; the output's likelihood against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax

from lrarun.nn.activations import softmax
from lrarun.nn.losses import LOCAL_LOSSES, nll

units = arrays(np.float64, (3, 2), elements=st.floats(-3, 3))
DTYPES = [np.float32, np.float64]


def one_hot(labels, classes, dtype=np.float64):
    return np.ascontiguousarray(np.swapaxes(np.eye(classes, dtype=dtype)[labels], -1, -2))


@pytest.mark.parametrize("loss", LOCAL_LOSSES.values(), ids=LOCAL_LOSSES)
@given(y=units, z=units)
def test_the_error_is_the_derivative_of_the_value_by_z(loss, y, z):
    error, epsilon = loss.error(y, z), 1e-4
    for place in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[place] = epsilon
        slope = (loss.value(y, z + step) - loss.value(y, z - step)) / (2 * epsilon)
        assert error[place] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize(
    "name, value, error",
    [
        ("gaussian", 0.25 + 4, [-1.0, 4.0]),  # Eq. 3 at 1/(2 sigma^2) = 1, Eq. 5's -2 (y - z)
        ("cauchy", np.log(1.25) + np.log(5), [-1 / 1.25, 4 / 5]),  # Eq. 4
    ],
)
def test_values_worked_out_by_hand(name, value, error):
    y, z = np.array([[1.0], [0.0]]), np.array([[0.5], [2.0]])
    assert LOCAL_LOSSES[name].value(y, z) == pytest.approx(value, rel=1e-14)
    assert LOCAL_LOSSES[name].error(y, z)[:, 0] == pytest.approx(error, rel=1e-14)


@pytest.mark.parametrize("loss", LOCAL_LOSSES.values(), ids=LOCAL_LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_stack_has_one_value_per_network_and_the_dtype_is_kept(loss, dtype):
    y, z = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype(dtype)
    before = y.copy(), z.copy()
    value, error = loss.value(y, z), loss.error(y, z)
    assert value.shape == (3,) and value.dtype == dtype
    assert error.shape == z.shape and error.dtype == dtype
    assert np.allclose(value, [loss.value(y[i], z[i]) for i in range(3)], rtol=1e-6)
    assert np.array_equal(y, before[0]) and np.array_equal(z, before[1])
    assert loss.value(z, z).tolist() == [0, 0, 0] and not loss.error(z, z).any()


def test_error_units_do_not_depend_on_the_batch_size():
    y, z = np.random.default_rng(0).standard_normal((2, 5, 4))
    for loss in LOCAL_LOSSES.values():
        assert np.array_equal(loss.error(y, z)[:, :1], loss.error(y[:, :1], z[:, :1]))


@given(arrays(np.float64, (4, 6), elements=st.floats(-30, 30)), arrays(np.int64, 6, elements=st.integers(0, 3)))
def test_nll_agrees_with_scipy(h, labels):
    wanted = -log_softmax(h, axis=0)[labels, range(6)].mean()
    assert nll(softmax(h), one_hot(labels, 4)) == pytest.approx(wanted, rel=1e-9, abs=1e-14)


@given(arrays(np.float64, (4, 6), elements=st.floats(0.01, 1)), st.floats(0.01, 100))
def test_nll_normalises_scores_that_do_not_sum_to_one(scores, factor):
    y = one_hot(np.arange(6) % 4, 4)
    wanted = -np.log(scores / scores.sum(axis=0))[np.arange(6) % 4, range(6)].mean()
    assert nll(scores, y) == pytest.approx(wanted, rel=1e-10)
    assert nll(factor * scores, y) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scores", [[[1.0], [0.0]], [[0.0], [0.0]], [[1.0], [1e-38]]])
def test_nll_of_an_impossible_label_is_finite_and_keeps_the_dtype(scores, dtype):
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        found = nll(np.array(scores, dtype), np.array([[0.0], [1.0]], dtype))
    assert found.dtype == dtype and found.shape == ()
    assert 80 < found < 800


@pytest.mark.parametrize("dtype", DTYPES)
def test_nll_of_a_stack_is_one_number_per_network(dtype):
    scores = np.random.default_rng(0).random((3, 4, 6)).astype(dtype)
    y = one_hot(np.arange(6) % 4, 4, dtype)
    found = nll(scores, y)
    assert found.shape == (3,) and found.dtype == dtype
    assert np.allclose(found, [nll(scores[i], y) for i in range(3)], rtol=1e-6)


def test_nll_of_nan_is_nan():
    """A diverged network is not to look like a merely bad one."""
    assert np.isnan(nll(np.full((2, 1), np.nan), np.array([[1.0], [0.0]])))
