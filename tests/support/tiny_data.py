"""A data set small enough to damage many times over, as bytes, and as a published one."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np

from lrarun.data.published import MNIST, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, Published


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file, written from the format's description."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """12 training and 6 test images of 5 x 4 pixels, in three classes."""
    rng = np.random.default_rng(seed)
    found = {}
    for images, labels, n in ((TRAIN_IMAGES, TRAIN_LABELS, 12), (TEST_IMAGES, TEST_LABELS, 6)):
        found[images] = rng.integers(0, 256, (n, 5, 4), dtype=np.uint8)
        found[labels] = np.arange(n, dtype=np.uint8) % 3
    return found


def contents(seed: int = 0) -> dict[str, bytes]:
    """The four files, uncompressed."""
    return {file: idx_bytes(array) for file, array in arrays(seed).items()}


def write(folder: Path, files: dict[str, bytes], packed: bool = False) -> Path:
    """Puts files into a folder, raw or as ``.gz``."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        if packed:
            (folder / f"{file}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / file).write_bytes(content)
    return folder


def published(**sources) -> Published:
    """The small data set under MNIST's name, to be had from the given sources alone."""
    digests = {file: hashlib.sha256(content).hexdigest() for file, content in contents().items()}
    without = {"mirrors": (), "npm": "", "apt": "", "system": ()}
    return dataclasses.replace(MNIST, digests=digests, **(without | sources))


def listing(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, with its content."""
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            found[str(path.relative_to(folder))] = path.read_bytes() if os.access(path, os.R_OK) else b""
    return found
