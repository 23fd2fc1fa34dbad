"""A data set for timing: the size of MNIST, its share of dark pixels, and no file."""

from __future__ import annotations

import functools

import numpy as np

from lrarun.data.dataset import Dataset

SIDE, MARGIN, CLASSES = 28, 4, 10
MISLABELLED = 0.05


@functools.cache
def synthetic(train: int = 60_000, test: int = 10_000, seed: int = 0) -> Dataset:
    """Noisy patterns, one per class, within a dark margin; some four fifths of the pixels are dark.

    How many are dark matters: optimizers keep running means of gradients that are zero
    there, or fade towards the smallest numbers where a pixel is seldom lit. A few samples
    have a wrong label, so that errors stay as large as they are on real images.
    """
    rng = np.random.default_rng(seed)
    lit = np.zeros((CLASSES, SIDE, SIDE), bool)
    inner = SIDE - 2 * MARGIN
    lit[:, MARGIN:-MARGIN, MARGIN:-MARGIN] = rng.random((CLASSES, inner, inner)) < 0.6
    patterns = (255 * lit.reshape(CLASSES, -1)).astype(np.uint8)
    labels = rng.integers(CLASSES, size=train + test).astype(np.uint8)
    images = rng.integers(0, 256, (train + test, SIDE * SIDE), np.uint8)
    images[images < 90] = 0
    images &= patterns[labels]
    wrong = rng.random(len(labels)) < MISLABELLED
    labels[wrong] = rng.integers(CLASSES, size=wrong.sum())
    return Dataset(
        "synthetic", images[:train], labels[:train], images[train:], labels[train:], CLASSES, f"synthetic {seed}"
    )
