"""A synthetic data set for timing, with MNIST's size and share of dark pixels."""

from __future__ import annotations

import functools

import numpy as np

from lrarun.data.dataset import Dataset

SIDE, MARGIN, CLASSES = 28, 4, 10
MISLABELLED = 0.05


@functools.cache
def synthetic(train: int = 60_000, test: int = 10_000, seed: int = 0) -> Dataset:
    """Make noisy patterns, one per class, within a dark margin; about four fifths of the pixels are dark.

    The share of dark pixels matters for timing: there, gradients are zero, and where a pixel
    is seldom lit, their running means decay to the smallest numbers. A few labels are wrong,
    so that errors stay as large as on real images.
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
