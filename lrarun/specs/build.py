"""Read specs: from the text of a spec file to one checked :class:`Spec` per run.

:func:`build_specs` shows every step. A spec's values come from three layers, each over the one
before: the spec's own defaults (the paper's), the learning rule's (:meth:`Algorithm.defaults`),
and the user's. An ``optimizer`` or ``init`` without a name changes settings of the rule's default
one. With a name, it starts from the rule's settings if the rule's default has that name, and from
its own defaults if not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from lrarun.algorithms.base import Algorithm
from lrarun.algorithms.registry import algorithms, get_algorithm
from lrarun.engine.probes import get_probe
from lrarun.errors import SpecError
from lrarun.nn.activations import TANH, get_activation
from lrarun.nn.initializers import Glorot, get_initializer
from lrarun.nn.optimizers import SGD, get_optimizer
from lrarun.settings import in_words, settings_of, short_repr
from lrarun.specs import combinations, validate
from lrarun.specs.places import Node, Place, Problems, Source, node_of
from lrarun.specs.spec import BLOCKS, MAX_DEPTH, Spec
from lrarun.specs.sweeps import MAX_RUNS, Override, block, expand, read_overrides
from lrarun.specs.validate import DatasetUse
from lrarun.specs.yaml_text import dump, parse, read_source

# The key of a block -> what finds its class by name.
GETTERS: dict[str, Callable[[str], type]] = {
    "algorithm": get_algorithm,
    "optimizer": get_optimizer,
    "init": get_initializer,
    "probe": get_probe,
}


@dataclass(frozen=True)
class SpecFile:
    """A spec file as read: its runs, and its mistakes so far.

    Attributes:
        built: the runs, equal ones once; those before the first mistake if there is one.
        datasets: what the runs want of their data sets, equal ones once.
        places: of each run's learning rule.
        problems: the mistakes; later checks add theirs.
    """

    built: tuple[Spec, ...]
    datasets: tuple[DatasetUse, ...]
    places: Mapping[Spec, Place]
    problems: Problems

    def specs(self) -> list[Spec]:
        """Return the runs in the order of the file, equal ones once.

        Raises:
            SpecError: the file has mistakes; with all of them.
        """
        self.problems.raise_any()
        return list(self.built)


def load_specs(path: str | Path, overrides: Sequence[str] = ()) -> list[Spec]:
    """Return the runs of a spec file in its order, equal ones once.

    Args:
        path: a YAML file; each of its documents is a spec, with its own sweep.
        overrides: ``key=value`` each, replacing what the file gives or sweeps. A key may be
            dotted, and ``sweep.key`` sweeps. A nested key wins over its block.

    Raises:
        SpecError: with every mistake in the file and the overrides.
    """
    return read_specs(path, overrides).specs()


def make_spec(mapping: Mapping[str, Any]) -> Spec:
    """Return the spec of one run from plain values.

    Raises:
        SpecError: with every mistake; lines count in the mapping's YAML.
        TypeError: the argument is not a mapping.
    """
    if not isinstance(mapping, Mapping):
        raise TypeError(f"a spec is a mapping, not {short_repr(mapping)}; lrarun.load_specs reads a spec file")
    try:
        source = Source("spec", dump(dict(mapping)))
    except (yaml.YAMLError, RecursionError) as error:
        raise Problems().fatal(Place(Source("spec", ""), 0), f"not plain values: {error}") from None
    specs = build_specs(source).specs()
    if len(specs) != 1:
        raise SpecError([source.problem(0, f"{len(specs)} runs where one was expected")])
    return specs[0]


def read_specs(path: str | Path, overrides: Sequence[str] = ()) -> SpecFile:
    """Read a spec file and keep its mistakes for :meth:`SpecFile.specs` to raise; arguments as :func:`load_specs`.

    Raises:
        SpecError: the file can't be read, or its YAML can't be parsed.
    """
    return build_specs(read_source(path), overrides)


def build_specs(source: Source, overrides: Sequence[str] = ()) -> SpecFile:
    """Turn the text of a spec file into checked specs: :func:`read_specs` of a text.

    Raises:
        SpecError: its YAML can't be parsed, or it has too many runs.
    """
    problems = Problems()
    documents = parse_documents(source, problems)
    return build_documents(documents, read_overrides(overrides, problems), problems)


def build_documents(documents: Sequence[Node], overrides: Sequence[Override], problems: Problems) -> SpecFile:
    """Turn the documents of a spec file into checked specs: :func:`build_specs` of YAML that is parsed already.

    Raises:
        SpecError: there are too many runs.
    """
    specs: dict[Spec, Place] = {}
    uses: dict[DatasetUse, None] = {}
    for place, written in _expand_runs(documents, overrides, problems):
        validate.check_keys(written, place, problems)
        given = combinations.with_depth_of_widths(written, problems)
        entries = _fill_defaults(given, place)
        values = _check_plain_settings(entries, problems)
        if values:
            use = _dataset_use(values, entries)
            validate.check_published_size(use, problems)
            uses[use] = None
        blocks = _make_blocks(entries, problems)
        if values and not problems:
            combinations.check(values, blocks, entries, problems)
        if values and not problems:
            blocks["algorithm"] = combinations.with_dropout(blocks["algorithm"], values)
            specs.setdefault(Spec(**values, **blocks), entries["algorithm"].place)
    return SpecFile(tuple(specs), tuple(uses), specs, problems)


# --- documents and runs


def parse_documents(source: Source, problems: Problems) -> list[Node]:
    """Return the documents of a spec file.

    Raises:
        SpecError: its YAML can't be parsed, or it holds no spec.
    """
    documents = parse(source, problems)
    if not documents:
        raise problems.fatal(Place(source, 0), "the file holds no spec; the shortest one is 'algorithm: NAME'")
    return documents


def _expand_runs(
    documents: Sequence[Node], overrides: Sequence[Override], problems: Problems
) -> Iterator[tuple[Place, dict[str, Node]]]:
    """Yield the entries of every run, with the place where its document starts."""
    runs = 0
    for document in documents:
        for entries in expand(document, overrides, problems):
            runs += 1
            if runs > MAX_RUNS:
                raise problems.fatal(document.place, f"more than {MAX_RUNS} runs in one file")
            yield document.place, entries


# --- defaults


def _fill_defaults(entries: dict[str, Node], place: Place) -> dict[str, Node]:
    """Return the entries completed by the defaults that the learning rule may set."""
    name = validate.name_in(entries.get("algorithm"))
    rule = algorithms().get(name.value) if name and isinstance(name.value, str) else None
    filled = dict(entries)
    for key, default in _defaults(rule, entries).items():
        if key not in entries:
            filled[key] = node_of(default, name.place if name else place)
        elif key in BLOCKS:
            filled[key] = _over(entries[key], default)
    return filled


def _defaults(rule: type[Algorithm] | None, given: Mapping[str, Node]) -> dict[str, Any]:
    """Return what a spec for a rule means where it is silent, as plain values; blocks are mappings.

    Args:
        rule: None if the spec names none that is known.
        given: the spec's entries.
    """
    defaults: dict[str, Any] = {"optimizer": {"name": SGD.name}, "init": {"name": Glorot.name}}
    if rule is None:
        return defaults
    defaults["algorithm"] = {"name": rule.name}
    # A wrong depth is reported elsewhere; any other will do to check the rest.
    depth = given.get("depth")
    layers = depth.value if depth and type(depth.value) is int and 1 <= depth.value <= MAX_DEPTH else Spec.depth
    # Whole blocks come before their dotted settings.
    found = {**rule.defaults(layers), **rule.defaults_beside(_flat(given))}
    for key, value in sorted(found.items(), key=lambda item: "." in item[0]):
        head, dot, setting_name = key.partition(".")
        if dot:
            defaults[head] = {**defaults[head], setting_name: value}
        else:
            defaults[head] = {"name": value} if key in BLOCKS and isinstance(value, str) else value
    return defaults


def _flat(given: Mapping[str, Node]) -> dict[str, Any]:
    """Return entries as plain values by dotted key."""
    found: dict[str, Any] = {}
    for key, node in given.items():
        parts = node.value.items() if isinstance(node.value, dict) else ()
        found |= {key: node.plain(), **{f"{key}.{name}": part.plain() for name, part in parts}}
    return found


def _over(given: Node, default: Mapping[str, Any]) -> Node:
    """Return a block's settings over the default ones, if both have the same name."""
    if not isinstance(given.value, dict):
        return given
    name = given.value.get("name")
    if name is not None and name.value != default["name"]:
        return given
    return replace(given, value={**node_of(dict(default), given.place).value, **given.value})


