"""Noise that follows from a key, and optimizers against optax where the definitions are the same."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from lrarun.engine.stacked import optimizers
from lrarun.engine.stacked.device import numerics
from lrarun.engine.stacked.noise import Noise, key_of
from lrarun.nn.optimizers import SGD, Adam, RMSprop

N = 40_000


def draws(seed=0, epoch=0, batch=0):
    with numerics():
        return np.asarray(Noise(key_of(seed), epoch, batch).standard_normal((3, 4), np.float32))


def test_noise_differs_by_run_epoch_mini_batch_and_draw_and_repeats():
    found = [draws(), draws(seed=1), draws(epoch=1), draws(batch=1), draws(epoch=1, batch=1)]
    with numerics():
        noise = Noise(key_of(0), 0, 0)
        found += [np.asarray(noise.standard_normal((3, 4), np.float32)) for _ in range(2)][1:]
    assert len({a.tobytes() for a in found}) == len(found)
    assert draws().tobytes() == found[0].tobytes() and found[0].dtype == np.float32


def test_a_vmapped_key_draws_what_it_draws_alone():
    keys = np.stack([key_of(seed) for seed in range(3)])
    with numerics():
        together = jax.vmap(lambda key: Noise(key, 2, 5).standard_normal((4,), np.float64))(keys)
        alone = [Noise(key, 2, 5).standard_normal((4,), np.float64) for key in keys]
    assert np.array_equal(np.asarray(together), np.stack(alone))


def test_the_methods_are_those_of_numpys_generator():
    """Moments and ranges, in whatever form the arguments come."""
    with numerics():
        noise, reference = Noise(key_of(3), 0, 0), np.random.default_rng(0)
        for method, arguments in {
            "standard_normal": {"size": N},
            "normal": {"loc": 2.0, "scale": 0.5, "size": (N,)},
            "random": {"size": N},
            "uniform": {"low": -1, "high": 3, "size": N},
            "integers": {"low": 2, "high": 9, "size": N},
        }.items():
            mine, wanted = np.asarray(getattr(noise, method)(**arguments)), getattr(reference, method)(**arguments)
            assert mine.shape == wanted.shape and mine.dtype == wanted.dtype, method
            assert abs(mine.mean() - wanted.mean()) < 6 * wanted.std() / N**0.5
            assert abs(mine.std() - wanted.std()) < 0.03 * wanted.std()
            if method in ("integers", "uniform", "random"):
                assert np.floor(mine.min()) == np.floor(wanted.min()) and np.ceil(mine.max()) == np.ceil(wanted.max())
        one = noise.random()
        assert one.shape == () and (one * np.ones(2, np.float32)).dtype == np.float32, "one number promotes nothing"
        assert 0 <= int(noise.integers(5)) < 5


def ours(optimizer, w, gradients):
    """The parameter after some updates, by the formulas of the engine jax."""
    state = optimizer.init({"W": {1: w}}, ("W",))
    slots = {name: layers["W"][1] for name, layers in state.items() if name != "t"}
    numbers = optimizers.numbers_of(optimizer)
    for t, g in enumerate(gradients, 1):
        w, slots = optimizers.move(type(optimizer), w, g, slots, np.asarray(t), numbers)
    return np.asarray(w)


def theirs(transformation, w, gradients):
    import optax

    state = transformation.init(w)
    for g in gradients:
        updates, state = transformation.update(g, state, w)
        w = optax.apply_updates(w, updates)
    return np.asarray(w)


def test_optax_has_the_same_sgd_rmsprop_and_adam_but_another_centring():
    optax = pytest.importorskip("optax")
    rng = np.random.default_rng(0)
    w, gradients = rng.standard_normal((4, 3)), [rng.standard_normal((4, 3)) for _ in range(6)]
    rms = {"decay": 0.9, "eps": 1e-3, "eps_in_sqrt": False, "initial_scale": 0.0}
    pairs = {
        "sgd": (SGD(0.1), optax.sgd(0.1)),
        "rmsprop": (RMSprop(0.1, 0.9, 1e-3), optax.rmsprop(0.1, **rms)),
        "momentum": (RMSprop(0.1, 0.9, 1e-3, momentum=0.5), optax.rmsprop(0.1, **rms, momentum=0.5)),
        "adam": (Adam(0.1, 0.8, 0.95, 1e-3), optax.adam(0.1, 0.8, 0.95, 1e-3)),
        "centred": (RMSprop(0.1, 0.9, 1e-3, centred=True), optax.rmsprop(0.1, **rms, centered=True)),
    }
    with numerics():
        for name, (mine, other) in pairs.items():
            apart = np.abs(ours(mine, w, gradients) - theirs(other, w, gradients)).max()
            assert apart < 1e-12, name


def test_where_rounding_makes_a_variance_negative_ours_takes_zero():
    """A gradient that stays the same: the variance is 0, and rounding may put it below."""
    optimizer, w = RMSprop(0.1, 0.9, 1e-3, centred=True), np.zeros((50,), np.float32)
    g = np.linspace(0.1, 3, 50, dtype=np.float32)
    with numerics():
        assert np.isfinite(ours(optimizer, w, [g] * 400)).all()


def test_bias_correction_keeps_its_digits_in_single_precision():
    g = [np.full((1,), 0.3)]
    with numerics():
        wide = ours(Adam(), np.zeros((1,)), g)
        narrow = ours(Adam(), np.zeros((1,), np.float32), [g[0].astype(np.float32)])
    assert abs(narrow - wide) < 1e-6 * abs(wide)
