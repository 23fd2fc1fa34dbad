"""Compiled loops: the bits that NumPy gives, and nothing loaded for a run that is over in a moment."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrarun import compiled
from lrarun.memory import Packed, pack
from lrarun.optimizers import SGD, Adam, RMSprop
from lrarun.training import Training
from tests.networks import entries
from tests.small_runs import ROOT, spec, write_dataset

HAVE_LOOPS = [
    SGD(), SGD(learning_rate=0.3), RMSprop(), RMSprop(learning_rate=0.01, decay=0.95, epsilon=1e-3),
    Adam(), Adam(learning_rate=0.01, beta1=0.5, beta2=0.9, epsilon=1e-3),
]
HAVE_NONE = [RMSprop(centred=True), RMSprop(momentum=0.9)]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture
def used(monkeypatch):
    """Compiled from the first entry on; returns the names of the loops that were called."""
    pytest.importorskip("numba")
    called = []

    def noting(name, loop):
        def noted(*arguments):
            called.append(name)
            assert {np.asarray(a).dtype for a in arguments} == {arguments[0].dtype}, "or Numba widens"
            loop(*arguments)
        return noted

    loops = {name: noting(name, loop) for name, loop in compiled._loops().items()}
    monkeypatch.setattr(compiled, "_loops", lambda: loops)
    monkeypatch.setattr(compiled, "_updated", compiled.WORTH_IT)
    return called


@pytest.fixture
def without(monkeypatch):
    """Puts NumPy in the loops' place."""
    return lambda: monkeypatch.setattr(compiled, "_loops", dict)


def updated(optimizer, start, gradients):
    params = pack(start)
    state = optimizer.init(params, tuple(start))
    for gradient in gradients:
        optimizer.update(params, pack(gradient), state)
    return {"params": params, **{name: slot for name, slot in state.items() if isinstance(slot, dict)}}


def same_bits(one, other):
    return all(
        a.tobytes() == b.tobytes()
        for name in one
        for (_, a), (_, b) in zip(entries(one[name]), entries(other[name]), strict=True)
    )


def weights(rng, dtype, scale=1.0):
    shapes = {"W": {1: (37, 53), 2: (10, 37)}, "c": {1: (37, 1), 2: (10, 1)}}
    return {f: {l: (scale * rng.standard_normal(s)).astype(dtype) for l, s in layers.items()}
            for f, layers in shapes.items()}


@dtypes
@pytest.mark.parametrize("scale", [1e-25, 1e-3, 1.0, 1e15])
@pytest.mark.parametrize("optimizer", HAVE_LOOPS, ids=repr)
def test_a_loop_gives_the_bits_that_numpy_gives(optimizer, scale, dtype, used, without):
    rng = np.random.default_rng(0)
    start, gradients = weights(rng, dtype, scale), [weights(rng, dtype, scale) for _ in range(6)]
    looped = updated(optimizer, start, gradients)
    assert used == [optimizer.name] * 6
    without()
    with np.errstate(all="ignore"):
        assert same_bits(looped, updated(optimizer, start, gradients))
    assert used == [optimizer.name] * 6
    assert not same_bits(looped, updated(optimizer, start, gradients[:5]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(width=32), min_size=5, max_size=5), min_size=1, max_size=4))
def test_so_it_does_for_any_float(gradients):
    """Infinities, zeros of both signs and the smallest numbers included; a NaN is a NaN, whatever its bits."""
    pytest.importorskip("numba")
    trees = [{"W": {1: np.array([values], np.float32)}} for values in gradients]
    start = {"W": {1: np.array([[1.0, -1.0, 0.0, 1e-40, 1e38]], np.float32)}}
    for optimizer in HAVE_LOOPS:
        found = []
        for loops in (compiled._loops(), {}):
            with pytest.MonkeyPatch.context() as patched, np.errstate(all="ignore"):
                patched.setattr(compiled, "_loops", lambda: loops)
                patched.setattr(compiled, "_updated", compiled.WORTH_IT)
                found.append(updated(optimizer, start, trees))
        for name, tree in found[0].items():
            np.testing.assert_array_equal(tree["W"][1], found[1][name]["W"][1])
            numbers = ~np.isnan(tree["W"][1])
            assert np.array_equal(np.signbit(tree["W"][1][numbers]), np.signbit(found[1][name]["W"][1][numbers]))


@pytest.mark.parametrize("optimizer", HAVE_NONE, ids=repr)
def test_what_has_no_loop_is_left_to_numpy(optimizer, used):
    rng = np.random.default_rng(0)
    updated(optimizer, weights(rng, np.float32), [weights(rng, np.float32)])
    assert used == []


def test_arrays_that_are_not_packed_are_left_to_numpy(used):
    rng = np.random.default_rng(0)
    params, grads = weights(rng, np.float32), weights(rng, np.float32)
    SGD().update(params, grads, {})
    assert used == []
    SGD().update(pack(params), Packed(grads), {})
    assert used == ["sgd"]


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
def test_a_training_ends_in_the_same_bits_with_and_without(optimizer, tmp_path, used, without):
    from lrarun import datasets

    wanted = spec(write_dataset(tmp_path / "data.npz"), optimizer=optimizer)
    data = datasets.load(wanted.dataset)

    def trained():
        training = Training(wanted, data)
        while not training.done:
            training.advance()
        kept = [{key: value for key, value in record.items() if key != "seconds"} for record in training.records]
        return kept, training.params.flat.tobytes()

    looped = trained()
    assert set(used) == {optimizer}
    without()
    assert trained() == looped


def test_numpy_does_what_would_be_over_before_numba_is_loaded(monkeypatch):
    monkeypatch.setattr(compiled, "_updated", 0)
    monkeypatch.setattr(compiled, "_loops", lambda: pytest.fail("asked for"))
    assert compiled.loop("sgd", np.zeros(compiled.WORTH_IT // 10, np.uint8)) is None
    assert compiled._updated == compiled.WORTH_IT // 10


@pytest.mark.parametrize("prelude", [
    "import sys; sys.modules['numba'] = None",
    "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'",
], ids=["not there", "switched off"])
def test_without_numba_there_are_no_loops(prelude):
    program = f"{prelude}\nfrom lrarun import compiled\nprint(compiled._loops())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{}"
