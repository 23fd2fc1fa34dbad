"""Where arrays lie in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

# A cache line, which is also the widest register. NumPy promises 16 bytes; vectors that straddle two
# lines cost a product of 256 x 50 x 256 a tenth, and a pass over weights in the cache a third
# (docs/performance.md).
ALIGNMENT = 64


def aligned_empty(shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray:
    """An uninitialised array that starts at a multiple of 64 bytes, rows one after another."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)