# --- settings


def _check_plain_settings(entries: Mapping[str, Node], problems: Problems) -> dict[str, Any] | None:
    """Return the settings that are not blocks, or None after a mistake in their types or bounds."""
    own = {field.name: entries[field.name] for field in settings_of(Spec) if field.name in entries}
    values = validate.check_settings(Spec, own, "a spec", problems, "")
    if "dataset" in entries:
        validate.check_dataset_name(entries["dataset"], problems)
    return values


def _dataset_use(values: Mapping[str, Any], entries: Mapping[str, Node]) -> DatasetUse:
    places = (entries[key].place if key in entries else None for key in ("dataset", "validation"))
    return DatasetUse(values["dataset"], values["validation"], values["dtype"], *places)


# --- blocks: the values that have a name and settings of their own


def _make_blocks(entries: Mapping[str, Node], problems: Problems) -> dict[str, Any]:
    """Return the rule, the optimizer, the initial scheme and the probes; None in place of those with a mistake."""
    given = entries.get("activation")
    activation = given and validate.look_up(get_activation, given, "activation", problems)
    more = {"algorithm": {"activation": activation or TANH}}
    made = {key: _make_block(key, entries[key], problems, **more.get(key, {})) for key in BLOCKS if key in entries}
    return {**made, "probes": _make_probes(entries.get("probes"), made.get("algorithm"), problems)}


