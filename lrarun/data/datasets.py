"""Data sets: found or fetched, verified, memory-mapped, split, and cut into columns.

A published data set (:mod:`lrarun.data.published`) goes by its name. Any other is the path
of a folder with the four IDX files under their usual names, or of a ``.npz`` file.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import DTypeLike

from lrarun.data import download, idx, locate, npz
from lrarun.data.locate import Files
from lrarun.data.published import FILES, PUBLISHED, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, Published
from lrarun.data.sources import Progress
from lrarun.errors import DataError, UsageError
from lrarun.nn.randomness import stream
from lrarun.settings import UnknownName

LOG = logging.getLogger(__name__)
T = TypeVar("T")
# What messages call each part of a data set, by the IDX file that holds it.
IDX_NAMES = {file: file for file in FILES}
NPZ_NAMES = dict(zip(FILES, npz.KEYS))


@dataclass(frozen=True)
class Dataset:
    """Images as rows of pixels, and their labels.

    Attributes:
        name: a published name, or the user's folder's or file's own name.
        train_images, test_images: ``(n, pixels)``; unsigned bytes, or floats to be used as they are.
        train_labels, test_labels: ``(n,)``, unsigned bytes, from 0.
        classes: 1 + the largest training label.
        fingerprint: SHA-256 over the content, in hexadecimal.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: int
    fingerprint: str


def load(name: str, data_dir: str | Path | None = None, progress: Progress | None = None) -> Dataset:
    """A data set by name or by path, fetched if it is a published one that is not here.

    Raw files are memory-mapped where they are; compressed ones are unpacked into the
    cache, so that all processes share one copy in memory.

    Args:
        name: ``mnist``, ``fashion-mnist``, or the path of a folder or ``.npz`` file.
        data_dir: where to look first, and where to put downloads; by default LRARUN_DATA_DIR, if set.
        progress: told of downloads.

    Raises:
        DataError: there is no such data set, or its files are damaged.
        FetchError: it could not be downloaded.
    """
    if name in PUBLISHED:
        files = _obtain(PUBLISHED[name], data_dir, progress)
        return _from_idx(name, files[TRAIN_IMAGES][0].parent, files)
    path = _own(name)
    if path.is_dir():
        return _from_idx(path.resolve().name, path, locate.own(path))
    return _from_npz(path)


def load_to_train(name: str, data_dir: str | Path | None = None, progress: Progress | None = None) -> Dataset:
    """As :func:`load`, with a warning if the images look like bytes that were stored as floats and not scaled.

    Raises:
        DataError, FetchError: as :func:`load`.
    """
    dataset = load(name, data_dir, progress)
    images = dataset.train_images
    # Values below 0 are of someone who has standardised them; a little above 1, of rounding.
    if images.dtype.kind == "f" and images.min() >= 0 and images.max() > 1.01:
        LOG.warning(
            "lrarun: %s: the images are floats from %.6g to %.6g, and floats are used as they are. Rules expect"
            " 0 to 1: divide by %.6g, or store unsigned bytes, which are divided by 255",
            name,
            images.min(),
            images.max(),
            images.max(),
        )
    return dataset


def training_samples(name: str) -> int:
    """How many training images a data set has: of a published one as published, else from its files' headers.

    Raises:
        DataError: as :func:`load`, of what the headers tell.
    """
    if name in PUBLISHED:
        return PUBLISHED[name].shapes[TRAIN_IMAGES][0]
    path = _own(name)
    if path.is_dir():
        shapes = locate.own_shapes(path)
        _check_shapes(path, shapes)
    else:
        shapes = _by_file(npz.shapes(path))
        _check_shapes(path, shapes, NPZ_NAMES)
    return shapes[TRAIN_IMAGES][0]


def fetch(name: str, data_dir: str | Path | None = None, progress: Progress | None = None) -> Path:
    """The folder of a published data set's images, verified; as :func:`load`, without loading.

    Raises:
        DataError: there is no published data set of that name, or its files are damaged.
        FetchError: it could not be downloaded.
    """
    return _obtain(_published(name), data_dir, progress)[TRAIN_IMAGES][0].parent


def where(name: str, data_dir: str | Path | None = None) -> Path | None:
    """The folder where a published data set is on this machine, verified, or None. Downloads nothing.

    Raises:
        DataError: there is no published data set of that name, or what is in the folder named is not sound.
    """
    files = locate.find(_published(name), locate.named_folder(data_dir))
    return files[TRAIN_IMAGES][0].parent if files else None


