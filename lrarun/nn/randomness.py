"""Random streams derived from a run's seed by name.

Each use of randomness has its own stream (``split``, ``weights``, ``order``, ``noise``), so
that a change in what one stream draws does not change the others.
"""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """Return the generator of a named stream.

    Args:
        seed: the run's seed, 0 or more.
        name: what the stream is for. Equal names give equal streams.
        index: further numbers, for example the epoch.

    The generator is SFC64: it draws normal deviates, which dominate the cost of noisy
    rules, faster than NumPy's default PCG64 (docs/performance.md).
    """
    # A spawn key: entropy is padded with zeros, so that index 0 in it would give the same stream as no index.
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()), *index))
    return np.random.Generator(np.random.SFC64(sequence))
