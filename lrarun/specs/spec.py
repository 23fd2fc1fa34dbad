"""What a run is: the validated, resolved spec, and the reading of it from YAML.

A spec's values come from three layers, each over the one before: the spec's own
defaults (the paper's), the learning rule's (:meth:`Algorithm.defaults`), the user's.
An optimizer or initial scheme given without a name is the rule's default one with
those settings changed; named, it has the rule's settings if the name is the rule's
default too, and else its own defaults.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from lrarun.algorithms.base import Algorithm
from lrarun.algorithms.registry import algorithms, get_algorithm
from lrarun.engine.probes import get_probe
from lrarun.errors import SpecError
from lrarun.nn.activations import TANH, get_activation
from lrarun.nn.initializers import Glorot, Initializer, get_initializer
from lrarun.nn.optimizers import SGD, Optimizer, get_optimizer
from lrarun.settings import in_words, setting, settings_of, short_repr
from lrarun.specs.dataset_check import Look, check_data, looker
from lrarun.specs.hints import add_missing_name, unknown_spec_key
from lrarun.specs.places import Node, Place, Problems, Source, node_of
from lrarun.specs.sweeps import BLOCKS, MAX_RUNS, block, expand, read_overrides
from lrarun.specs.validate import look_up, settings_in, sweep_hint
from lrarun.specs.yaml_text import dump, parse, read_source

# Raised whenever the engine gives other numbers for the same spec, so that old results aren't taken for new.
NUMBERS_VERSION = 1

MAX_DEPTH = 100
DATASETS = ("fashion-mnist", "mnist")
GETTERS: dict[str, Callable[[str], type]] = {
    "algorithm": get_algorithm,
    "optimizer": get_optimizer,
    "init": get_initializer,
    "probe": get_probe,
}
DIGEST_LENGTH = 10
SLUG_LENGTH = 24


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One training of one network: every choice that its numbers depend on."""

    dataset: str = setting("mnist", "mnist, fashion-mnist, or the path of a folder with IDX files or of an .npz file")
    depth: int = setting(3, "hidden layers", ge=1, le=MAX_DEPTH, paper="3, 5 and 8")
    width: int = setting(256, "units in each hidden layer", ge=1, le=65536, paper="256")
    activation: str = setting(
        "tanh",
        "post-activation of the hidden layers",
        paper="tanh for all models; equilibrium propagation has the hard sigmoid of its own paper",
    )
    algorithm: Algorithm
    optimizer: Optimizer = SGD()
    init: Initializer = Glorot()
    batch_size: int = setting(50, "samples in a mini-batch", ge=1, le=10**9, paper="50")
    epochs: int = setting(100, "passes over the training samples", ge=1, le=10**9, paper="100")
    validation: int = setting(
        2000, "training samples held out to choose the epoch that is scored", ge=1, le=10**9, paper="2,000"
    )
    seed: int = setting(0, "seed of every random stream of the run", ge=0, lt=2**32)
    dtype: Literal["float32", "float64"] = setting("float32", "floating-point type of the parameters")
    probes: tuple[Any, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON or YAML, every default written out; ``make_spec`` of it is this spec."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def to_yaml(self) -> str:
        """:meth:`to_dict` as YAML, one setting a line."""
        return dump(self.to_dict())

    @property
    def run_id(self) -> str:
        """Readable, and ends in a digest of the spec and the engine's version: ``[a-z0-9.-]``, 100 at most.

        A data set of the user's own counts with its path as the spec gives it, not with
        what it holds.
        """
        return run_id_of(self.to_dict())


def run_id_of(resolved: Mapping[str, Any]) -> str:
    """The run id of :meth:`Spec.to_dict`'s mapping, as this version of the engine gives it."""
    content = {"numbers": NUMBERS_VERSION, "spec": resolved}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_LENGTH]
    names = [_slug(Path(resolved["dataset"]).name), _slug(resolved["algorithm"]["name"])]
    shape = f"{resolved['depth']}x{resolved['width']}"
    return "-".join([*names, shape, _slug(resolved["optimizer"]["name"]), f"s{resolved['seed']}", digest])


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "name"):
        own = {field.name: _plain(getattr(value, field.name)) for field in settings_of(type(value))}
        return {"name": value.name, **own}
    return value


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower())[:SLUG_LENGTH].strip("-.") or "data"


