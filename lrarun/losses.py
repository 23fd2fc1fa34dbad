"""Moved to :mod:`lrarun.rules`; kept for plugins that were written before."""

from __future__ import annotations

import warnings

from lrarun.nn.losses import CAUCHY, GAUSSIAN, LOCAL_LOSSES, LocalLoss, nll

__all__ = ["CAUCHY", "GAUSSIAN", "LOCAL_LOSSES", "LocalLoss", "nll"]

warnings.warn("lrarun.losses has moved: import from lrarun.rules", DeprecationWarning, stacklevel=2)
