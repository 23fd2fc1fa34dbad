"""Random streams derived from a run's seed by name.

Each use of randomness has a stream of its own (``split``, ``weights``, ``order``,
``noise``), so that changing what one of them draws leaves the others alone.
"""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """The generator of one named stream.

    Args:
        seed: the run's seed, 0 or more.
        name: what the stream is for; equal names give equal streams.
        index: further numbers, for example the epoch.

    SFC64 is used because normal deviates dominate the cost of noisy rules, and it
    draws them faster than NumPy's default PCG64 (docs/performance.md).
    """
    # A spawn key, as entropy alone is padded with zeros: index 0 would give the stream that has no index.
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()), *index))
    return np.random.Generator(np.random.SFC64(sequence))
