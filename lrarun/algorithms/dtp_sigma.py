"""Difference target propagation with adaptive noise (DTP-sigma)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from lrarun.algorithms.difference_targets import TOP_TARGET_HELP, DifferenceTargets
from lrarun.nn.arrays import namespace
from lrarun.settings import setting


@dataclass(frozen=True, kw_only=True)
class DTPSigma(DifferenceTargets):
    """Difference target propagation with noise that shrinks from decoder to decoder (Ororbia and Mali, Eq. 10).

    sigma_T = alpha;  sigma_{l-1} = sigma_l - Loss_l, one number per mini-batch.

    sigma_l belongs to decoder l, whose noise is added to z^{l-1}. The printed equation
    subtracts a loss at the very layer whose noise it defines. Here it is the loss at the
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
        paper="'differentiating the output loss with respect to z^L'; with the last hidden layer, as in Lee et al."
        " (2015), the validation error is lower at 3 and at 8 layers",
    )
    loss: Literal["noise", "target", "reconstruction"] = setting(
        "noise",
        "squared difference that Eq. 10 subtracts: u - z (noise), y_z - z (target), u' - u (reconstruction)",
        paper="the symbols are the target's, the sentence below them speaks of the corrupted and the clean z;"
        " validation error does not tell the three apart, so lrarun follows the sentence",
    )
    loss_reduction: Literal["mean", "units-sum", "sum"] = setting(
        "mean",
        "how Eq. 10's loss is reduced: averaged over units and samples, summed over units, or over both",
        paper="not stated; Eq. 3 sums over units, which at width 256 takes sigma below zero at the second decoder;"
        " a mean shrinks it slowly; validation error does not tell them apart",
    )
    negative: Literal["clip", "absolute", "keep"] = setting(
        "clip",
        "a sigma below zero becomes zero, changes its sign, or is kept and shrinks further",
        paper="not stated; does not arise with the defaults. With keep and a summed loss, sigma grows until it"
        " overflows at 8 layers; at 3 layers, validation error does not tell the three apart",
    )

    def first_sigma(self):
        return self.alpha

    def next_sigma(self, sigma, z, y_z, u, decoded):
        pair = {"noise": (u, z), "target": (y_z, z), "reconstruction": (decoded, u)}[self.loss]
        difference = pair[0] - pair[1]
        units, n = difference.shape[-2:]
        line = difference.reshape(*difference.shape[:-2], units * n)
        divisor = {"mean": units * n, "units-sum": n, "sum": 1}[self.loss_reduction]
        xp = namespace(line)
        sigma = sigma - xp.vecdot(line, line)[..., None, None] / divisor
        if self.negative == "keep":
            return sigma
        return abs(sigma) if self.negative == "absolute" else xp.maximum(sigma, 0)