def make_spec(mapping: Mapping[str, Any]) -> Spec:
    """The spec of one run from plain values.

    Raises:
        SpecError: with every mistake; lines count in the mapping's YAML.
        TypeError: it is no mapping.
    """
    if not isinstance(mapping, Mapping):
        raise TypeError(f"a spec is a mapping, not {short_repr(mapping)}; lrarun.load_specs reads a spec file")
    try:
        text = dump(dict(mapping))
    except (yaml.YAMLError, RecursionError) as error:
        raise Problems().fatal(Place(Source("spec", ""), 0), f"not plain values: {error}") from None
    specs = _read(Source("spec", text), ())
    if len(specs) != 1:
        raise SpecError([Source("spec", text).problem(0, f"{len(specs)} runs where one was expected")])
    return specs[0]


def load_specs(
    path: str | Path | Source,
    overrides: Sequence[str] = (),
    here: Callable[[str], bool] = lambda dataset: False,
    whole: bool = False,
) -> list[Spec]:
    """The runs of a spec file, in its order; equal ones once.

    Args:
        path: a YAML file, or what :func:`lrarun.specs.yaml_text.read_source` has read of one; each of its
            documents is a spec, with its own sweep.
        overrides: ``key=value`` each, replacing what the file gives or sweeps; a key may
            be dotted, and ``sweep.key`` sweeps. A nested key wins over its block.
        here: whether a data set of the user's own has to be on this machine; then it is a
            mistake if it is not, or if it has too few samples. By default, that is not looked at.
        whole: whether such a data set is read to its end, as for training; else only its headers are.

    Raises:
        SpecError: with every mistake in the file and the overrides.
    """
    return _read(path if isinstance(path, Source) else read_source(path), overrides, looker(here, whole))


def _read(source: Source, overrides: Sequence[str], look: Look | None = None) -> list[Spec]:
    problems, look = Problems(), look or looker(lambda dataset: False)
    documents = parse(source, problems)
    if not documents:
        raise problems.fatal(Place(source, 0), "the file holds no spec: at least 'algorithm: NAME'")
    replaced = read_overrides(overrides, problems)
    specs: dict[Spec, None] = {}
    runs = 0
    for document in documents:
        for entries in expand(document, replaced, problems):
            runs += 1
            if runs > MAX_RUNS:
                raise problems.fatal(document.place, f"more than {MAX_RUNS} runs in one file")
            spec = _build(entries, document, look, problems)
            if spec:
                specs[spec] = None
    if problems:
        raise problems.error()
    return list(specs)


def _build(entries: Mapping[str, Node], document: Node, look: Look, problems: Problems) -> Spec | None:
    """The spec of one run; None, and mistakes, where there is none."""
    _check_keys(entries, problems)
    if "algorithm" not in entries:
        problems.add(document.place, "the key 'algorithm' is missing: it says which learning rule to train with")
    filled = {**entries, **_fill(entries, document.place)}
    own = {field.name: filled[field.name] for field in settings_of(Spec) if field.name in filled}
    values = settings_in(Spec, own, "a spec", problems, "")
    check_data(own, values, look, problems)
    given = own.get("activation")
    activation = given and look_up(get_activation, given, "activation", problems)
    more = {"algorithm": {"activation": activation or TANH}}
    blocks = {key: _read_block(key, filled[key], problems, more.get(key, {})) for key in BLOCKS if key in filled}
    probes = _read_probes(filled.get("probes"), blocks.get("algorithm"), problems)
    return None if problems or values is None else Spec(**values, **blocks, probes=probes)


def _check_keys(entries: Mapping[str, Node], problems: Problems) -> None:
    known = [*(field.name for field in fields(Spec)), "sweep"]
    for key, node in entries.items():
        head, dot, rest = key.partition(".")
        if dot and head in BLOCKS:
            problems.add(node.where, f"write {head}: {{{rest}: ...}}; dotted keys are for sweep and --set")
        elif key not in known or key == "sweep":
            problems.add(node.where, unknown_spec_key(key, known, entries))


