"""Load a data set: find its files or download them, verify them, and map them into memory.

A published data set (:mod:`lrarun.data.published`) goes by its name. Any other name is the path
of a folder with the four IDX files under their usual names, or of an ``.npz`` file.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import DTypeLike

from lrarun.data import download, idx, locate, npz, values
from lrarun.data.dataset import Dataset
from lrarun.data.locate import Files
from lrarun.data.progress import Progress
from lrarun.data.published import FILES, PUBLISHED, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, Published
from lrarun.errors import DataError
from lrarun.settings import UnknownName

LOG = logging.getLogger(__name__)
T = TypeVar("T")
# What messages call each part of a data set; the keys are the names of the IDX files.
IDX_NAMES = {file: file for file in FILES}
NPZ_NAMES = dict(zip(FILES, npz.KEYS))


def load(name: str, data_dir: str | Path | None = None, progress: Progress | None = None, test: bool = True) -> Dataset:
    """Load a data set by name or path; download it if it is a published one that this machine lacks.

    Raw files are memory-mapped where they are. Compressed ones are unpacked into the cache
    first. So all processes share one copy in memory.

    Args:
        name: ``mnist``, ``fashion-mnist``, or the path of a folder or ``.npz`` file.
        data_dir: where to look first, and where to put downloads; by default LRARUN_DATA_DIR, if set.
        progress: receives the progress of downloads.
        test: False leaves the test samples out, and looks at nothing of them but their files' digests and headers.

    Raises:
        DataError: there is no such data set or no folder ``data_dir``, or the files are damaged.
        FetchError: the download failed.
    """
    if name in PUBLISHED:
        files = _obtain(PUBLISHED[name], locate.named_folder(data_dir), progress)
        return _from_idx(name, files[TRAIN_IMAGES][0].parent, files, test)
    path = _own(name)
    found = _from_idx(path.resolve().name, path, locate.own(path), test) if path.is_dir() else _from_npz(path, test)
    return replace(found, path=absolute(name))


def absolute(name: str) -> str:
    """Return the absolute path that the name of a data set of the user's own has in the working folder."""
    return os.path.abspath(os.path.expanduser(name))


def load_to_train(
    name: str,
    data_dir: str | Path | None = None,
    progress: Progress | None = None,
    dtypes: Iterable[DTypeLike] = (),
    test: bool = True,
) -> Dataset:
    """Load a data set as :func:`load` does, and check the values of one of the user's own.

    Warns of images and labels that can be trained on but are likely a mistake.

    Args:
        dtypes: those of the runs; the images must be finite in each.
        test: as for :func:`load`.

    Raises:
        DataError, FetchError: as :func:`load`, or an image is not finite in one of the dtypes.
    """
    dataset = load(name, data_dir, progress, test)
    if name not in PUBLISHED:
        for dtype in dtypes:
            values.check_dtype(name, dataset, dtype)
        values.warn_of_values(name, dataset)
    return dataset


def warn_of_namesake(name: str) -> None:
    """Warn of a folder of the user's own that has a published data set's name, which stands for that one everywhere."""
    folder = Path(name)
    if name not in PUBLISHED or not any(idx.file_in(folder, file) for file in FILES):
        return
    digests = PUBLISHED[name].digests
    try:
        if all(locate.inspected(folder, file)[1].digest == digests[file] for file in FILES):
            return
    except DataError:
        pass  # not the published files either
    LOG.warning(
        "lrarun: dataset: %s is the published data set, not the folder %s that is here; write ./%s for that one",
        name,
        name,
        name,
    )


def training_samples(name: str) -> int:
    """Return how many training images a data set has, from the headers of its files alone.

    A published data set needs no files: its size is known.

    Raises:
        DataError: there is no such data set, or a header shows that it is damaged.
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
    """Find or download a published data set, verify it, and return its folder; create ``data_dir`` if need be.

    Raises:
        DataError: there is no published data set of that name, or its files are damaged.
        FetchError: the download failed.
    """
    return _obtain(_published(name), locate.named_folder(data_dir, new=True), progress)[TRAIN_IMAGES][0].parent


def where(name: str, data_dir: str | Path | None = None) -> Path | None:
    """Return the folder of a published data set on this machine, or None. Verify its files; download nothing.

    Raises:
        DataError: there is no published data set of that name, or the files in ``data_dir`` are damaged.
    """
    files = locate.find(_published(name), locate.named_folder(data_dir))
    return files[TRAIN_IMAGES][0].parent if files else None


def _own(name: str) -> Path:
    """Return the folder or the .npz file of a data set of the user's own."""
    path = Path(os.path.expanduser(name))  # keeps "~nobody" as it is, where Path.expanduser raises
    if path.is_dir() or (path.suffix == ".npz" and path.exists()):
        return path
    if path.exists():
        raise DataError(f"{path}: not a data set; a data set is a folder with IDX files, or an .npz file")
    if len(path.parts) > 1 or path.suffix == ".npz":
        raise DataError(f"{path}: no such folder or file; relative paths start at the working folder")
    unknown = UnknownName("data set", name, PUBLISHED)
    raise DataError(f"{unknown} (and no folder has that name)")


