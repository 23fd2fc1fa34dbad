"""Read a user's data set from one ``.npz`` file of NumPy arrays."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from lrarun.errors import DataError

KEYS = ("train_images", "train_labels", "test_images", "test_labels")
MOST_CLASSES = 256
HOW = f"numpy.savez(FILE, {', '.join(f'{key}=...' for key in KEYS)})"


class Header(NamedTuple):
    """The shape and type in an array's header."""

    shape: tuple[int, ...]
    dtype: np.dtype


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of :data:`KEYS`, from their headers alone.

    Raises:
        DataError: the file cannot be read, lacks an array, or has one of another type or shape.
    """
    with _sound(path), zipfile.ZipFile(path) as archive:
        missing = [key for key in KEYS if f"{key}.npy" not in archive.namelist()]
        if missing:
            raise DataError(f"{path}: no array {missing[0]!r}; a data set needs {', '.join(KEYS)}")
        headers = {key: _header(archive, key) for key in KEYS}
    for key, header in headers.items():
        (_check_images if key.endswith("images") else _check_labels)(path, key, header)
    return {key: header.shape for key, header in headers.items()}


def read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """Return the four arrays of :data:`KEYS`, and the SHA-256 of their content.

    Images have the shape ``(n, ...)`` and stay as they are: unsigned bytes or finite floats.
    Labels have the shape ``(n,)``, are whole numbers from 0 to 255, and become unsigned bytes.

    Raises:
        DataError: as :func:`shapes`, or an array's values are out of range.
    """
    shapes(path)
    with _sound(path), np.load(path, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in KEYS}
    for key in KEYS:
        arrays[key] = (_images if key.endswith("images") else _labels)(path, key, arrays[key])
    return arrays, _fingerprint(arrays)


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Turn failures to read the file in this block into a DataError that says how to write a good one."""
    try:
        _check_archive(path)
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged: {error}. Write it again with {HOW}") from error


def _check_archive(path: Path) -> None:
    """Raise a DataError if the file is not an archive at all."""
    with open(path, "rb") as file:
        start = file.read(len(npy.MAGIC_PREFIX))
    if not zipfile.is_zipfile(path):
        single = ": it is a single array, as numpy.save writes" if start == npy.MAGIC_PREFIX else ", or cut short"
        raise DataError(f"{path}: not an .npz file{single if start else ': it is empty'}. Write one with {HOW}")


def _header(archive: zipfile.ZipFile, key: str) -> Header:
    with archive.open(f"{key}.npy") as member:
        version = npy.read_magic(member)
        shape, _, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(member)
    return Header(shape, dtype)


def _check_images(path: Path, key: str, header: Header) -> None:
    if len(header.shape) < 2 or 0 in header.shape:
        raise DataError(f"{path}: {key} has the shape {header.shape}, expected (images, pixels)")
    if header.dtype != np.uint8 and header.dtype.kind != "f":
        raise DataError(f"{path}: {key} is of type {header.dtype}, expected unsigned bytes or floats")


def _check_labels(path: Path, key: str, header: Header) -> None:
    if len(header.shape) != 1 or header.dtype.kind not in "iu":
        raise DataError(f"{path}: {key} is {header.dtype}{header.shape}, expected whole numbers (images,)")


def _images(path: Path, key: str, images: np.ndarray) -> np.ndarray:
    if images.dtype != np.uint8 and not np.isfinite(images).all():
        place = np.argwhere(~np.isfinite(images))[0]
        raise DataError(
            f"{path}: {key} holds NaN or infinity, first at {key}[{', '.join(map(str, place))}]: every pixel must be"
            " a finite number"
        )
    return images


def _labels(path: Path, key: str, labels: np.ndarray) -> np.ndarray:
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
