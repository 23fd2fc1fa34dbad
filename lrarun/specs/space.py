"""What a search may choose: the ``space`` of its block, read into dimensions, and the proposals made of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from lrarun.settings import in_words, nearest, short_repr
from lrarun.specs.places import Node, Problems
from lrarun.specs.spec import BLOCKS, Spec
from lrarun.specs.sweeps import Override, split_key
from lrarun.specs.validate import named, unknown_spec_key

RANGE_KEYS = ("low", "high", "scale")
SCALES = ("linear", "log")
RANGE_HELP = "{low: ..., high: ...}, and scale: log if the step is a factor; or a list of values"
SPACE_HELP = (
    "what to choose: a key (dotted for a block's setting) to a list of values, to a range"
    " {low: 1e-4, high: 1, scale: log} (or linear), or,"
    " for algorithm, optimizer and init, to a mapping of names to the settings of each"
)
# What a search can't choose. A split decides which samples the validation error is measured on, so that errors after
# different ones can't be ranked.
NOT_CHOSEN = {
    **dict.fromkeys(("seed", "epochs"), "it stands beside 'space'"),
    **dict.fromkeys(("validation", "split"), "validation errors on different samples can't be ranked"),
    **dict.fromkeys(("scores", "sweep", "search", "probes", "dataset", "engine"), "it is not a search's to choose"),
}


@dataclass(frozen=True)
class Dimension:
    """One thing to choose.

    Attributes:
        label: its name in the study: ``optimizer``, ``optimizer.adam.learning_rate``.
        path: the key that it sets: ``("optimizer", "learning_rate")``.
        values: what to choose from; for a range, its low and its high end.
        scale: of a range: ``linear`` or ``log``; empty for a list.
        whole: whether a range is of whole numbers.
        given: label and value of the choice that it needs; None if it is always chosen.
    """

    label: str
    path: tuple[str, ...]
    values: tuple[Node, ...]
    scale: str = ""
    whole: bool = False
    given: tuple[str, Any] | None = None

    @property
    def key(self) -> str:
        """The key that it sets, as a sweep writes it."""
        return ".".join(self.path)

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values without their places."""
        return tuple(node.value for node in self.values)

    def is_needed(self, chosen: Mapping[str, Any]) -> bool:
        """Return whether it is to be chosen, given what is chosen so far."""
        return self.given is None or chosen.get(self.given[0]) == self.given[1]

    def node(self, value: Any) -> Node:
        """Return a value of it with the place in the file that allows it."""
        return next((node for node in self.values if node.value == value), replace(self.values[0], value=value))

    def plain(self) -> dict[str, Any]:
        """Return what it allows as plain values."""
        allowed = {"values": self.choices, "scale": self.scale, "whole": self.whole, "given": self.given}
        return {"label": self.label, **allowed}


Proposal = Mapping[str, Any]  # label -> value, of the dimensions that are needed


def chosen(dimensions: Sequence[Dimension], proposal: Proposal) -> list[Override]:
    """Return a proposal as what replaces a spec's own values."""
    return [Override(each.path, each.node(proposal[each.label])) for each in dimensions if each.label in proposal]


def pairs(dimensions: Sequence[Dimension]) -> Iterator[dict[str, Any]]:
    """Yield proposals with each pair of values that a trial may have, but for two of ranges."""
    for one, other in itertools.combinations(dimensions, 2):
        if not (one.scale and other.scale):
            for first, second in itertools.product(one.choices, other.choices):
                proposal = example(dimensions, (one, first), (other, second))
                if proposal.get(one.label) == first and proposal.get(other.label) == second:
                    yield proposal


def example(dimensions: Sequence[Dimension], *values: tuple[Dimension, Any]) -> dict[str, Any]:
    """Return a proposal in which some dimensions have these values, and all others their first one."""
    forced = dict(each.given for each, _ in values if each.given)
    forced |= {each.label: value for each, value in values}
    proposal: dict[str, Any] = {}
    for each in dimensions:
        if each.is_needed(proposal):
            proposal[each.label] = forced.get(each.label, each.choices[0])
    return proposal


def dimensions_in(space: Node, problems: Problems) -> Iterator[Dimension]:
    """Yield what a space has to choose, a block's name before its settings."""
    if not isinstance(space.value, dict) or not space.value:
        problems.add(space.place, f"space must be a mapping that is not empty: {SPACE_HELP}")
        return
    for key, node in sorted(space.value.items(), key=lambda item: "." in item[0]):
        path = split_key(key, node.where, problems)
        if path is None:
            continue
        if path[0] in NOT_CHOSEN:
            problems.add(node.where, f"{key} can't be searched: {NOT_CHOSEN[path[0]]}")
        elif path[0] in BLOCKS and len(path) == 1 and isinstance(node.value, dict):
            yield from _block(path[0], node, problems)
        elif len(path) == 1 and isinstance(node.value, dict) and not set(node.value) & set(RANGE_KEYS):
            problems.add(node.where, _no_range(key, path))
        else:
            dimension = _dimension(key, path, node, problems)
            if dimension:
                yield dimension


