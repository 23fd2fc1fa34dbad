"""Expand one document of a spec file to its runs: short forms, ``--set`` overrides, sweeps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lrarun.errors import SpecError
from lrarun.settings import in_words, short_repr
from lrarun.specs.places import Node, Place, Problems, Source
from lrarun.specs.spec import BLOCKS
from lrarun.specs.validate import unknown_dotted_key
from lrarun.specs.yaml_text import parse

MAX_RUNS = 100_000

Path = tuple[str, ...]  # a key, split at its dot: ("optimizer", "learning_rate")
Axes = dict[Path, list[Node]]  # swept key -> its values


def block(node: Node) -> Node:
    """Turn the short form ``adam`` into ``{name: adam}``; leave anything else as it is."""
    if isinstance(node.value, str):
        return replace(node, value={"name": replace(node, key=None)})
    return node


def setting_in(node: Node, name: str) -> Node:
    """Return the node of one of a block's settings, or the block's where it is silent."""
    return node.value.get(name, node) if isinstance(node.value, dict) else node


@dataclass(frozen=True)
class Override:
    """One ``key=value``, which replaces what the file says."""

    path: Path
    node: Node


def read_overrides(arguments: Sequence[str], problems: Problems) -> list[Override]:
    """Parse ``key=value`` arguments; keys may be dotted, values are YAML."""
    parsed = (_read_override(argument, rank, problems) for rank, argument in enumerate(arguments, 1))
    return [override for override in parsed if override is not None]


def _read_override(argument: str, rank: int, problems: Problems) -> Override | None:
    source = Source(f"--set {argument.splitlines()[0] if argument else ''}", argument, rank)
    key, equals, _ = argument.partition("=")
    start = Place(source, 0)
    if not equals or not key.strip():
        problems.add(start, "must be key=value, for example optimizer.learning_rate=0.1")
        return None
    try:
        documents = parse(source, problems, start=len(key) + 1)
    except SpecError:
        # The mistake is in `problems`; go on, to find others.
        return None
    if len(documents) != 1:
        problems.add(start, f"{key.strip()} needs one value after '='")
        return None
    path = split_key(key.strip(), start, problems)
    return Override(path, replace(documents[0], key=start)) if path else None


def split_key(key: str, place: Place, problems: Problems) -> Path | None:
    """Split ``a`` or ``a.b`` into a path; report ``a.b``, and return None, where ``a`` has no settings of its own."""
    head, dot, rest = key.partition(".")
    if not dot or head in (*BLOCKS, "sweep", "search"):
        return (head, rest) if dot else (head,)
    problems.add(place, unknown_dotted_key(head, rest))
    return None


def expand(document: Node, overrides: Sequence[Override], problems: Problems) -> Iterator[dict[str, Node]]:
    """Yield the entries of every run of a document: the product of its sweep, the first key slowest.

    A block that is only a name comes out as a mapping. Mistakes go to ``problems``.
    """
    if not isinstance(document.value, dict):
        found = "the document is empty" if document.value is None else f"this is {in_words(document.value)}"
        problems.add(document.place, f"a spec is a mapping such as 'algorithm: lra-e'; {found}")
        return
    entries = {key: block(node) if key in BLOCKS else node for key, node in document.value.items()}
    axes = _axes(entries.pop("sweep", None), problems)
    for override in overrides:
        _override(entries, axes, override, problems)
    nested = [override for override in overrides if len(override.path) == 2 and override.path[0] in BLOCKS]
    for choice in _choices(axes, problems):
        yield _combine(entries, choice, nested, problems)


def _axes(sweep: Node | None, problems: Problems) -> Axes:
    """Return the values of every swept key, each with the place of the key."""
    if sweep is None:
        return {}
    if not isinstance(sweep.value, dict):
        problems.add(sweep.place, f"sweep must be a mapping of keys to lists of values, not {in_words(sweep.value)}")
        return {}
    axes: Axes = {}
    for key, node in sweep.value.items():
        path = split_key(key, node.where, problems)
        if not isinstance(node.value, list) or not node.value:
            got = "an empty list" if node.value == [] else in_words(node.value)
            problems.add(node.place, f"a swept key needs a list of values, not {got}")
        elif path:
            axes[path] = [replace(value, key=node.where) for value in node.value]
    return axes


def _override(entries: dict[str, Node], axes: Axes, override: Override, problems: Problems) -> None:
    """Replace what the file gives or sweeps by one override.

    A nested key only stops its sweep here: :func:`_combine` sets it, once the sweep has chosen its block.
    """
    path, node = override.path, override.node
    if path[0] == "search":
        entries.setdefault("search", node)  # refused like one in the file
        return
    if path[0] == "sweep":
        _override_sweep(entries, axes, override, problems)
        return
    axes.pop(path, None)
    if len(path) == 1:
        entries[path[0]] = node = block(node) if path[0] in BLOCKS else node
        for name in node.value if isinstance(node.value, dict) else ():
            axes.pop((path[0], name), None)


def _override_sweep(entries: dict[str, Node], axes: Axes, override: Override, problems: Problems) -> None:
    _, *key = override.path
    if not key:
        axes.clear()
    swept = replace(override.node, value={key[0]: override.node}) if key else override.node
    for path, values in _axes(swept, problems).items():
        axes[path] = values
        if len(path) == 1:
            entries.pop(path[0], None)
        elif path[0] in entries and isinstance(held := entries[path[0]].value, dict):
            rest = {name: node for name, node in held.items() if name != path[1]}
            entries[path[0]] = replace(entries[path[0]], value=rest)


def _choices(axes: Axes, problems: Problems) -> Iterator[dict[Path, Node]]:
    """Yield the product of the axes; after a mistake, only as much of it as shows every value once."""
    runs = math.prod(map(len, axes.values()))
    if runs > MAX_RUNS:
        problems.add(next(iter(axes.values()))[0].where, f"a sweep of {runs} runs; at most {MAX_RUNS} are allowed")
    if not problems:
        for choice in itertools.product(*axes.values()):
            yield dict(zip(axes, choice))
        return
    first = {path: values[0] for path, values in axes.items()}
    yield first
    for path, values in axes.items():
        for value in values[1:]:
            yield {**first, path: value}


def _combine(
    entries: dict[str, Node], choice: dict[Path, Node], nested: Sequence[Override], problems: Problems
) -> dict[str, Node]:
    """Return one run's entries: the file's, then the sweep's choice (blocks first), then the nested overrides."""
    run = dict(entries)
    for path, node in sorted(choice.items(), key=lambda item: len(item[0])):
        _check_not_given(run, path, node, problems)
        _put(run, path, node)
    for override in nested:
        _put(run, override.path, override.node)
    return run


def _check_not_given(run: dict[str, Node], path: Path, node: Node, problems: Problems) -> None:
    given = run.get(path[0])
    if given and len(path) == 2:
        given = given.value.get(path[1]) if isinstance(given.value, dict) else None
    if given:
        key = ".".join(path)
        problems.add(node.where, f"{short_repr(key)} is given twice: in the sweep and on line {given.where.line}")


def _put(run: dict[str, Node], path: Path, node: Node) -> None:
    head, *rest = path
    if not rest:
        run[head] = block(node) if head in BLOCKS else node
        return
    held = run.get(head, Node({}, node.place, node.key))
    # A value that is not a mapping is reported when the block is built.
    if isinstance(held.value, dict):
        run[head] = replace(held, value={**held.value, rest[0]: node})
