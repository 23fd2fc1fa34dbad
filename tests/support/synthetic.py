"""Small data sets made on the spot."""

from __future__ import annotations

import hashlib

import numpy as np

from lrarun.data.dataset import Dataset


def synthetic_arrays(samples=650, pixels=64, classes=10, seed=0):
    """Images (samples, pixels) uint8 and labels: noisy copies of one random pattern per class."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 256, (classes, pixels))
    labels = rng.integers(0, classes, samples).astype(np.uint8)
    images = np.clip(patterns[labels] + rng.normal(0, 80, (samples, pixels)), 0, 255).astype(np.uint8)
    return images, labels


def synthetic_dataset(samples=650, pixels=64, classes=10, seed=0):
    """A data set with a test part a fifth of the training part's size."""
    test = samples // 5
    images, labels = synthetic_arrays(samples + test, pixels, classes, seed)
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    return Dataset("synthetic", images[:samples], labels[:samples], images[samples:], labels[samples:], classes, digest)
