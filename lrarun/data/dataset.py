"""A data set in memory: its arrays, the split into training and validation, and mini-batches as columns.

Reads no file: :mod:`lrarun.data.load` does. This is all that the training loop knows of data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from lrarun.errors import UsageError
from lrarun.nn.randomness import stream


@dataclass(frozen=True)
class Dataset:
    """Images as rows of pixels, and their labels.

    Attributes:
        name: ``mnist``, ``fashion-mnist``, or the name of the user's folder or ``.npz`` file.
        train_images, test_images: shape ``(n, pixels)``. Unsigned bytes, divided by 255 when used;
            floats are used as they are.
        train_labels, test_labels: shape ``(n,)``, unsigned bytes, from 0.
        classes: 1 + the largest training label; two or more of them have training images, and every
            class of the test images has.
        fingerprint: SHA-256 of the content, in hexadecimal.
        path: where a data set of the user's own is, absolute; None for a published one, or one without files.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: int
    fingerprint: str
    path: str | None = None

    def without_test(self) -> Dataset:
        """Return the data set without its test samples: ``test_images`` and ``test_labels`` of shape ``(0, ...)``."""
        pixels = self.train_images.shape[1]
        return replace(self, test_images=np.empty((0, pixels), np.uint8), test_labels=np.empty(0, np.uint8))


def split(n: int, validation: int, seed: int, which: str = "random") -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the training and of the validation samples, each in ascending order.

    If ``which`` is ``random``, the validation samples are the first ``validation`` of a
    permutation drawn from the seed's ``split`` stream. So for one seed, a larger validation set
    contains the smaller ones. If it is ``last``, they are the last ``validation`` samples.

    Returns:
        Shapes ``(n - validation,)`` and ``(validation,)``.

    Raises:
        UsageError: ``validation`` is negative, or leaves nothing to train on.
    """
    if not 0 <= validation < n:
        raise UsageError(f"validation: cannot hold out {validation} of {n} samples; give 0 to {n - 1}")
    if which == "last":
        return np.arange(n - validation), np.arange(n - validation, n)
    order = stream(seed, "split").permutation(n)
    return np.sort(order[validation:]), np.sort(order[:validation])


def columns(
    images: np.ndarray, index: np.ndarray | slice, dtype: DTypeLike, out: np.ndarray | None = None
) -> np.ndarray:
    """Return chosen images as the columns of a matrix; bytes are divided by 255.

    Args:
        images: shape ``(count, pixels)``.
        index: which images; n of them.
        out: a buffer of ``dtype``, shape ``(n or more, pixels)``, to write into, for a loop that
            should not allocate. The result is then a view of it.

    Returns:
        Shape ``(pixels, n)``, a transposed view of rows: BLAS reads it just as fast.
    """
    rows = images[index]
    target = np.empty(rows.shape, dtype) if out is None else out[: len(rows)]
    if rows.dtype == np.uint8:
        np.divide(rows, 255, out=target, dtype=target.dtype)
    else:
        target[...] = rows
    return target.T
