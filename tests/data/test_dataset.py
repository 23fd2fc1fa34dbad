"""Splits of a data set, and mini-batches as columns."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lrarun.data.dataset import columns, split
from lrarun.errors import UsageError


@settings(max_examples=50)
@given(st.integers(1, 500), st.data())
def test_a_split_is_disjoint_complete_and_the_seeds_own(n, data):
    validation, seed = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, 2**40))
    train, held_out = split(n, validation, seed)
    assert len(held_out) == validation
    assert sorted([*train, *held_out]) == list(range(n))
    for index, again in zip((train, held_out), split(n, validation, seed)):
        assert (np.diff(index) > 0).all()
        np.testing.assert_array_equal(index, again)
    fewer = data.draw(st.integers(0, validation))
    assert set(split(n, fewer, seed)[1]) <= set(held_out)


def test_other_seeds_hold_out_other_samples_and_all_alike():
    drawn = [split(1000, 100, seed)[1] for seed in range(300)]
    assert len({tuple(index) for index in drawn}) == 300
    counts = np.bincount(np.concatenate(drawn), minlength=1000)
    # Each sample is held out with probability 0.1: mean 30, variance 300 * 0.1 * 0.9 = 27, over the 1000 samples.
    assert 22 < counts.var() < 32
    assert counts.min() > 30 - 6 * 27**0.5 and counts.max() < 30 + 6 * 27**0.5


@pytest.mark.parametrize("n, validation", [(10, 10), (10, 11), (10, -1), (0, 0)])
def test_a_split_that_leaves_nothing_is_refused(n, validation):
    with pytest.raises(UsageError, match="cannot hold out"):
        split(n, validation, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_are_the_correctly_rounded_fractions(dtype):
    every_byte = np.arange(256, dtype=np.uint8).reshape(64, 4)
    index = np.array([3, 63, 0, 3])
    x = columns(every_byte, index, dtype)
    assert x.dtype == dtype and x.shape == (4, 4)
    assert x.T.tolist() == [[dtype(value / 255) for value in every_byte[row].tolist()] for row in index]


@settings(max_examples=30)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32))
def test_columns_fill_the_buffer_they_are_given(n, capacity, seed):
    assume(n <= capacity)
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (30, 7), dtype=np.uint8)
    index = rng.integers(0, 30, n)
    out = np.full((capacity, 7), -1, np.float32)
    x = columns(images, index, np.float32, out=out)
    assert np.shares_memory(x, out) and x.T.flags.c_contiguous
    np.testing.assert_array_equal(x, columns(images, index, np.float32))
    assert (out[n:] == -1).all()


def test_columns_into_a_buffer_allocate_only_the_bytes():
    images, index = np.zeros((1000, 784), np.uint8), np.arange(0, 1000, 2)
    out = np.empty((500, 784), np.float32)
    tracemalloc.start()
    columns(images, index, np.float32, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * images[index].nbytes < out.nbytes / 2


def test_float_images_are_used_as_they_are():
    images = np.array([[0.5, -2.0], [300.0, 1e-3]])
    np.testing.assert_array_equal(columns(images, np.array([1, 0]), np.float64), images[::-1].T)
    assert columns(images, slice(0, 1), np.float32).dtype == np.float32
