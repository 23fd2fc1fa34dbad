"""A training's state as one ``.npz`` file: arrays by their path, the rest as JSON."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lrarun.files import atomic

PROGRESS = "progress"


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
    """Writes a state as :meth:`lrarun.training.Training.state` gives it, atomically."""
    arrays = _flatten({part: tree for part, tree in state.items() if part != PROGRESS})
    arrays[PROGRESS] = np.frombuffer(json.dumps(state[PROGRESS]).encode(), np.uint8)
    with atomic(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def load(path: Path) -> dict[str, Any] | None:
    """The state in a file, or None if there is none or it is damaged (the archive has checksums)."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            flat = {name: archive[name] for name in archive.files}
        progress = json.loads(flat.pop(PROGRESS).tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return _nest(flat) | {PROGRESS: progress}
