"""Dropout (Srivastava et al. 2014): a training step leaves out each input and hidden unit with some probability.

Units that stay are divided by the probability of staying. So a prediction uses the whole network
as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lrarun.nn.activations import Activation, softmax
from lrarun.nn.arrays import Array, Params
from lrarun.nn.network import affine, depth_of, forward

Slope = Callable[[int], Array]


@dataclass(frozen=True)
class Dropout:
    """The probabilities that a step leaves out an input (``inputs``) and a hidden unit (``hidden``), each below 1."""

    inputs: float = 0.0
    hidden: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.inputs or self.hidden)

    def forward(
        self, params: Params, x: Array, activation: Activation, rng: np.random.Generator
    ) -> tuple[dict[int, Array], Slope]:
        """Return each layer's activities, and what gives a hidden layer's derivative.

        Args:
            params: at least ``W`` and ``c``.
            x: inputs, shape ``(..., inputs, n)``; not changed.
            activation: of the hidden layers; the output layer's is softmax.
            rng: a run's noise stream. Nothing is drawn from it without dropout.

        Returns:
            z for l = 0..L, shapes ``(..., units, n)``, with 0 for units that are left out; and
            ``slope(l)``, the derivative of z^l with respect to h^l, for l = 1..L-1.
        """
        if not self:
            z = forward(params, x, activation.phi)[1]
            return z, lambda l: activation.dphi(z[l])
        return self._thinned(params, x, activation, rng)

    def _thinned(
        self, params: Params, x: Array, activation: Activation, rng: np.random.Generator
    ) -> tuple[dict[int, Array], Slope]:
        W, c, L = params["W"], params["c"], depth_of(params)
        whole, z = {}, {0: x * _mask(x, self.inputs, rng) if self.inputs else x}
        masks: dict[int, Array] = {}
        for l in range(1, L):
            whole[l] = activation.phi(affine(W[l], c[l], z[l - 1]))
            masks[l] = _mask(whole[l], self.hidden, rng)
            z[l] = whole[l] * masks[l]
        z[L] = softmax(affine(W[L], c[L], z[L - 1]))
        return z, lambda l: activation.dphi(whole[l]) * masks[l]


NO_DROPOUT = Dropout()


def _mask(z: Array, probability: float, rng: np.random.Generator) -> Array:
    """Return 0 with a probability, else the factor that keeps the mean, in z's shape and dtype."""
    stays = rng.random(z.shape, dtype=z.dtype) >= probability
    return stays.astype(z.dtype) * (1 / (1 - probability))
