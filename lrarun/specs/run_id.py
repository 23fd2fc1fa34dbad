"""The run id, the name of a run's folder: a readable part, and a digest of all that the numbers depend on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Raise it whenever the engine gives other numbers for the same spec, so that nobody takes old results for new ones.
NUMBERS_VERSION = 1

DIGEST_LENGTH = 10
SLUG_LENGTH = 24
SHAPE_LENGTH = 15


def run_id_of(resolved: Mapping[str, Any]) -> str:
    """Return the run id that this version of the engine gives to a spec's :meth:`lrarun.specs.spec.Spec.to_dict`."""
    digest = digest_of({"numbers": NUMBERS_VERSION, "spec": resolved})
    names = [_slug(Path(resolved["dataset"]).name), _slug(resolved["algorithm"]["name"])]
    shape = _shape(resolved["depth"], resolved["width"])
    return "-".join([*names, shape, _slug(resolved["optimizer"]["name"]), f"s{resolved['seed']}", digest])


def _shape(depth: int, width: int | list[int]) -> str:
    """Return the hidden layers in a few characters: ``3x256``, ``500-300``, or ``5x100-300`` for many of 100 to 300."""
    if isinstance(width, int):
        return f"{depth}x{width}"
    each = "-".join(map(str, width))
    return each if len(each) <= SHAPE_LENGTH else f"{depth}x{min(width)}-{max(width)}"


def digest_of(content: Mapping[str, Any]) -> str:
    """Return a short digest of plain values, whatever the order of their keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_LENGTH]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower())[:SLUG_LENGTH].strip("-.") or "data"
