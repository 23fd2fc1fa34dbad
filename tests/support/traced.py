"""A rule's step by either engine, on the same numbers."""

from __future__ import annotations

import jax
import numpy as np

from lrarun.engine.stacked.device import numerics
from lrarun.engine.stacked.tracing import traced_step
from lrarun.nn.network import empty_like


def carried_of(algorithm, sizes, n, dtype):
    """What a rule would remember of n samples, by layer, drawn from the middle of what its units can be."""
    carry = algorithm.carry(sizes, n, dtype)
    rng = np.random.default_rng(3)
    return None if carry is None else {l: rng.random(a.T.shape).astype(dtype) for l, a in carry.items()}


def numpy_step(algorithm, params, x, y, rng, carried=None):
    """(gradients, loss, what is remembered) of a step by NumPy."""
    grads = empty_like(params, algorithm.learned)
    kept = None if carried is None else {l: a.copy() for l, a in carried.items()}
    more = {} if kept is None else {"carried": kept}
    return grads, algorithm.step(params, x, y, grads, rng, **more)["nll"], kept or {}


def jax_step(algorithm, params, x, y, rng, carried=None):
    """The same by JAX, compiled; a generator of NumPy's draws while the step is traced, and so draws the same."""
    with numerics():
        step = jax.jit(lambda params, x, y, carried: traced_step(algorithm, params, x, y, rng, carried))
        return jax.tree.map(np.asarray, step(params, x, y, carried))
