"""What tells runs apart, for people: the settings that a run's id shows, and those that it hides in its digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lrarun.results.settings import differing

# The settings that an id shows, in its order -> their headings in tables.
IN_THE_ID = {
    "dataset": "data set",
    "algorithm": "algorithm",
    "depth": "layers",
    "width": "width",
    "optimizer": "optimizer",
    "seed": "seed",
}


def shown_settings(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that the id of a resolved spec's run shows, as texts; a data set of one's own by its name.

    >>> shown_settings({"dataset": "/d/own.npz", "algorithm": {"name": "rfa"}, "depth": 3, "seed": 0})
    {'dataset': 'own.npz', 'algorithm': 'rfa', 'depth': '3', 'seed': '0'}
    """
    values = {key: spec[key] for key in IN_THE_ID if key in spec}
    texts = {key: str(value["name"] if isinstance(value, Mapping) else value) for key, value in values.items()}
    return texts | ({"dataset": Path(texts["dataset"]).name} if "dataset" in texts else {})


def in_common(settings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the settings that are the same in all of some runs."""
    apart = differing(settings)
    return {key: value for key, value in settings[0].items() if key not in apart} if settings else {}


def in_words(settings: Mapping[str, str]) -> str:
    """Return settings that an id shows as a reader says them: ``mnist, lra-e, 3 layers, width 256, sgd, seed 0``."""
    return ", ".join(_word(key, value) for key, value in settings.items())


def _word(key: str, value: str) -> str:
    if key == "depth":
        return f"{value} layer{'s' * (value != '1')}"
    return f"{key} {value}" if key in ("width", "seed") else value
