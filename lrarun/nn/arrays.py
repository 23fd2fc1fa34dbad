"""The types of an array and of a network's parameters."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
# By family (``"W"``, ``"c"``, ...) and layer, numbered as in the paper.
Params = dict[str, dict[int, Array]]
