"""What a learning rule owes to the training loop, looked at once, on a run's first mini-batch.

A rule that leaves a gradient unwritten, or changes the parameters by itself, would train
all the same and give numbers that mean something else. The look changes no number.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lrarun.algorithms.base import Algorithm
from lrarun.algorithms.registry import BadRule
from lrarun.nn.arrays import Array, Params

# Bits of a NaN that no arithmetic makes: what is computed, even of a network that diverges, is another NaN, while
# what a rule makes of these by adding to them keeps their bits.
UNWRITTEN = {4: 0x7FC5EED5, 8: 0x7FF85EED5EED5EED}
SHOWN = 4  # arrays that a message names


class FirstStep:
    """A step that is watched.

    Args:
        rule: whose step it is.
        params: what the step is to leave alone.
        grads: what it is to overwrite; filled with NaN here.
    """

    def __init__(self, rule: Algorithm, params: Params, grads: Params):
        self.rule = rule
        self._params = [(family, l, a, a.copy()) for family, layers in params.items() for l, a in layers.items()]
        self._grads = [(family, l, g) for family, layers in grads.items() for l, g in layers.items()]
        for _, _, g in self._grads:
            _bits(g).fill(UNWRITTEN[g.itemsize])

    def check(self, params: Params) -> None:
        """Looks at what the step has done.

        Raises:
            BadRule: it changed an array in ``params``, or did not write every entry of ``grads``.
        """
        changed = [
            (family, l)
            for family, l, a, before in self._params
            if params.get(family, {}).get(l) is not a or (_bits(a) != _bits(before)).any()
        ]
        if changed:
            raise BadRule(
                f"{step_of(self.rule)} changes {_arrays('params', changed)}: it must leave params alone and"
                " write into grads what the optimizer is to subtract"
            )
        left = [(family, l) for family, l, g in self._grads if (_bits(g) == UNWRITTEN[g.itemsize]).any()]
        if left:
            raise BadRule(
                f"{step_of(self.rule)} does not write every entry of {_arrays('grads', left)}: what stood"
                " there before counts for nothing, so overwrite it in place: grads[family][l][...] = ..."
            )


def loss_of(rule: Algorithm, record: Any) -> float:
    """The mini-batch's loss in what a step has returned.

    Raises:
        BadRule: there is none.
    """
    try:
        return float(record["nll"])
    except (TypeError, KeyError, IndexError, ValueError):
        raise BadRule(
            f"{step_of(rule)} must return {{'nll': ...}}, the mini-batch's loss as one number, not {_returned(record)}"
        ) from None


def step_of(rule: Algorithm) -> str:
    """A rule's step as messages call it, with the place where it is defined."""
    code = getattr(inspect.unwrap(type(rule).step), "__code__", None)
    place = f" ({Path(code.co_filename).name}, line {code.co_firstlineno})" if code else ""
    return f"step of {rule.name}{place}"


def _bits(a: Array) -> Array:
    return a.view(f"u{a.itemsize}")


def _arrays(tree: str, found: list[tuple[str, int]]) -> str:
    names = [f"{tree}[{family!r}][{l}]" for family, l in found]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _returned(record: Any) -> str:
    if not isinstance(record, Mapping):
        return "None" if record is None else f"a {type(record).__name__}"
    if "nll" in record:
        return f"with 'nll' as {type(record['nll']).__name__} of shape {np.shape(record['nll'])}"
    return "{" + ", ".join(f"{name!r}: ..." for name in record) + "}"
