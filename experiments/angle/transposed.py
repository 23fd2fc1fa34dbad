"""LRA-E whose error weights start at W's transpose: what Figure 1(a)'s angle would be then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lrarun.algorithms.lra_e import LRAE


@dataclass(frozen=True, kw_only=True)
class Transposed(LRAE):
    """LRA-E from E_l = W_l^T, which gamma = 1 keeps and a smaller gamma lets go of."""

    name: ClassVar[str] = "lra-e-transposed"
    title: ClassVar[str] = "LRA-E from W^T"

    def init(self, sizes, initialize, rng):
        params = super().init(sizes, initialize, rng)
        # E has W's shape, see LRAE.
        params["E"] = {l: params["W"][l].copy() for l in params["E"]}
        return params
