"""Post-activation functions phi and their derivatives.

Each derivative is a function of the *output* z = phi(h), which the forward pass keeps anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lrarun.nn.arrays import Array, namespace
from lrarun.settings import lookup


@dataclass(frozen=True)
class Activation:
    """A post-activation function.

    Attributes:
        name: as written in a spec.
        phi: h -> z, elementwise, any shape.
        dphi: z -> dz/dh as a function of z, elementwise, any shape.
    """

    name: str
    phi: Callable[[Array], Array]
    dphi: Callable[[Array], Array]

    def __reduce__(self):
        # By name: a rule is sent to other processes together with its activation, and lambdas can't be pickled.
        return get_activation, (self.name,)


def _tanh(h: Array) -> Array:
    return namespace(h).tanh(h)


def _sigmoid(h: Array) -> Array:
    # Unlike exp, tanh does not overflow for any h.
    return 0.5 * (1 + _tanh(0.5 * h))


LEAK = 0.01


def _leaky_relu_slope(z: Array) -> Array:
    return namespace(z).where(z > 0, 1, LEAK).astype(z.dtype)


def _softsign_slope(z: Array) -> Array:
    return namespace(z).square(1 - abs(z))


def clip_to_unit(a: Array) -> Array:
    """Return a new array of the same shape, with values below 0 as 0 and above 1 as 1."""
    return namespace(a).clip(a, 0, 1)


TANH = Activation("tanh", _tanh, lambda z: 1 - z * z)
HARD_SIGMOID = Activation("hard-sigmoid", clip_to_unit, lambda z: ((z > 0) & (z < 1)).astype(z.dtype))

ACTIVATIONS = {
    activation.name: activation
    for activation in (
        TANH,
        HARD_SIGMOID,
        Activation("identity", lambda h: h.copy(), lambda z: namespace(z).ones_like(z)),
        Activation("leaky-relu", lambda h: namespace(h).maximum(h, LEAK * h), _leaky_relu_slope),
        Activation("relu", lambda h: namespace(h).maximum(h, 0), lambda z: (z > 0).astype(z.dtype)),
        Activation("sigmoid", _sigmoid, lambda z: z * (1 - z)),
        Activation("softsign", lambda h: h / (1 + abs(h)), _softsign_slope),
    )
}


def get_activation(name: str) -> Activation:
    """Return an activation by name; raises ``UnknownName`` (a KeyError) if there is none."""
    return lookup("activation", ACTIVATIONS, name)


def flat_at_zero(activation: Activation) -> str:
    """Return, as the reason why zero weights can't learn, that an activation has no slope at h = 0; empty if it has."""
    slope = activation.dphi(activation.phi(np.zeros(1)))
    return "" if slope.any() else f"the activation {activation.name!r} has no slope at 0, where every unit then stays"


def softmax(h: Array) -> Array:
    """Return class probabilities over the rows of h, shape ``(..., classes, n)``."""
    xp = namespace(h)
    z = xp.exp(h - xp.maximum.reduce(h, axis=-2, keepdims=True))
    z /= xp.add.reduce(z, axis=-2, keepdims=True)
    return z