def _by_file(arrays: Mapping[str, T]) -> dict[str, T]:
    """Rename the parts of an .npz file to the IDX files that hold the same."""
    return {file: arrays[key] for file, key in zip(FILES, npz.KEYS)}


def _published(name: str) -> Published:
    if name not in PUBLISHED:
        raise DataError(str(UnknownName("data set", name, PUBLISHED)))
    return PUBLISHED[name]


def _obtain(dataset: Published, named: Path | None, progress: Progress | None) -> Files:
    """Return a published data set's files; download them if this machine lacks them, into the named folder if any."""
    files = locate.find(dataset, named)
    if files is None:
        target = (named or locate.cache_folder()) / dataset.name
        download.download(dataset, target, progress)
        files = locate.verified(dataset, target)
    return files


def _from_idx(name: str, source: Path, files: Files, test: bool) -> Dataset:
    _check_shapes(source, {file: contents.shape for file, (_, contents) in files.items()})
    digests = "".join(contents.digest for _, contents in files.values())
    used = {file: found for file, found in files.items() if test or file not in (TEST_IMAGES, TEST_LABELS)}
    arrays = {file: idx.memory_map(path, contents.shape) for file, (path, contents) in used.items()}
    return _dataset(name, source, arrays, hashlib.sha256(digests.encode()).hexdigest())


def _from_npz(path: Path, test: bool) -> Dataset:
    arrays, fingerprint = npz.read(path)
    by_file = _by_file(arrays)
    _check_shapes(path, {file: array.shape for file, array in by_file.items()}, NPZ_NAMES)
    used = {file: array for file, array in by_file.items() if test or file not in (TEST_IMAGES, TEST_LABELS)}
    flat = {file: array.reshape(len(array), -1) if array.ndim > 2 else array for file, array in used.items()}
    return _dataset(path.stem, path, flat, fingerprint)


def _dataset(name: str, source: Path, arrays: Mapping[str, np.ndarray], fingerprint: str) -> Dataset:
    """Return a data set; one without its test samples where ``arrays`` has none."""
    train = arrays[TRAIN_IMAGES]
    return Dataset(
        name=name,
        train_images=train,
        train_labels=arrays[TRAIN_LABELS],
        test_images=arrays.get(TEST_IMAGES, np.empty((0, train.shape[1]), train.dtype)),
        test_labels=(test_labels := arrays.get(TEST_LABELS, np.empty(0, np.uint8))),
        classes=_classes(source, arrays[TRAIN_LABELS], test_labels),
        fingerprint=fingerprint,
    )


def _check_shapes(source: Path, shapes: Mapping[str, tuple[int, ...]], names: Mapping[str, str] = IDX_NAMES) -> None:
    """Raise a DataError unless there is one label per image, and all images have one size.

    Args:
        names: what the message calls each file.
    """
    for images, labels in ((TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)):
        if shapes[images][0] != shapes[labels][0]:
            raise DataError(
                f"{source}: {shapes[images][0]} images in {names[images]} "
                f"but {shapes[labels][0]} labels in {names[labels]}; every image needs one label"
            )
    train, test = (shapes[file][1:] for file in (TRAIN_IMAGES, TEST_IMAGES))
    if train != test:
        raise DataError(
            f"{source}: images in {names[TRAIN_IMAGES]} have the shape {train}, "
            f"images in {names[TEST_IMAGES]} the shape {test}; the shapes must be equal"
        )


def _classes(source: Path, train_labels: np.ndarray, test_labels: np.ndarray) -> int:
    """Return the number of classes, 1 + the largest training label; refuse labels that can't be learned."""
    seen = np.bincount(train_labels) > 0
    if np.count_nonzero(seen) < 2:
        raise DataError(f"{source}: all training labels name one class, {len(seen) - 1}; a data set needs two or more")
    unseen = np.setdiff1d(test_labels, np.flatnonzero(seen))
    if len(unseen):
        raise DataError(
            f"{source}: a test label is {unseen[-1]}, but no training label is; every class must have training images"
        )
    return len(seen)
