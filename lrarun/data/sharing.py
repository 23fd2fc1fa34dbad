"""Hand a data set to another process as the files that hold it, not as a copy.

Processes that map the same file share its pages in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lrarun.data.dataset import Dataset


@dataclass(frozen=True)
class MappedArray:
    """Where an array's values are: in a file, from an offset in bytes, row by row."""

    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]

    def open(self) -> np.ndarray:
        """Map the array into memory, read-only."""
        mapped = np.memmap(self.path, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape)
        return np.asarray(mapped)


@dataclass(frozen=True)
class SharedDataset:
    """A :class:`~lrarun.data.dataset.Dataset` with its arrays' places; small to send to another process."""

    values: dict[str, Any]

    def open(self) -> Dataset:
        """Map the data set into memory."""
        values: dict[str, Any] = {
            key: value.open() if isinstance(value, MappedArray) else value for key, value in self.values.items()
        }
        return Dataset(**values)


def share(dataset: Dataset, spool: Path) -> SharedDataset:
    """Return what another process on this machine needs to map a data set.

    Args:
        dataset: memory-mapped or not.
        spool: a folder for copies of arrays that no file holds as they are, such as those of an
            ``.npz`` file. Keep it as long as the shared data set is in use.
    """
    values: dict[str, Any] = {field.name: getattr(dataset, field.name) for field in fields(dataset)}
    for key, value in values.items():
        if isinstance(value, np.ndarray) and value.size:  # nothing can't be mapped
            values[key] = _place_of(value) or _spooled(value, spool / f"{dataset.fingerprint}-{key}")
    return SharedDataset(values)


def _place_of(array: np.ndarray) -> MappedArray | None:
    """Return the file that a memory-mapped array shows all of, or None."""
    mapped = array.base
    if not isinstance(mapped, np.memmap) or mapped.filename is None or mapped.shape != array.shape:
        return None
    return MappedArray(str(mapped.filename), mapped.offset, array.dtype.str, array.shape)


def _spooled(array: np.ndarray, path: Path) -> MappedArray:
    np.ascontiguousarray(array).tofile(path)
    return MappedArray(str(path), 0, array.dtype.str, array.shape)
