"""What a learning rule owes to the training loop, checked on a run's first mini-batch.

``step`` must write every entry of ``grads``, leave ``params`` alone, and return the loss. A
rule that does not would still train, but its numbers would mean something else. The check
changes no number.
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

# By bytes per number: a NaN that no arithmetic produces. A network that diverges computes other NaNs; adding to this
# one keeps its bits.
UNWRITTEN = {4: 0x7FC5EED5, 8: 0x7FF85EED5EED5EED}
MOST_NAMED = 4  # arrays in a message


class FirstStep:
    """The check of a run's first step: make one before the step, and call :meth:`check` after it.

    Args:
        rule: the learning rule.
        params: what the step must not change; copied.
        grads: what the step must overwrite; filled with NaN.
    """

    def __init__(self, rule: Algorithm, params: Params, grads: Params):
        self.rule = rule
        self._params = [(family, l, a, a.copy()) for family, layers in params.items() for l, a in layers.items()]
        self._grads = [(family, l, g) for family, layers in grads.items() for l, g in layers.items()]
        for _, _, g in self._grads:
            _bits(g).fill(UNWRITTEN[g.itemsize])

    def check(self, params: Params) -> None:
        """Check what the step has done.

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
                " write what the optimizer subtracts into grads"
            )
        left = [(family, l) for family, l, g in self._grads if (_bits(g) == UNWRITTEN[g.itemsize]).any()]
        if left:
            raise BadRule(
                f"{step_of(self.rule)} does not write every entry of {_arrays('grads', left)}: overwrite all"
                " of it in place, whatever it held before: grads[family][l][...] = ..."
            )


def loss_of(rule: Algorithm, record: Any) -> float:
    """Return the mini-batch's loss from what a step returned.

    Raises:
        BadRule: the step did not return a loss.
    """
    try:
        return float(record["nll"])
    except (TypeError, KeyError, IndexError, ValueError):
        raise BadRule(
            f"{step_of(rule)} must return {{'nll': ...}}, the mini-batch's loss as one number, not {_returned(record)}"
        ) from None


def step_of(rule: Algorithm) -> str:
    """Return a rule's step for messages, with the file and line that define it."""
    code = getattr(inspect.unwrap(type(rule).step), "__code__", None)
    place = f" ({Path(code.co_filename).name}, line {code.co_firstlineno})" if code else ""
    return f"step of {rule.name}{place}"


def _bits(a: Array) -> Array:
    """Return the same memory as unsigned integers."""
    return a.view(f"u{a.itemsize}")


def _arrays(tree: str, places: list[tuple[str, int]]) -> str:
    """Return the first arrays' names, and how many more there are."""
    names = [f"{tree}[{family!r}][{l}]" for family, l in places]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _returned(record: Any) -> str:
    """Return what a step returned in place of a loss, for a message."""
    if not isinstance(record, Mapping):
        return "None" if record is None else f"a {type(record).__name__}"
    if "nll" in record:
        return f"with 'nll' as {type(record['nll']).__name__} of shape {np.shape(record['nll'])}"
    return "{" + ", ".join(f"{name!r}: ..." for name in record) + "}"
