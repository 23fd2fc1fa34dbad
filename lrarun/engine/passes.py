"""The passes over the training samples that make an epoch, and what each updates.

Most rules make one pass, which updates all they learn. Difference target propagation may make
two: one for the decoders, then one for the forward weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from lrarun.algorithms.base import Algorithm
from lrarun.nn.arrays import Params
from lrarun.nn.memory import Packed, pack
from lrarun.nn.optimizers import Optimizer
from lrarun.nn.rates import BIASES


class Pass(NamedTuple):
    """One pass over the training samples.

    Attributes:
        grads: what the rule's step writes.
        moved: what the optimizer subtracts, arrays of ``grads``: all of it, or all but the biases.
        state: the optimizer's, for these families alone.
    """

    grads: Params
    moved: Params
    state: dict[str, Any]


def packed_params(algorithm: Algorithm, params: Params, bias: bool) -> Packed:
    """Return the initial parameters in one piece of memory, those that the optimizer moves first.

    Args:
        algorithm: the learning rule.
        params: as the rule drew them. Without ``bias``, their biases become 0.
        bias: whether biases are trained.
    """
    if not bias:
        for family in BIASES:
            for a in params.get(family, {}).values():
                a[...] = 0
    learned = [family for families in algorithm.passes() for family in families]
    return pack(params, first=[*_moved(learned, bias), *learned])


def passes_of(algorithm: Algorithm, optimizer: Optimizer, params: Params, bias: bool) -> list[Pass]:
    """Return an epoch's passes; one that has nothing to update is left out.

    Arguments as for :func:`packed_params`, which made ``params``.
    """
    found = []
    for families in algorithm.passes():
        if not any(params[family] for family in families):
            continue
        names = _moved(families, bias)
        moved = Packed({family: params[family] for family in names})
        rest = [family for family in families if family not in names]
        grads = {**moved, **Packed({family: params[family] for family in rest})} if rest else moved
        found.append(Pass(grads, moved, optimizer.init(params, names)))
    return found


def _moved(families: Iterable[str], bias: bool) -> tuple[str, ...]:
    return tuple(family for family in families if bias or family not in BIASES)
