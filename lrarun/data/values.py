"""Check the values of a data set of one's own, before any run trains on it.

Loading has checked already that each file is sound by itself. Here the parts are held against each other, against the
dtype that they are trained in, and against what rules expect.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from lrarun.data.dataset import Dataset
from lrarun.errors import DataError

LOG = logging.getLogger(__name__)

PARTS = ("train_images", "test_images")
ROUNDING = 1.01  # a maximum just above 1 is rounding
LITTLE_COMMON = 0.25  # of the span of both ranges
SOME_BELOW_ZERO = 0.1  # of a range's width
MOST_NAMED = 5  # labels in a message


class Range(NamedTuple):
    """The smallest and the largest pixel of a part, as a network gets them: bytes divided by 255."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.6g} to {self.high:.6g}"

    @property
    def below_zero(self) -> float:
        """How much of the range is below zero, from 0 to 1."""
        if self.low >= 0:
            return 0.0
        return 1.0 if self.high <= 0 else -self.low / (self.high - self.low)


def check_dtype(name: str, dataset: Dataset, dtype: DTypeLike) -> None:
    """Refuse images that are not finite in the dtype that a run trains in.

    Args:
        name: what the message calls the data set.

    Raises:
        DataError: it names the part, and the first such value with its place in the array.
    """
    dtype = np.dtype(dtype)
    for part in PARTS:
        images = getattr(dataset, part)
        if not len(images):
            continue  # loaded without its test samples
        if images.dtype.kind != "f" or images.dtype.itemsize <= dtype.itemsize:
            continue  # finite as it is stored, so finite in a dtype with as many bits
        with np.errstate(over="ignore"):
            if np.isfinite([extreme.astype(dtype) for extreme in (images.min(), images.max())]).all():
                continue
            place = _first_not_finite(images, dtype)
        remedy = " or train in float64" if dtype == np.float32 and np.isfinite(images[place].astype(np.float64)) else ""
        raise DataError(
            f"{name}: {part}[{place[0]}, {place[1]}] is {images[place]:.6g}, which is not finite in {dtype},"
            f" the run's dtype: scale the images{remedy}"
        )


def _first_not_finite(images: np.ndarray, dtype: np.dtype) -> tuple[int, int]:
    """Return the place of the first value that is not finite in a dtype; there must be one."""
    bad = (np.flatnonzero(~np.isfinite(image.astype(dtype))) for image in images)  # image by image: needs no memory
    return next((row, int(places[0])) for row, places in enumerate(bad) if len(places))


def warn_of_values(name: str, dataset: Dataset) -> None:
    """Warn of what can be trained on, but is likely a mistake: odd ranges of pixels, labels with a gap.

    Args:
        name: what the messages call the data set.
    """
    train, *test = (_range_of(images) for part in PARTS if len(images := getattr(dataset, part)))
    if not test or not _warn_of_difference(name, train, test[0]):
        _warn_of_range(name, dataset.train_images.dtype, train)
    _warn_of_gaps(name, dataset)


def _range_of(images: np.ndarray) -> Range:
    scale = 255 if images.dtype == np.uint8 else 1
    return Range(float(images.min()) / scale, float(images.max()) / scale)


def _warn_of_difference(name: str, train: Range, test: Range) -> bool:
    """Warn of parts that have been scaled differently, and return whether they seem so."""
    span = max(train.high, test.high) - min(train.low, test.low)
    common = min(train.high, test.high) - max(train.low, test.low)
    signs = sorted((train.below_zero, test.below_zero))
    if span == 0 or (common >= LITTLE_COMMON * span and (signs[0] > 0 or signs[1] < SOME_BELOW_ZERO)):
        return False
    LOG.warning(
        "lrarun: %s: train_images go from %s, but test_images from %s (bytes are divided by 255): scale both alike",
        name,
        train,
        test,
    )
    return True


def _warn_of_range(name: str, dtype: np.dtype, pixels: Range) -> None:
    if pixels.low == pixels.high:
        LOG.warning("lrarun: %s: every pixel of every image is %.6g: there is nothing to learn", name, pixels.low)
    elif dtype == np.uint8 and pixels.high <= ROUNDING / 255:
        LOG.warning(
            "lrarun: %s: the images are bytes of 0 and 1, and bytes are divided by 255. Rules expect 0 to 1:"
            " multiply by 255, or store floats, which are used as they are",
            name,
        )
    elif dtype.kind == "f" and pixels.low >= 0 and pixels.high > ROUNDING:  # below 0 they are standardised
        LOG.warning(
            "lrarun: %s: the images are floats from %s, and floats are used as they are. Rules expect"
            " 0 to 1: divide by %.6g, or store unsigned bytes, which lrarun divides by 255",
            name,
            pixels,
            pixels.high,
        )


def _warn_of_gaps(name: str, dataset: Dataset) -> None:
    absent = np.flatnonzero(np.bincount(dataset.train_labels, minlength=dataset.classes) == 0)
    if not len(absent):
        return
    shown = ", ".join(map(str, absent[:MOST_NAMED])) + (", ..." if len(absent) > MOST_NAMED else "")
    LOG.warning(
        "lrarun: %s: the labels go up to %d, so the network has %d outputs, but no image has the label %s:"
        " number the classes from 0 without a gap",
        name,
        dataset.classes - 1,
        dataset.classes,
        shown,
    )
