"""Learning rates: one for all weights, one per layer, or one per family of parameters."""

from __future__ import annotations

from typing import Any

from lrarun.nn.memory import Layers, in_pieces
from lrarun.settings import FrozenDict

# One number; one per layer, the first hidden layer's first; or by family.
Rate = float | tuple[float, ...] | dict[str, float]

# Families of biases -> the weights whose learning rate they take where a mapping does not name them.
BIASES = {"c": "W", "b": "V"}


def rate_of(rate: Rate, family: str, l: int) -> float:
    """Return the learning rate of one array.

    Args:
        rate: as in a spec.
        family: of the array, such as ``W``.
        l: its layer. A decoder V_l has the rate of layer l.

    Raises:
        KeyError: a mapping names neither the family nor the weights that its biases go with.
    """
    if isinstance(rate, tuple):
        return rate[l - 1]
    if isinstance(rate, dict):
        return rate[family] if family in rate else rate[BIASES[family]]
    return rate


def scaled(rate: Rate, factor: float) -> Rate:
    """Return a learning rate of the same form, times a factor."""
    if isinstance(rate, tuple):
        return tuple(one * factor for one in rate)
    if isinstance(rate, dict):
        return FrozenDict({family: one * factor for family, one in rate.items()})
    return rate * factor


def rated_pieces(rate: Rate, *trees: Layers) -> list[tuple[Any, ...]]:
    """Return :func:`lrarun.nn.memory.in_pieces` of the trees, each piece after its learning rate.

    With more than one rate, every array is a piece of its own.
    """
    if not isinstance(rate, (tuple, dict)):
        return [(rate, *piece) for piece in in_pieces(*trees)]
    places = [(family, l) for family, members in trees[0].items() for l in members]
    return [(rate_of(rate, family, l), *(tree[family][l] for tree in trees)) for family, l in places]
