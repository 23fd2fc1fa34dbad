"""Moved to :mod:`lrarun.rules`; kept for plugins that were written before."""

from __future__ import annotations

import warnings

from lrarun.nn.arrays import Array, Params
from lrarun.nn.network import Initialize, depth_of, empty_like, forward, init_forward, predict, write_gradients

__all__ = [
    "Array",
    "Initialize",
    "Params",
    "depth_of",
    "empty_like",
    "forward",
    "init_forward",
    "predict",
    "write_gradients",
]

warnings.warn("lrarun.network has moved: import from lrarun.rules", DeprecationWarning, stacklevel=2)
