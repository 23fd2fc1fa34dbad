"""Compiled loops: the bits that NumPy gives, and nothing loaded for a run that is over in a moment."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrarun.api import doctor
from lrarun.engine.training import Training
from lrarun.nn import compiled
from lrarun.nn.memory import pack
from lrarun.nn.optimizers import SGD, Adam, RMSprop
from tests.support.networks import entries
from tests.support.small_runs import spec, write_dataset

HAVE_LOOPS = [
    RMSprop(),
    RMSprop(learning_rate=0.01, decay=0.95, epsilon=1e-3),
    RMSprop(epsilon=1e-50),
    Adam(),
    Adam(learning_rate=0.01, beta1=0.5, beta2=0.9, epsilon=1e-3),
    Adam(epsilon=1e-50),
]
HAVE_NONE = [SGD(), RMSprop(centred=True), RMSprop(momentum=0.9), RMSprop(epsilon_inside=True)]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(scope="module")
def loops():
    pytest.importorskip("numba")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compiled, "_loops", {})
        assert compiled.at_once() == ""
        return dict(compiled._loops)


@pytest.fixture
def used(loops, monkeypatch):
    """Has the optimizers use the loops; returns the names of those that were called."""
    called = []

    def noting(name, loop):
        def noted(*arguments):
            called.append(name)
            assert {np.asarray(a).dtype for a in arguments} == {arguments[0].dtype}, "or Numba widens"
            loop(*arguments)

        return noted

    monkeypatch.setattr(compiled, "_loops", {name: noting(name, loop) for name, loop in loops.items()})
    return called


@pytest.fixture
def without(monkeypatch):
    """Puts NumPy in the loops' place."""
    return lambda: monkeypatch.setattr(compiled, "_loops", {})


def updated(optimizer, start, gradients):
    """Parameters, state and what is left of the last gradients."""
    params = pack(start)
    state, grads = optimizer.init(params, tuple(start)), pack(start)
    for gradient in gradients:
        grads = pack(gradient)
        optimizer.update(params, grads, state)
    return {"params": params, "grads": grads} | {n: slot for n, slot in state.items() if isinstance(slot, dict)}


def same_bits(one, other):
    return all(
        a.tobytes() == b.tobytes()
        for name in one
        for (_, a), (_, b) in zip(entries(one[name]), entries(other[name]), strict=True)
    )


def weights(rng, dtype, scale=1.0):
    shapes = {"W": {1: (37, 53), 2: (10, 37)}, "c": {1: (37, 1), 2: (10, 1)}}
    return {
        f: {l: (scale * rng.standard_normal(s)).astype(dtype) for l, s in layers.items()}
        for f, layers in shapes.items()
    }


@dtypes
@pytest.mark.parametrize("scale", [1e-25, 1e-3, 1.0, 1e15])
@pytest.mark.parametrize("optimizer", HAVE_LOOPS, ids=repr)
def test_a_loop_gives_the_bits_that_numpy_gives(optimizer, scale, dtype, used, without):
    rng = np.random.default_rng(0)
    start, gradients = weights(rng, dtype, scale), [weights(rng, dtype, scale) for _ in range(6)]
    looped = updated(optimizer, start, gradients)
    assert used == [optimizer.name] * 6
    without()
    with np.errstate(all="ignore"):  # an epsilon of 0 in float32 divides by zero between the arrays
        assert same_bits(looped, updated(optimizer, start, gradients))
        assert not same_bits(looped, updated(optimizer, start, gradients[:5]))
    assert used == [optimizer.name] * 6


@dtypes
@settings(max_examples=25, deadline=None)
@given(values=st.lists(st.floats(width=32), min_size=1, max_size=40), seed=st.integers(0, 1000))
def test_so_it_does_for_any_float(dtype, values, seed, loops):
    """Infinities, zeros of both signs and the smallest numbers included; a NaN is a NaN, whatever its bits."""
    rng = np.random.default_rng(seed)
    extremes = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 1e-45, 3e38, 1.0]
    start, *trees = (
        # Enough for the wide registers, and some over.
        {"W": {1: rng.choice(np.array([*values, *extremes], dtype), (61, 67))}}
        for _ in range(4)
    )
    for optimizer in HAVE_LOOPS:
        found = []
        for chosen in (loops, {}):
            with pytest.MonkeyPatch.context() as patched, np.errstate(all="ignore"):
                patched.setattr(compiled, "_loops", chosen)
                found.append(updated(optimizer, start, trees))
        for name, tree in found[0].items():
            mine, numpys = tree["W"][1], found[1][name]["W"][1]
            np.testing.assert_array_equal(mine, numpys)
            numbers = ~np.isnan(mine)
            assert np.array_equal(np.signbit(mine[numbers]), np.signbit(numpys[numbers]))


