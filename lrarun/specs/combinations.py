"""Check the choices of a spec against each other: what each allows by itself may make no sense beside another.

Every mistake stands at the value that is most likely to change, and says why and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lrarun.algorithms.base import Algorithm
from lrarun.nn.dropout import Dropout
from lrarun.nn.initializers import Zeros
from lrarun.nn.optimizers import Optimizer
from lrarun.nn.rates import BIASES
from lrarun.specs.places import Node, Place, Problems
from lrarun.specs.spec import MAX_DEPTH
from lrarun.specs.sweeps import setting_in
from lrarun.specs.validate import sweep_hint

# --- before blocks are made


def with_depth_of_widths(entries: Mapping[str, Node], problems: Problems) -> dict[str, Node]:
    """Return a run's entries with the depth that a list of widths means; report one that contradicts ``depth``.

    Equal widths become one number, so that equal networks are equal runs.
    """
    width, depth = entries.get("width"), entries.get("depth")
    if width is None or not isinstance(width.value, list):
        return dict(entries)
    widths = [part.value for part in width.value]
    if not 1 <= len(widths) <= MAX_DEPTH:
        problems.add(width.place, f"width must list 1 to {MAX_DEPTH} hidden layers, not {len(widths)}")
    elif depth is not None and type(depth.value) is int and depth.value != len(widths):
        problems.add(
            width.place,
            f"width lists {len(widths)} hidden layer{'s' * (len(widths) > 1)}, but depth is {depth.value}"
            f" (line {depth.where.line}); leave depth out, or make them agree{sweep_hint('width', width)}",
        )
    same = (
        len({(type(one), one) for one in widths if not isinstance(one, (list, dict))})
        == 1
        == len(set(map(type, widths)))
    )
    listed = replace(width, value=widths[0]) if same and type(widths[0]) is int else width
    return {**entries, "width": listed, "depth": depth or Node(len(widths), width.place, width.key)}


# --- afterwards


def check(
    values: Mapping[str, Any], blocks: Mapping[str, Any], entries: Mapping[str, Node], problems: Problems
) -> None:
    """Report what the choices of one run rule out among each other.

    Args:
        values: the spec's plain settings.
        blocks: its rule, optimizer, initial scheme and probes.
        entries: the places of what was given.
    """
    rule: Algorithm = blocks["algorithm"]
    optimizer: Optimizer = blocks["optimizer"]
    _check_rates(rule, optimizer, values["depth"], entries, problems)
    if isinstance(blocks["init"], Zeros):
        _refuse(rule, "zeros", entries["init"].where, "init: zeros", problems)
    if not values["bias"]:
        _refuse(rule, "no bias", entries["bias"].where, "bias: false", problems)
    for key in ("dropout", "input_dropout"):
        if values[key]:
            _refuse(rule, "dropout", entries[key].where, key, problems)
            _check_probes(blocks["probes"], entries, problems)


def with_dropout(rule: Algorithm, values: Mapping[str, Any]) -> Algorithm:
    """Return the rule with the dropout that the spec asks for."""
    dropout = Dropout(values["input_dropout"], values["dropout"])
    return replace(rule, dropout=dropout) if dropout else rule  # type: ignore[call-arg]


def _refuse(rule: Algorithm, choice: str, place: Place, written: str, problems: Problems) -> None:
    reason = rule.refuses(choice)
    if reason:
        problems.add(place, f"{written} does not work with {rule.name!r}: {reason}")


def _check_probes(probes: Sequence[Any], entries: Mapping[str, Node], problems: Problems) -> None:
    if any(probe.name == "angle" for probe in probes):
        problems.add(
            entries["probes"].where,
            "the probe 'angle' compares a step with backprop's in the whole network, and dropout leaves units out:"
            " leave out one of the two",
        )


def _check_rates(
    rule: Algorithm, optimizer: Optimizer, depth: int, entries: Mapping[str, Node], problems: Problems
) -> None:
    rate, node = optimizer.learning_rate, setting_in(entries["optimizer"], "learning_rate")
    if isinstance(rate, tuple):
        if len(rate) != depth + 1:
            problems.add(
                node.place,
                f"learning_rate lists {len(rate)} layer{'s' * (len(rate) != 1)}, and the network has {depth + 1}:"
                f" {depth} hidden and the output; list a number for each{sweep_hint('optimizer.learning_rate', node)}",
            )
        _refuse(rule, "layer rates", node.where, "a learning_rate for each layer", problems)
    elif isinstance(rate, dict):
        missing = [family for family in rule.learned if family not in rate and BIASES.get(family) not in rate]
        unknown = [family for family in rate if family not in rule.learned]
        needed = ", ".join(f"{family}: ..." for family in rule.learned if family not in BIASES)
        if missing or unknown:
            wrong = f"{unknown[0]!r} is none of them" if unknown else f"{missing[0]!r} is missing"
            problems.add(
                node.place,
                f"learning_rate names what {rule.name!r} learns ({', '.join(rule.learned)}), and {wrong};"
                f" write {{{needed}}}",
            )
