"""A user's data set in one ``.npz`` file of NumPy arrays."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path

import numpy as np

from lrarun.errors import DataError

KEYS = ("train_images", "train_labels", "test_images", "test_labels")
MOST_CLASSES = 256


def read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The four arrays of :data:`KEYS`, and the SHA-256 of their content.

    Images are ``(n, ...)`` and stay as they are, unsigned bytes or finite floats; labels
    are ``(n,)``, whole numbers from 0 to 255, and become unsigned bytes.

    Raises:
        DataError: the file cannot be read, lacks an array, or has one of another kind.
    """
    arrays = _arrays(path)
    for key in KEYS:
        arrays[key] = (_images if key.endswith("images") else _labels)(path, key, arrays[key])
    return arrays, _fingerprint(arrays)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [key for key in KEYS if key not in archive]
            if missing:
                raise DataError(f"{path}: no array {missing[0]!r}; a data set needs {', '.join(KEYS)}")
            return {key: archive[key] for key in KEYS}
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: not a sound .npz file of plain arrays ({error})") from error


def _images(path: Path, key: str, images: np.ndarray) -> np.ndarray:
    if images.ndim < 2 or images.size == 0:
        raise DataError(f"{path}: {key} has the shape {images.shape}, expected (images, pixels)")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise DataError(f"{path}: {key} is of type {images.dtype}, expected unsigned bytes or floats")
    if not np.isfinite(images).all():
        raise DataError(f"{path}: {key} holds NaN or infinity")
    return images


def _labels(path: Path, key: str, labels: np.ndarray) -> np.ndarray:
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{path}: {key} is {labels.dtype}{labels.shape}, expected whole numbers (images,)")
    if labels.size and (labels.min() < 0 or labels.max() >= MOST_CLASSES):
        raise DataError(f"{path}: {key} goes from {labels.min()} to {labels.max()}; labels are 0 to 255")
    return labels.astype(np.uint8)


def _fingerprint(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for key in KEYS:
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