def _make_block(key: str, node: Node, problems: Problems, **more: Any) -> Any:
    """Return the object that a block describes, or None after a mistake; ``more`` are arguments beside its settings."""
    if not isinstance(node.value, dict):
        message = f"{key} must be a name or a mapping with a name, not {in_words(node.value)}"
        problems.add(node.place, message + (validate.sweep_hint(key, node) if key in BLOCKS else ""))
        return None
    if "name" not in node.value:
        validate.add_missing_name(key, node, problems)
        return None
    kind = validate.look_up(GETTERS[key], node.value["name"], f"{key}'s name", problems)
    if kind is None:
        return None
    own = {name: part for name, part in node.value.items() if name != "name"}
    swept = f"{key}." if key in BLOCKS else None
    settings = validate.check_settings(kind, own, f"{key} {node.value['name'].value!r}", problems, swept)
    try:
        return None if settings is None else kind(**settings, **more)
    except ValueError as error:
        # A class may check settings against each other when it is made.
        problems.add(node.where, str(error))
        return None


def _make_probes(node: Node | None, algorithm: Algorithm | None, problems: Problems) -> tuple[Any, ...]:
    if node is None:
        return ()
    if not isinstance(node.value, list):
        hint = f"; write probes: [{node.value}]" if isinstance(node.value, str) else ""
        problems.add(node.place, f"probes must be a list, not {in_words(node.value)}{hint}")
        return ()
    probes: dict[str, Any] = {}
    for part in node.value:
        probe = _make_block("probe", block(part), problems)
        if probe and probe.name in probes:
            problems.add(part.place, f"the probe {probe.name!r} is given twice")
        elif probe:
            probes[probe.name] = probe
            refusal = algorithm and probe.refusal(type(algorithm))
            if refusal:
                problems.add(part.place, refusal)
    return tuple(probes.values())
