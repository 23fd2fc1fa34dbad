"""Store and load a training's state as one ``.npz`` file: arrays by their path, the rest as JSON."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from lrarun.errors import LrarunError
from lrarun.files import atomic

MISSING = "its checkpoint is missing"
PROGRESS = "progress"


class Unreadable(LrarunError):
    """A checkpoint is damaged, so that no run can resume from it."""

    def __init__(self, why: str):
        super().__init__(f"its checkpoint cannot be read ({why})")


def _flatten(tree: Any, path: str = "") -> dict[str, np.ndarray]:
    if not isinstance(tree, dict):
        return {path: tree}
    flat: dict[str, np.ndarray] = {}
    for key, branch in tree.items():
        flat |= _flatten(branch, f"{path}/{key}" if path else str(key))
    return flat


def _nest(flat: dict[str, np.ndarray]) -> dict[str, Any]:
    tree: dict[Any, Any] = {}
    for path, array in flat.items():
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = array
    return tree


def save(path: Path, state: dict[str, Any]) -> None:
    """Store a state, as :meth:`lrarun.engine.training.Training.state` returns it, atomically."""
    arrays = _flatten({part: tree for part, tree in state.items() if part != PROGRESS})
    arrays[PROGRESS] = np.frombuffer(json.dumps(state[PROGRESS]).encode(), np.uint8)
    with atomic(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def load(path: Path) -> dict[str, Any] | None:
    """Return the state in a file, or None if there is no file.

    Raises:
        Unreadable: the file is damaged, by the archive's checksums.
    """
    with _reading(path) as archive:
        if archive is None:
            return None
        flat = {name: archive[name] for name in archive.files}
        progress = json.loads(flat.pop(PROGRESS).tobytes())
    return _nest(flat) | {PROGRESS: progress}


def epoch(path: Path) -> int | None:
    """Return the epochs done in a file's state, or None if there is no file. Reads only a small part of it.

    Raises:
        Unreadable: that part, or the archive's directory, is damaged.
    """
    with _reading(path) as archive:
        return None if archive is None else int(json.loads(archive[PROGRESS].tobytes())["epoch"])


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    """Open an archive, None if there is no file; turn every error of reading it into ``Unreadable``."""
    try:
        if path.exists() and not zipfile.is_zipfile(path):
            raise Unreadable("it is cut short or overwritten")
        with np.load(path, allow_pickle=False) if path.exists() else nullcontext() as archive:
            yield archive
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    # RuntimeError: a flipped bit can turn on encryption, or name an unknown compression method.
    except (ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise Unreadable(str(error)) from error
