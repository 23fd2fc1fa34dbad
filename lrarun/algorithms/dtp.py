"""Difference target propagation, with fixed noise (DTP) and with adaptive noise (DTP-sigma)."""

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
    """What DTP and DTP-sigma share: all but the standard deviation of the decoders' noise.

    Decoders g_l(a) = phi(V_l a + b_l) from layer l to layer l - 1 are learned beside the
    forward weights, for l = 2..T. T is the layer of the first target: L, or L - 1 if
    ``top_target`` is ``hidden``, when no decoder reads the output. None decodes to the inputs.

    y^L = z^L - alpha (z^L - y), or y^{L-1} = z^{L-1} - alpha W_L^T (z^L - y); for l = T..2
    y^{l-1} = z^{l-1} - g_l(z^l) + g_l(y^l)                                     (Eq. 8),
    u = z^{l-1} + sigma_l eps,  v = phi_l(W_l u + c_l),  u' = g_l(v)            (Eq. 9).

    W_l descends |z^l - y^l|^2 for l < L, with y^l and z^{l-1} held constant; W_L descends
    the negative log likelihood; V_l descends |u' - u|^2, with u and v held constant (Lee
    et al. 2015, Algorithm 1). ``V[l]`` has the shape ``(sizes[l-1], sizes[l])`` in which
    it is applied, ``b[l]`` the shape ``(sizes[l-1], 1)``.
    """

    learned: ClassVar[tuple[str, ...]] = ("W", "c", "V", "b")

    # The two rules differ in these defaults.
    alpha: float
    top_target: Literal["output", "hidden"]

    correction: Literal["original", "printed"] = setting(
        "original",
        "sign of the difference correction (Eq. 8): z - g(z) + g(y), or z - (g(z) + g(y))",
        paper="prints z - (g(z) + g(y)), which does not return the target for an exact inverse;"
        " z - g(z) + g(y), as in Lee et al. (2015), does; with the printed sign DTP-sigma stays above 80 % error",
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
    decoder_scale: float = setting(
        1.0,
        "factor on the decoders' loss: with SGD, their step size relative to the forward weights'",
        gt=0,
        paper="not stated; RMSprop cancels the factor but for its epsilon",
    )

    @classmethod
    def defaults(cls, depth):
        return {"optimizer": {"name": "rmsprop", "learning_rate": 0.001}, "init": {"name": "glorot"}}

    @abstractmethod
    def first_sigma(self) -> float:
        """Standard deviation of the noise for the topmost decoder."""

    @abstractmethod
    def next_sigma(self, sigma: Sigma, z: Array, y_z: Array, u: Array, decoded: Array) -> Sigma:
        """Standard deviation of the noise for the decoder below.

        Args:
            sigma: this decoder's, a number or an array of shape ``(..., 1, 1)``.
            z, y_z, u, decoded: z^{l-1}, its target y^{l-1}, the corrupted u and its
                reconstruction u', each of shape ``(..., units, n)``.
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
        write_gradients(grads, L, z[L] - y, z[L - 1], self.reduction)
        y_z = self._first_target(params, z, y)
        sigma = self.first_sigma()
        for l in range(self._top(L), 0, -1):
            if l < L:
                write_gradients(grads, l, self._slope(z[l], y_z), z[l - 1], self.reduction, self._scale(z[l]))
            if l > 1:
                u = z[l - 1] + sigma * rng.standard_normal(z[l - 1].shape, dtype=z[l - 1].dtype)
                v = self._encode(params, l, u)
                decoded = self._decode(params, l, v)
                scale = self.decoder_scale * self._scale(decoded)
                write_gradients(grads, l, self._slope(decoded, u), v, self.reduction, scale, families=("V", "b"))
                y_z = self._target_below(params, l, z, y_z)
                sigma = self.next_sigma(sigma, z[l - 1], y_z, u, decoded)
        return {"nll": nll(z[L], y)}

    def _top(self, L: int) -> int:
        return L if self.top_target == "output" else L - 1

    def _first_target(self, params: Params, z: Mapping[int, Array], y: Array) -> Array:
        L = depth_of(params)
        step = self.alpha * (z[L] - y)
        return z[L] - step if self.top_target == "output" else z[L - 1] - params["W"][L].mT @ step

    def _target_below(self, params: Params, l: int, z: Mapping[int, Array], y_z: Array) -> Array:
        """y^{l-1} from y^l (Eq. 8)."""
        g_z, g_y = self._decode(params, l, z[l]), self._decode(params, l, y_z)
        if self.correction == "original":
            return z[l - 1] - g_z + g_y
        return z[l - 1] - (g_z + g_y)

    def _decode(self, params: Params, l: int, a: Array) -> Array:
        """g_l(a)."""
        return self.activation.phi(affine(params["V"][l], params["b"][l], a))

    def _encode(self, params: Params, l: int, u: Array) -> Array:
        """phi_l(W_l u + c_l); the output layer's phi is softmax."""
        h = affine(params["W"][l], params["c"][l], u)
        return softmax(h) if l == depth_of(params) else self.activation.phi(h)

    def _slope(self, z: Array, target: Array) -> Array:
        """Derivative of half the squared difference, summed over units, by the pre-activation of z."""
        return (z - target) * self.activation.dphi(z)

    def _scale(self, z: Array) -> float:
        """What makes the local loss of :meth:`_slope`'s."""
        return 2.0 if self.units == "sum" else 2 / z.shape[-2]


@dataclass(frozen=True, kw_only=True)
class DTP(DifferenceTargets):
    """Difference target propagation with noise of one size for all decoders (Lee et al. 2015)."""

    name: ClassVar[str] = "dtp"
    title: ClassVar[str] = "DTP"

    alpha: float = setting(
        0.327,
        "step from the output towards the label that makes the first target",
        ge=0,
        paper="not stated for DTP but as 'the same settings' as Lee et al. (2015), who took 0.3277 on the mini-batch"
        " mean of the loss; here it multiplies each sample's own z^L - y, which is what breaks down with depth",
    )
    top_target: Literal["output", "hidden"] = setting(
        "output",
        TOP_TARGET_HELP,
        paper="'differentiating the output loss with respect to z^L'; the breakdown with depth appears only so,"
        " at the last hidden layer, as in Lee et al. (2015), DTP does not break down",
    )
    sigma: float = setting(
        0.36,
        "standard deviation of the decoders' noise, sigma_l for every l",
        ge=0,
        paper="'fixed', no value but 'the same settings' as Lee et al. (2015), who took 0.3598",
    )

    def first_sigma(self):
        return self.sigma

    def next_sigma(self, sigma, z, y_z, u, decoded):
        return sigma


@dataclass(frozen=True, kw_only=True)
class DTPSigma(DifferenceTargets):
    """Difference target propagation with noise that shrinks from decoder to decoder (Ororbia and Mali, Eq. 10).

    sigma_T = alpha;  sigma_{l-1} = sigma_l - Loss_l, one number per mini-batch.

    sigma_l belongs to decoder l, whose noise goes into z^{l-1}. The printed equation
    subtracts a loss at the very layer whose noise it defines; here it is the loss at the
    decoder above, the last one that is known by then.
    """

    name: ClassVar[str] = "dtp-sigma"
    title: ClassVar[str] = "DTP-sigma"

    alpha: float = setting(
        0.01,
        "step from the output towards the label that makes the first target, and the topmost noise",
        ge=0,
        paper="0.01, and sigma_L = alpha",
    )
    top_target: Literal["output", "hidden"] = setting(
        "hidden",
        TOP_TARGET_HELP,
        paper="'differentiating the output loss with respect to z^L'; at the last hidden layer, as in Lee et al."
        " (2015), the validation error is lower at 3 and at 8 layers",
    )
    loss: Literal["noise", "target", "reconstruction"] = setting(
        "noise",
        "squared difference that Eq. 10 subtracts: u - z (noise), y_z - z (target), u' - u (reconstruction)",
        paper="the symbols are those of the target, the sentence below them says the corrupted and the clean z;"
        " validation does not tell the three apart, so the sentence decides",
    )
    loss_reduction: Literal["mean", "units-sum", "sum"] = setting(
        "mean",
        "how Eq. 10's loss is reduced: averaged over units and samples, summed over units, or over both",
        paper="not stated; Eq. 3 sums over units, which at width 256 takes sigma below zero at the second decoder;"
        " a mean shrinks it slowly, and validation does not tell them apart",
    )
    negative: Literal["clip", "absolute", "keep"] = setting(
        "clip",
        "a sigma below zero becomes zero, changes its sign, or is kept and shrinks further",
        paper="not stated; does not arise with the defaults; kept, a summed loss makes sigma grow until it overflows"
        " at 8 layers, and at 3 layers validation does not tell the three apart",
    )

    def first_sigma(self):
        return self.alpha

    def next_sigma(self, sigma, z, y_z, u, decoded):
        pair = {"noise": (u, z), "target": (y_z, z), "reconstruction": (decoded, u)}[self.loss]
        difference = pair[0] - pair[1]
        units, n = difference.shape[-2:]
        line = difference.reshape(*difference.shape[:-2], units * n)
        divisor = {"mean": units * n, "units-sum": n, "sum": 1}[self.loss_reduction]
        sigma = sigma - np.vecdot(line, line)[..., None, None] / divisor
        if self.negative == "keep":
            return sigma
        return np.abs(sigma) if self.negative == "absolute" else np.maximum(sigma, 0)