def _fill(entries: Mapping[str, Node], place: Place) -> dict[str, Node]:
    """The entries that have a default which the learning rule may set, completed."""
    given = entries.get("algorithm")
    name = given.value.get("name") if given and isinstance(given.value, dict) else None
    rule = name and _known_rule(name.value)
    place = name.place if name else place
    filled = {}
    for key, default in _defaults(rule, entries.get("depth")).items():
        if key not in entries:
            filled[key] = node_of(default, place)
        elif key in BLOCKS:
            filled[key] = _over(entries[key], default)
    return filled


def _known_rule(name: Any) -> type[Algorithm] | None:
    return algorithms().get(name) if isinstance(name, str) else None


def _defaults(rule: type[Algorithm] | None, depth: Node | None) -> dict[str, Any]:
    """What a spec for a rule means when it is silent, as plain values; blocks are mappings."""
    defaults: dict[str, Any] = {"optimizer": {"name": SGD.name}, "init": {"name": Glorot.name}}
    if rule is None:
        return defaults
    defaults["algorithm"] = {"name": rule.name}
    # A depth that is wrong is reported elsewhere; any other will do to check the rest.
    layers = depth.value if depth and type(depth.value) is int and 1 <= depth.value <= MAX_DEPTH else Spec.depth
    # Whole blocks come before what is dotted into them.
    for key, value in sorted(rule.defaults(layers).items(), key=lambda item: "." in item[0]):
        head, dot, setting_name = key.partition(".")
        if dot:
            defaults[head] = {**defaults[head], setting_name: value}
        else:
            defaults[head] = {"name": value} if key in BLOCKS and isinstance(value, str) else value
    return defaults


def _over(given: Node, default: Mapping[str, Any]) -> Node:
    """A block's settings over the default ones, if they are for the same name."""
    if not isinstance(given.value, dict):
        return given
    name = given.value.get("name")
    if name is not None and name.value != default["name"]:
        return given
    return replace(given, value={**node_of(dict(default), given.place).value, **given.value})


def _read_block(key: str, node: Node, problems: Problems, more: Mapping[str, Any] | None = None) -> Any:
    """The object that a block describes; None, and mistakes, where there is none.

    Args:
        more: arguments of the object beside its settings.
    """
    if not isinstance(node.value, dict):
        what = f"{key} must be a name or a mapping with a name, not {in_words(node.value)}"
        problems.add(node.place, what + (sweep_hint(key, node) if key in BLOCKS else ""))
        return None
    if "name" not in node.value:
        add_missing_name(key, node, problems)
        return None
    kind = look_up(GETTERS[key], node.value["name"], f"{key}'s name", problems)
    if kind is None:
        return None
    own = {name: part for name, part in node.value.items() if name != "name"}
    swept = f"{key}." if key in BLOCKS else None
    settings = settings_in(kind, own, f"{key} {node.value['name'].value!r}", problems, swept)
    try:
        return None if settings is None else kind(**settings, **(more or {}))
    except ValueError as error:
        # What no field can say alone, a class may check when it is made.
        problems.add(node.where, str(error))
        return None


def _read_probes(node: Node | None, algorithm: Algorithm | None, problems: Problems) -> tuple[Any, ...]:
    if node is None:
        return ()
    if not isinstance(node.value, list):
        hint = f"; write probes: [{node.value}]" if isinstance(node.value, str) else ""
        problems.add(node.place, f"probes must be a list, not {in_words(node.value)}{hint}")
        return ()
    probes: dict[str, Any] = {}
    for part in node.value:
        probe = _read_block("probe", block(part), problems)
        if probe and probe.name in probes:
            problems.add(part.place, f"the probe {probe.name!r} is given twice")
        elif probe:
            probes[probe.name] = probe
            refusal = algorithm and probe.refusal(type(algorithm))
            if refusal:
                problems.add(part.place, refusal)
    return tuple(probes.values())
