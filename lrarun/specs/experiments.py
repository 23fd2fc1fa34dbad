"""Spec files as ``lrarun list`` and ``lrarun describe`` speak of them: what is in one, and what it needs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lrarun.errors import SpecError
from lrarun.shipped import EXPERIMENTS, root, shipped_file, spec_names, typed_name
from lrarun.specs.beside import plugin_of
from lrarun.specs.build import load_specs
from lrarun.specs.search import has_search, search_in
from lrarun.specs.spec import Spec
from lrarun.specs.yaml_text import read_source


def experiments(folder: Path | None = None) -> dict[str, Path]:
    """Return the spec files of a folder, by what to type for each; without one, those that lrarun ships and a user's.

    A user's own are in the folder ``experiments`` of the working folder.
    """
    if folder is not None:
        return {str(path): path for path in sorted(folder.rglob("*.yaml"))}
    shipped = [root() / EXPERIMENTS / f"{name}.yaml" for name in spec_names()]
    known = {path.resolve() for path in shipped}
    own = [path for path in sorted(Path(EXPERIMENTS).rglob("*.yaml")) if path.resolve() not in known]
    return {typed_name(path): path for path in shipped} | {str(path): path for path in own}


def is_spec_file(name: str) -> bool:
    """Return whether a name is that of a spec: a shipped one's, or a YAML file's."""
    return shipped_file(name) is not None or (Path(name).suffix in (".yaml", ".yml") and Path(name).is_file())


def summary(path: Path) -> tuple[str, str]:
    """Return how many runs a spec file has, or what it needs or is wrong with it; and its comment."""
    try:
        return size(path), first_comment(path)
    except SpecError as error:
        plugin = plugin_of(path)
        return f"needs --plugin {plugin}" if plugin else f"not valid: {error.problems[0].message}", first_comment(path)


def size(path: Path) -> str:
    """Return how much is in a spec file: its runs, or the trials of its search.

    Raises:
        SpecError: there is a mistake in it.
    """
    source = read_source(path)
    if has_search(source):
        return f"for lrarun tune, {search_in(source).budget.trials} trials"
    count = len(load_specs(path))
    return f"{count} run{'s' * (count != 1)}"


def search_words(path: Path) -> str:
    """Return what a spec file's search chooses and may cost, in words; empty if it has none.

    Raises:
        SpecError: there is a mistake in it.
    """
    source = read_source(path)
    if not has_search(source):
        return ""
    search = search_in(source)
    keys = ", ".join(dict.fromkeys(each.key for each in search.dimensions))
    return f"A search over {keys}, in {search.budget.trials} trials of {search.budget.epochs} epochs"


def first_comment(path: Path) -> str:
    """Return the comment that a spec file starts with, up to its first empty line, as one paragraph."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#") and line.strip("# "), lines)
    return " ".join(line.strip("# ") for line in comment)


def varied(specs: Sequence[Spec]) -> dict[str, list[Any]]:
    """Return the settings that runs have all and not all alike, by the keys of a sweep: each one's values, in order."""
    flats = [_flat(spec.to_dict()) for spec in specs]
    shared = [key for key in flats[0] if all(key in flat for flat in flats)]
    values = {key: [flat[key] for flat in flats] for key in shared}
    found = {key: [one for place, one in enumerate(each) if one not in each[:place]] for key, each in values.items()}
    return {key: each for key, each in found.items() if len(each) > 1}


def _flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved spec's settings by the keys of a sweep: ``algorithm``, ``algorithm.beta``."""
    flat: dict[str, Any] = {}
    for key, value in spec.items():
        inner = value if isinstance(value, Mapping) else {"name": value}
        flat |= {key if name == "name" else f"{key}.{name}": part for name, part in inner.items()}
    return flat
