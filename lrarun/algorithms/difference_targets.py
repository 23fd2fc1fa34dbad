"""Difference target propagation: what DTP and DTP-sigma share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from lrarun.algorithms.base import Algorithm
from lrarun.nn.activations import softmax
from lrarun.nn.arrays import Array, Params
from lrarun.nn.losses import nll
from lrarun.nn.network import affine, depth_of, forward, init_forward, write_gradients
from lrarun.settings import setting

Sigma = float | Array

TOP_TARGET_HELP = (
    "where the first target is set: at the softmax output, or at the last hidden layer through the output weights"
)


@dataclass(frozen=True, kw_only=True)
class DifferenceTargets(Algorithm):
    """Difference target propagation (Lee et al. 2015), except for the standard deviation of the decoders' noise.

    For l = 2..T, a decoder g_l(a) = phi(V_l a + b_l) from layer l to layer l - 1 is learned
    beside the forward weights. T is the layer of the first target: L, or L - 1 if
    ``top_target`` is ``hidden``. There is no decoder to the inputs.

    y^L = z^L - alpha (z^L - y), or y^{L-1} = z^{L-1} - alpha W_L^T (z^L - y); for l = T..2
    y^{l-1} = z^{l-1} - g_l(z^l) + g_l(y^l)                                     (Eq. 8),
    u = z^{l-1} + sigma_l eps,  v = phi_l(W_l u + c_l),  u' = g_l(v)            (Eq. 9).

    For l < L, W_l descends |z^l - y^l|^2, with y^l and z^{l-1} held constant. W_L descends
    the negative log likelihood. V_l descends |u' - u|^2, with u and v held constant (Lee
    et al. 2015, Algorithm 1). ``V[l]`` has shape ``(sizes[l-1], sizes[l])``, ``b[l]`` has
    shape ``(sizes[l-1], 1)``.
    """

    learned: ClassVar[tuple[str, ...]] = ("W", "c", "V", "b")

    # DTP and DTP-sigma have different defaults for these.
    alpha: float
    top_target: Literal["output", "hidden"]

    correction: Literal["original", "printed"] = setting(
        "original",
        "sign of the difference correction (Eq. 8): z - g(z) + g(y), or z - (g(z) + g(y))",
        paper="prints z - (g(z) + g(y)), which does not return the target if g is an exact inverse;"
        " z - g(z) + g(y), as in Lee et al. (2015), does; with the printed sign, DTP-sigma stays above 80 % error",
    )
    reduction: Literal["sum", "mean"] = setting(
        "mean",
        "how an update is formed from a mini-batch",
        paper="not stated; RMSprop cancels the factor but for its epsilon",
    )
    units: Literal["sum", "mean"] = setting(
        "sum",
        "whether local losses are summed or averaged over a layer's units",
        paper="Eq. 3 sums; RMSprop cancels the factor but for its epsilon",
    )
    schedule: Literal["joint", "decoders-first"] = setting(
        "joint",
        "joint: every step updates decoders and forward weights; decoders-first: each epoch passes over the samples"
        " twice, first for the decoders, then for the forward weights",
        paper="not stated; decoders-first in Lee et al.'s (2015) released code",
        later=True,
    )
    decoder_scale: float = setting(
        1.0,
        "factor on the decoders' loss: with SGD, their step size relative to the forward weights'; RMSprop and Adam"
        " cancel it, so give V a learning rate of its own: learning_rate: {W: ..., V: ...}",
        gt=0,
        paper="not stated; RMSprop cancels the factor but for its epsilon",
    )

    @classmethod
    def defaults(cls, depth):
        return {"optimizer": {"name": "rmsprop", "learning_rate": 0.001}, "init": {"name": "glorot"}}

    def refuses(self, choice):
        return {
            "dropout": "each layer has targets and a decoder, and neither is defined for a unit that is left out",
            "zeros": "targets come down through the decoders, which start at 0 as well",
        }.get(choice, "")

    def passes(self):
        return (self.learned,) if self.schedule == "joint" else (("V", "b"), ("W", "c"))

    @abstractmethod
    def first_sigma(self) -> float:
        """Return the standard deviation of the topmost decoder's noise."""

    @abstractmethod
    def next_sigma(self, sigma: Sigma, z: Array, y_z: Array, u: Array, decoded: Array) -> Sigma:
        """Return the standard deviation of the noise of the next decoder, the one below.

        Args:
            sigma: this decoder's, a number or an array of shape ``(..., 1, 1)``.
            z: z^{l-1}, shape ``(..., units, n)``, as for the other arrays.
            y_z: its target y^{l-1}.
            u: z^{l-1} with noise.
            decoded: u', the reconstruction of u.
        """

    def init(self, sizes, initialize, rng):
        params = init_forward(sizes, initialize, rng)
        layers = range(2, self._top(len(sizes) - 1) + 1)
        params["V"] = {l: initialize(rng, (sizes[l - 1], sizes[l])) for l in layers}
        params["b"] = {l: np.zeros((sizes[l - 1], 1), V.dtype) for l, V in params["V"].items()}
        return params

    def step(self, params, x, y, grads, rng):
        L = depth_of(params)
        z = forward(params, x, self.activation.phi)[1]
        forward_too, decoders_too = "W" in grads, "V" in grads
        if forward_too:
            write_gradients(grads, L, z[L] - y, z[L - 1], self.reduction)
        y_z = self._first_target(params, z, y)
        sigma: Sigma = self.first_sigma()
        for l in range(self._top(L), 0, -1):
            if l < L and forward_too:
                write_gradients(grads, l, self._slope(z[l], y_z), z[l - 1], self.reduction, self._scale(z[l]))
            if l > 1:
                y_below = self._target_below(params, l, z, y_z)
                if decoders_too:
                    sigma = self._learn_decoder(params, l, z[l - 1], y_below, sigma, grads, rng)
                y_z = y_below
        return {"nll": nll(z[L], y)}

    def _learn_decoder(
        self, params: Params, l: int, z: Array, y_z: Array, sigma: Sigma, grads: Params, rng: np.random.Generator
    ) -> Sigma:
        """Write the gradients of decoder l (Eq. 9), given z^{l-1} and y^{l-1}; return the next decoder's sigma."""
        u = z + sigma * rng.standard_normal(z.shape, dtype=z.dtype)
        v = self._encode(params, l, u)
        decoded = self._decode(params, l, v)
        scale = self.decoder_scale * self._scale(decoded)
        write_gradients(grads, l, self._slope(decoded, u), v, self.reduction, scale, families=("V", "b"))
        return self.next_sigma(sigma, z, y_z, u, decoded)

    def _top(self, L: int) -> int:
        return L if self.top_target == "output" else L - 1

    def _first_target(self, params: Params, z: Mapping[int, Array], y: Array) -> Array:
        L = depth_of(params)
        step = self.alpha * (z[L] - y)
        return z[L] - step if self.top_target == "output" else z[L - 1] - params["W"][L].mT @ step

    def _target_below(self, params: Params, l: int, z: Mapping[int, Array], y_z: Array) -> Array:
        """Return y^{l-1}, given y^l (Eq. 8)."""
        g_z, g_y = self._decode(params, l, z[l]), self._decode(params, l, y_z)
        if self.correction == "original":
            return z[l - 1] - g_z + g_y
        return z[l - 1] - (g_z + g_y)

    def _decode(self, params: Params, l: int, a: Array) -> Array:
        """Return g_l(a)."""
        return self.activation.phi(affine(params["V"][l], params["b"][l], a))

    def _encode(self, params: Params, l: int, u: Array) -> Array:
        """Return v = phi_l(W_l u + c_l) (Eq. 9). The output layer's phi is softmax."""
        h = affine(params["W"][l], params["c"][l], u)
        return softmax(h) if l == depth_of(params) else self.activation.phi(h)

    def _slope(self, z: Array, target: Array) -> Array:
        """Return the derivative of 1/2 |z - target|^2 with respect to the pre-activation of z."""
        return (z - target) * self.activation.dphi(z)

    def _scale(self, z: Array) -> float:
        """Return the factor from :meth:`_slope`'s loss to the local loss that ``units`` asks for."""
        return 2.0 if self.units == "sum" else 2 / z.shape[-2]