def split(n: int, validation: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the validation samples, shapes ``(n - validation,)`` and ``(validation,)``.

    Each is in ascending order. The validation samples are the first of a permutation
    drawn from the seed's ``split`` stream: a larger validation set contains the smaller one.

    Raises:
        UsageError: ``validation`` leaves nothing to train on, or is negative.
    """
    if not 0 <= validation < n:
        raise UsageError(f"validation: {validation} samples cannot be held out of {n}; give 0 to {n - 1}")
    order = stream(seed, "split").permutation(n)
    return np.sort(order[validation:]), np.sort(order[:validation])


def columns(
    images: np.ndarray, index: np.ndarray | slice, dtype: DTypeLike, out: np.ndarray | None = None
) -> np.ndarray:
    """Chosen images as the columns of a matrix, bytes divided by 255.

    Args:
        images: ``(count, pixels)``.
        index: which; n of them.
        out: a buffer ``(n or more, pixels)`` of ``dtype`` to write into, for a loop that should not
            allocate; the result is then a view of it.

    Returns:
        ``(pixels, n)``, a transposed view of rows: BLAS reads it as fast.
    """
    rows = images[index]
    target = np.empty(rows.shape, dtype) if out is None else out[: len(rows)]
    if rows.dtype == np.uint8:
        np.divide(rows, 255, out=target, dtype=target.dtype)
    else:
        target[...] = rows
    return target.T


def one_hot(labels: np.ndarray, classes: int, dtype: DTypeLike) -> np.ndarray:
    """Labels ``(n,)`` as unit columns, ``(classes, n)``."""
    hot = np.zeros((classes, len(labels)), dtype)
    hot[labels, np.arange(len(labels))] = 1
    return hot


def _own(name: str) -> Path:
    """Where a data set of the user's own is: a folder, or an .npz file."""
    path = Path(os.path.expanduser(name))  # of a user who is not here it leaves the ~, which Path's refuses
    if path.is_dir() or (path.suffix == ".npz" and path.exists()):
        return path
    if path.exists():
        raise DataError(f"{path}: no data set, which is a folder with IDX files or an .npz file")
    if len(path.parts) > 1 or path.suffix == ".npz":
        raise DataError(f"{path}: no such folder or file; a data set's path counts from the working folder")
    unknown = UnknownName("data set", name, PUBLISHED)
    raise DataError(f"{unknown} (and there is no folder of that name)")


def _by_file(arrays: Mapping[str, T]) -> dict[str, T]:
    """What an .npz file has by key, by the IDX file that holds the same."""
    return {file: arrays[key] for file, key in zip(FILES, npz.KEYS)}


def _published(name: str) -> Published:
    if name not in PUBLISHED:
        raise DataError(str(UnknownName("data set", name, PUBLISHED)))
    return PUBLISHED[name]


def _obtain(dataset: Published, data_dir: str | Path | None, progress: Progress | None) -> Files:
    """A published data set's files, downloaded if they are not here."""
    named = locate.named_folder(data_dir)
    files = locate.find(dataset, named)
    if files is None:
        target = (named or locate.cache_folder()) / dataset.name
        download.download(dataset, target, progress)
        files = locate.verified(dataset, target)
    return files


def _from_idx(name: str, source: Path, files: Files) -> Dataset:
    _check_shapes(source, {file: contents.shape for file, (_, contents) in files.items()})
    digests = "".join(contents.digest for _, contents in files.values())
    arrays = {file: idx.memory_map(path, contents.shape) for file, (path, contents) in files.items()}
    return _dataset(name, source, arrays, hashlib.sha256(digests.encode()).hexdigest())


def _from_npz(path: Path) -> Dataset:
    arrays, fingerprint = npz.read(path)
    by_file = _by_file(arrays)
    _check_shapes(path, {file: array.shape for file, array in by_file.items()}, NPZ_NAMES)
    flat = {file: array.reshape(len(array), -1) if array.ndim > 2 else array for file, array in by_file.items()}
    return _dataset(path.stem, path, flat, fingerprint)


def _dataset(name: str, source: Path, arrays: Mapping[str, np.ndarray], fingerprint: str) -> Dataset:
    return Dataset(
        name=name,
        train_images=arrays[TRAIN_IMAGES],
        train_labels=arrays[TRAIN_LABELS],
        test_images=arrays[TEST_IMAGES],
        test_labels=arrays[TEST_LABELS],
        classes=_classes(source, arrays[TRAIN_LABELS], arrays[TEST_LABELS]),
        fingerprint=fingerprint,
    )


def _check_shapes(source: Path, shapes: Mapping[str, tuple[int, ...]], names: Mapping[str, str] = IDX_NAMES) -> None:
    """Raises a DataError, which calls the files by those names, unless images have one label each, and all one size."""
    for images, labels in ((TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)):
        if shapes[images][0] != shapes[labels][0]:
            raise DataError(
                f"{source}: {shapes[images][0]} images in {names[images]} "
                f"but {shapes[labels][0]} labels in {names[labels]}; there must be one each"
            )
    train, test = (shapes[file][1:] for file in (TRAIN_IMAGES, TEST_IMAGES))
    if train != test:
        raise DataError(
            f"{source}: images in {names[TRAIN_IMAGES]} have the shape {train}, "
            f"those in {names[TEST_IMAGES]} {test}; it must be the same"
        )


def _classes(source: Path, train_labels: np.ndarray, test_labels: np.ndarray) -> int:
    classes = int(train_labels.max()) + 1
    if classes < 2:
        raise DataError(f"{source}: the training labels name one class only; there must be two or more")
    if test_labels.max() >= classes:
        raise DataError(
            f"{source}: a test label is {test_labels.max()}, but the training labels end at "
            f"{classes - 1}; no class may be in the test set alone"
        )
    return classes
