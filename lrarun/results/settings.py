"""The settings of resolved specs as flat mappings, and what differs between several of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys; lists stay as they are.

    >>> flatten({"algorithm": {"name": "lra-e", "beta": 0.1}, "seed": 3})
    {'algorithm.name': 'lra-e', 'algorithm.beta': 0.1, 'seed': 3}
    """
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            for inner, part in flatten(value).items():
                flat[f"{key}.{inner}"] = part
        else:
            flat[key] = value
    return flat


def by_sweep_key(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved spec's settings by the keys that a sweep uses; the spec's own lists become words.

    >>> by_sweep_key({"depth": 3, "algorithm": {"name": "lra-e", "beta": 0.1}, "probes": [{"name": "angle"}]})
    {'depth': 3, 'algorithm': 'lra-e', 'algorithm.beta': 0.1, 'probes': 'angle'}
    """
    words = {key: " ".join(map(_word, value)) if isinstance(value, list) else value for key, value in spec.items()}
    return {key.removesuffix(".name"): value for key, value in flatten(words).items()}


def _word(entry: Any) -> str:
    """Return one entry of a list as a word: ``angle`` or ``angle(every=2)``."""
    if not isinstance(entry, Mapping):
        return str(entry)
    rest = ",".join(f"{name}={value}" for name, value in entry.items() if name != "name")
    return f"{entry.get('name')}({rest})" if rest else str(entry.get("name"))


def differing(flats: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys whose values are not the same in all the mappings, in the order in which they first appear.

    A key that a mapping lacks counts as None there.

    >>> differing([{"depth": 3, "beta": 0.1, "seed": 0}, {"depth": 3, "beta": 0.2, "gamma": 1.0, "seed": 0}])
    ['beta', 'gamma']
    """
    keys = dict.fromkeys(key for flat in flats for key in flat)
    return [key for key in keys if any(flat.get(key) != flats[0].get(key) for flat in flats)]
