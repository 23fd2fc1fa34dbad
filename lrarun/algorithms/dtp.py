"""Difference target propagation with fixed noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from lrarun.algorithms.difference_targets import TOP_TARGET_HELP, DifferenceTargets
from lrarun.settings import setting


@dataclass(frozen=True, kw_only=True)
class DTP(DifferenceTargets):
    """Difference target propagation with one standard deviation of noise for all decoders (Lee et al. 2015)."""

    name: ClassVar[str] = "dtp"
    title: ClassVar[str] = "DTP"

    alpha: float = setting(
        0.327,
        "step from the output towards the label that makes the first target",
        ge=0,
        paper="'the same settings' as Lee et al. (2015), who took 0.3277 on the mini-batch mean of the loss; here it"
        " multiplies each sample's own z^L - y, and DTP breaks down with depth",
    )
    top_target: Literal["output", "hidden"] = setting(
        "output",
        TOP_TARGET_HELP,
        paper="'differentiating the output loss with respect to z^L'; DTP breaks down with depth only so;"
        " with the last hidden layer, as in Lee et al. (2015), it does not",
    )
    sigma: float = setting(
        0.36,
        "standard deviation of the decoders' noise, sigma_l for every l",
        ge=0,
        paper="'fixed', with 'the same settings' as Lee et al. (2015), who took 0.3598",
    )

    def first_sigma(self):
        return self.sigma

    def next_sigma(self, sigma, z, y_z, u, decoded):
        return sigma