def _no_range(key: str, path: Sequence[str]) -> str:
    """Return what is wrong with a mapping that is no range, under a key that is no block."""
    block = next((block for block, table in named().items() if path[0] in table), None)
    if block:
        return f"{short_repr(key)} is a name of {block}; write it under {block}"
    known = [each.name for each in fields(Spec)]
    return f"{key} needs a range: {RANGE_HELP}" if path[0] in known else unknown_spec_key(path[0], known, {})


def _block(head: str, node: Node, problems: Problems) -> Iterator[Dimension]:
    """Yield the choice of a block's name, then the settings of each name."""
    if not node.value or set(node.value) & set(RANGE_KEYS):
        problems.add(node.place, f"{head} needs a list of names, or a mapping of names to their settings")
        return
    names = tuple(replace(part, value=name, place=part.where) for name, part in node.value.items())
    yield Dimension(head, (head,), names)
    for name, part in node.value.items():
        if part.value is None:
            continue
        if not isinstance(part.value, dict):
            problems.add(part.place, f"{name} needs a mapping of its settings, or nothing, not {in_words(part.value)}")
            continue
        for key, inner in part.value.items():
            made = _dimension(f"{head}.{name}.{key}", (head, key), inner, problems)
            if made:
                yield replace(made, given=(head, name))


def _dimension(label: str, path: tuple[str, ...], node: Node, problems: Problems) -> Dimension | None:
    """Return what a list or a range has to choose from; None after a mistake."""
    if isinstance(node.value, list):
        return _listed(label, path, node, problems)
    if isinstance(node.value, dict):
        return _range(label, path, node, problems)
    what = f"{label} needs a list of values or a range {{low: ..., high: ...}}, not {in_words(node.value)}"
    problems.add(node.place, what)
    return None


def _listed(label: str, path: tuple[str, ...], node: Node, problems: Problems) -> Dimension | None:
    if not node.value:
        problems.add(node.place, f"{label} has nothing to choose from: the list is empty")
        return None
    seen: set[Any] = set()
    for part in node.value:
        if isinstance(part.value, (dict, list)) or part.value is None:
            more = "; for a name's settings, write a mapping of names" if path[0] in BLOCKS else ""
            problems.add(part.place, f"a value must be a name, a number or true or false{more}")
            return None
        if (type(part.value), part.value) in seen:
            problems.add(part.place, f"{short_repr(part.value)} is given twice")
        seen.add((type(part.value), part.value))
    return Dimension(label, path, tuple(replace(part, key=node.where) for part in node.value))


def _range(label: str, path: tuple[str, ...], node: Node, problems: Problems) -> Dimension | None:
    """Return a range; whether it is of whole numbers is known once a run is built with its ends."""
    before = len(problems)
    for key, part in node.value.items():
        if key not in RANGE_KEYS:
            close = nearest(key, RANGE_KEYS)
            hint = f"did you mean {close!r}?" if close else f"known are {', '.join(RANGE_KEYS)}"
            problems.add(part.where, f"unknown key {short_repr(key)} for a range; {hint}")
        elif key == "scale" and part.value not in SCALES:
            problems.add(part.place, f"scale must be {' or '.join(SCALES)}, not {in_words(part.value)}")
        elif key != "scale" and (isinstance(part.value, bool) or not isinstance(part.value, (int, float))):
            problems.add(part.place, f"{key} must be a number, not {in_words(part.value)}")
    lacking = [key for key in ("low", "high") if key not in node.value]
    if lacking:
        problems.add(node.place, f"the range of {label} needs {' and '.join(lacking)}")
    if len(problems) > before:
        return None
    low, high = node.value["low"], node.value["high"]
    scale = node.value["scale"].value if "scale" in node.value else "linear"
    if low.value >= high.value:
        problems.add(high.place, f"high must be greater than low, which is {short_repr(low.value)}")
    if scale == "log" and low.value <= 0:
        problems.add(low.place, "a range on a log scale must start above 0")
    if len(problems) > before:
        return None
    ends = tuple(replace(end, key=node.where) for end in (low, high))
    return Dimension(label, path, ends, scale)