@pytest.mark.parametrize("optimizer", HAVE_NONE, ids=repr)
def test_what_has_no_loop_is_left_to_numpy(optimizer, used):
    rng = np.random.default_rng(0)
    updated(optimizer, weights(rng, np.float32), [weights(rng, np.float32)])
    assert used == []


def test_arrays_that_have_no_loop_are_left_to_numpy(used):
    rng = np.random.default_rng(0)
    params, grads = weights(rng, np.float32), weights(rng, np.float32)
    optimizer = RMSprop()
    optimizer.update(params, grads, optimizer.init(params, tuple(params)))
    flat = np.ones(8, np.float32)
    for arrays in (
        (flat, flat[:4]),
        (flat, flat.astype(np.float64)),
        (flat.astype(np.float16),) * 2,
        (flat.astype(">f4"),) * 2,
        (flat.reshape(2, 4),) * 2,
    ):
        assert compiled.loop("rmsprop", *arrays) is None
    assert used == []
    assert compiled.loop("rmsprop", flat, flat) is not None


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_a_training_ends_in_the_same_bits_with_and_without(optimizer, tmp_path, used, without):
    from lrarun.data.load import load

    wanted = spec(write_dataset(tmp_path / "data.npz"), optimizer=optimizer)
    data = load(wanted.dataset)

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


def test_loops_that_come_in_the_middle_change_nothing(loops, used, without, monkeypatch):
    rng = np.random.default_rng(0)
    start, gradients = weights(rng, np.float32), [weights(rng, np.float32) for _ in range(6)]

    def taking_turns():
        params = pack(start)
        state = Adam().init(params, tuple(start))
        for number, gradient in enumerate(gradients):
            monkeypatch.setattr(compiled, "_loops", loops if number % 2 else {})
            Adam().update(params, pack(gradient), state)
        return {"params": params}

    turns = taking_turns()
    without()
    assert same_bits(turns, updated(Adam(), start, gradients))


@pytest.fixture
def unloaded(monkeypatch):
    """As in a new process; ``monkeypatch`` puts back what is loaded meanwhile."""
    for name, value in (("_loops", {}), ("_loader", None), ("_updated", 0)):
        monkeypatch.setattr(compiled, name, value)
    registered = []
    monkeypatch.setattr(compiled.atexit, "register", lambda *call: registered.append(call))
    return registered


def test_a_run_of_a_moment_loads_nothing(unloaded, monkeypatch):
    monkeypatch.setattr(compiled, "_load", lambda: pytest.fail("loaded"))
    first_epoch = 1_160 * 468_746  # of the paper's network with 3 hidden layers and LRA-E's or DTP's further weights
    flat = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (first_epoch,), (0,))
    assert compiled.loop("rmsprop", flat, flat) is None
    assert compiled._loader is None and compiled._updated == first_epoch


def test_numpy_goes_on_while_numba_is_loaded(unloaded, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def load():
        begun.set()
        go_on.wait(10)
        compiled._loops["rmsprop"] = "the loop"

    monkeypatch.setattr(compiled, "_load", load)
    compiled._updated = compiled.WORTH_IT
    flat = np.ones(4, np.float32)
    assert compiled.loop("rmsprop", flat) is None and begun.wait(10)
    loader = compiled._loader
    assert compiled.loop("rmsprop", flat) is None and compiled._loader is loader, "one is enough"
    assert unloaded == [(loader.join, compiled.AT_EXIT)] and loader.daemon
    go_on.set()
    loader.join(10)
    assert compiled.loop("rmsprop", flat) == "the loop"


def test_a_process_that_has_updated_enough_has_loops(unloaded):
    pytest.importorskip("numba")
    compiled._updated = compiled.WORTH_IT
    flat = np.ones(4, np.float32)
    compiled.loop("adam", flat)
    compiled._loader.join(60)
    assert {compiled.loop(name, flat) is not None for name in ("rmsprop", "adam")} == {True}


@pytest.mark.parametrize("trouble", ["ImportError('no')", "OSError('no library')", "SystemError('no')", "ValueError()"])
def test_a_numba_that_is_no_use_is_done_without(trouble, unloaded, tmp_path, monkeypatch):
    (tmp_path / "numba.py").write_text(f"raise {trouble}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "numba"]:
        monkeypatch.delitem(sys.modules, name)
    assert compiled.at_once().startswith(trouble.partition("(")[0])
    assert compiled._loops == {}
    check = doctor.extra_installed("fast")
    assert check.state == doctor.NOTE and trouble.partition("(")[0] in check.found or doctor.version_of("numba") is None


def test_without_a_compiler_there_are_no_loops(unloaded, monkeypatch):
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert "NUMBA_DISABLE_JIT" in compiled.at_once() and compiled._loops == {}
