"""Random networks and mini-batches for the tests, and how close two results are."""

from __future__ import annotations

import numpy as np

from lrarun.nn.network import empty_like

DEPTHS = range(1, 9)


def random_sizes(depth, rng):
    """Layer sizes from inputs to classes, all different enough that a wrong shape cannot pass."""
    return [int(size) for size in (rng.integers(9, 13), *rng.integers(5, 9, depth), rng.integers(4, 6))]


def random_network(algorithm, depth, seed=0, dtype=np.float64):
    """Parameters of a rule with weights of a size that keeps the signal alive, and biases that are not zero.

    Returns:
        (sizes, params)
    """
    rng = np.random.default_rng([seed, depth])
    sizes = random_sizes(depth, rng)
    params = algorithm.init(sizes, lambda rng, shape: draw(rng, shape, dtype), rng)
    for c in params["c"].values():
        c[...] = 0.3 * rng.standard_normal(c.shape)
    return sizes, params


def draw(rng, shape, dtype):
    return (rng.standard_normal(shape) * (1.2 / np.sqrt(shape[1]))).astype(dtype)


def random_batch(sizes, n=4, seed=0, dtype=np.float64, stack=()):
    """Inputs in [0, 1] and one-hot labels, columns are samples."""
    rng = np.random.default_rng([seed, n])
    x = rng.random((*stack, sizes[0], n))
    labels = rng.integers(sizes[-1], size=(*stack, n))
    y = np.swapaxes(np.eye(sizes[-1])[labels], -1, -2)
    return x.astype(dtype), np.ascontiguousarray(y, dtype)


def nan_gradients(algorithm, params):
    """Arrays for a step to fill, every entry NaN."""
    grads = empty_like(params, algorithm.learned)
    for layers in grads.values():
        for g in layers.values():
            g.fill(np.nan)
    return grads


def gradients(algorithm, params, x, y, seed=0):
    """What one step writes."""
    grads = nan_gradients(algorithm, params)
    algorithm.step(params, x, y, grads, np.random.default_rng(seed))
    return grads


def entries(params):
    """(name, array) of every layer of every family."""
    return [(f"{family}{l}", a) for family, layers in params.items() for l, a in layers.items()]


def assert_close(actual, expected, relative):
    """Every array of two nested dicts agrees within ``relative`` times the expected array's norm."""
    assert {name for name, _ in entries(actual)} == {name for name, _ in entries(expected)}
    found = dict(entries(actual))
    for name, wanted in entries(expected):
        error = np.linalg.norm(found[name] - wanted)
        assert error <= relative * np.linalg.norm(wanted), (name, error, np.linalg.norm(wanted))


def distance(u, v):
    """The angle between two arrays in radians, exact also where it is tiny."""
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    return 2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))
