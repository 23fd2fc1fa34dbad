"""Read specs: from the text of a spec file to one checked :class:`Spec` per run.

:func:`build_documents` shows every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lrarun.errors import SpecError
from lrarun.settings import settings_of, short_repr
from lrarun.specs import combinations, validate
from lrarun.specs.blocks import make_blocks
from lrarun.specs.defaults import fill_defaults
from lrarun.specs.places import Node, Place, Problems, Source
from lrarun.specs.spec import Spec
from lrarun.specs.sweeps import MAX_RUNS, Override, expand, read_overrides
from lrarun.specs.validate import DatasetUse
from lrarun.specs.yaml_text import dump, parse, read_source


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
        entries = fill_defaults(given, place)
        values = _check_plain_settings(entries, problems)
        if values:
            use = _dataset_use(values, entries)
            validate.check_published_size(use, problems)
            uses[use] = None
        blocks = make_blocks(entries, problems)
        if values and not problems:
            combinations.check(values, blocks, entries, problems)
        if values and not problems:
            blocks["algorithm"] = combinations.with_dropout(blocks["algorithm"], values)
            specs.setdefault(Spec(**values, **blocks), entries["algorithm"].place)
    return SpecFile(tuple(specs), tuple(uses), specs, problems)


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
