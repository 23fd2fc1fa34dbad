"""Packed arrays: one piece of memory, seen layer by layer."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.nn.memory import ALIGNMENT, Packed, aligned_empty, in_pieces, pack
from lrarun.nn.optimizers import SGD, Adam, RMSprop
from tests.support.networks import entries


def tree(seed=0, families=("W", "c"), dtype=np.float32):
    rng = np.random.default_rng(seed)
    shapes = {"W": {1: (7, 5), 2: (3, 7)}, "c": {1: (7, 1), 2: (3, 1)}, "B": {2: (3, 7)}}
    return {family: {l: rng.normal(size=s).astype(dtype) for l, s in shapes[family].items()} for family in families}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_packed_copy_has_the_same_content_on_cache_lines(dtype):
    original = tree(families=("W", "B", "c"), dtype=dtype)
    packed = pack(original, first=("W", "c"))
    assert list(packed) == ["W", "c", "B"] and packed.flat.dtype == dtype
    for (name, a), (_, b) in zip(sorted(entries(packed)), sorted(entries(original)), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
        assert a.ctypes.data % ALIGNMENT == 0 and np.shares_memory(a, packed.flat)
    assert np.sum(packed.flat**2) == pytest.approx(sum(np.sum(a**2) for _, a in entries(original)))


def test_setting_an_array_writes_into_its_place():
    packed, other = pack(tree()), tree(1)
    before = packed["W"][1]
    packed["W"][1] = other["W"][1]
    packed["c"][2] *= 2
    assert packed["W"][1] is before
    np.testing.assert_array_equal(before, other["W"][1])
    assert np.shares_memory(packed["c"][2], packed.flat)
    with pytest.raises(KeyError):
        packed["W"][3] = before


def test_only_one_dtype_can_be_packed():
    with pytest.raises(ValueError, match="float32"):
        Packed({"W": tree()["W"], "c": tree(dtype=np.float64)["c"]})


def test_pieces_are_flat_only_where_all_are_packed_alike():
    params, grads = pack(tree(families=("W", "c", "B"))), pack(tree())
    ((g, w),) = in_pieces(grads, params)
    assert g.ndim == w.ndim == 1 and g.size == w.size == grads.flat.size
    for other in (tree(families=("W", "c", "B")), pack(tree(families=("B", "W", "c")))):
        pairs = in_pieces(grads, other)
        assert [(g.shape, w.shape) for g, w in pairs] == [(a.shape, a.shape) for _, a in entries(grads)]
        assert all(np.shares_memory(w, other[f][l]) for (_, w), (f, l, _) in zip(pairs, grads.layout))


@pytest.mark.parametrize("optimizer", [SGD(), RMSprop(), RMSprop(centred=True, momentum=0.9), Adam()])
def test_optimizers_give_packed_parameters_the_numbers_of_separate_ones(optimizer):
    apart, together = tree(families=("W", "c", "B")), pack(tree(families=("W", "c", "B")))
    states = [optimizer.init(params, ("W", "c")) for params in (apart, together)]
    for step in range(3):
        for params, state, grads in zip((apart, together), states, (tree(step), pack(tree(step)))):
            optimizer.update(params, grads, state)
    for (name, a), (_, b) in zip(entries(apart), entries(together), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=name)
    np.testing.assert_array_equal(together["B"][2], tree(families=("W", "c", "B"))["B"][2])


def test_aligned_arrays_start_at_a_cache_line():
    for shape in [(3,), (5, 7), (1, 100)]:
        a = aligned_empty(shape, np.float64)
        assert a.shape == shape and a.dtype == np.float64 and a.ctypes.data % ALIGNMENT == 0
