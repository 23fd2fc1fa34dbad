"""Runs -> one row per cell of the paper's tables, as a DataFrame.

A cell is filled by the runs of one resolved spec, whatever their seed. Runs with any
other setting never enter an average: they are counted and named instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lrarun.errors import NotInTables
from lrarun.paper import MODELS, TABLE_OF, Key, Printed, printed_cells
from lrarun.paper.readings import readings_by_cell
from lrarun.report.repetitions import (
    Settings,
    Summary,
    by_settings,
    differences,
    settings,
    summarize,
)
from lrarun.results.result import Result

# The columns of `lrarun table --format csv`, which other programs read.
COLUMNS = (
    "table",
    "dataset",
    "model",
    "depth",
    "optimizer",
    "runs",
    "train_error",
    "test_error",
    "test_error_std",
    "paper_train_error",
    "paper_test_error",
    "verdict",
)


@dataclass(frozen=True)
class Wanted:
    """The runs that a cell takes.

    Attributes:
        spec: a resolved spec; its seed does not matter. Empty where its rule is not installed.
        seeds: the seeds asked for; None for all that exist.
        departs: how the spec differs from the paper's protocol, in words.
    """

    spec: Mapping[str, Any]
    seeds: frozenset[int] | None = None
    departs: str = ""


def key_of(spec: Mapping[str, Any], titles: Mapping[str, str]) -> Key:
    """Return the experiment that a resolved spec belongs to.

    Args:
        spec: a resolved spec.
        titles: name -> title of rules that the paper does not have.
    """
    name = spec["algorithm"]["name"]
    return Key(spec["dataset"], MODELS.get(name) or titles.get(name, name), spec["depth"], spec["optimizer"]["name"])


def wanted_by(specs: Sequence[Mapping[str, Any]], titles: Mapping[str, str], strict: bool = True) -> dict[Key, Wanted]:
    """Return the cells that a list of resolved specs fills.

    Args:
        specs: resolved specs.
        titles: name -> title of rules that the paper does not have.
        strict: raise an error for specs that have no place; else leave them out.

    Raises:
        NotInTables: if two specs that differ in more than the seed fall in one cell, or
            none of them in any.
    """
    by_key = settings_by_cell(specs, titles)
    for key, groups in by_key.items():
        if strict and len(groups) > 1:
            first, second, *_ = groups.values()
            raise NotInTables(
                f"{len(groups)} settings fall in one cell of the paper's tables ({key}):"
                f" {'; '.join(differences(second.spec, first.spec))}. Their runs are not averaged"
            )
    if strict and not by_key:
        names = ", ".join(dict.fromkeys(str(spec["dataset"]) for spec in specs))
        raise NotInTables(f"the paper's tables have no place for {names}: they are of {', '.join(TABLE_OF)}")
    return {key: next(iter(groups.values())) for key, groups in by_key.items() if len(groups) == 1}


def settings_by_cell(
    specs: Sequence[Mapping[str, Any]], titles: Mapping[str, str]
) -> dict[Key, dict[Settings, Wanted]]:
    """Return the settings of resolved specs by the cell of the paper's tables that they fall in."""
    by_key: dict[Key, dict[Settings, Wanted]] = {}
    for spec in specs:
        key = key_of(spec, titles)
        if key.dataset in TABLE_OF:
            groups, own = by_key.setdefault(key, {}), settings(spec)
            known = groups.get(own, Wanted(spec))
            groups[own] = Wanted(known.spec, (known.seeds or frozenset()) | {spec["seed"]})
    return by_key


def crowded(specs: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> dict[Key, int]:
    """Return the cells that several settings of resolved specs fall in, with how many; :func:`wanted_by` has none."""
    return {key: len(groups) for key, groups in settings_by_cell(specs, titles).items() if len(groups) > 1}


def fill(
    results: Sequence[Result],
    wanted: Mapping[Key, Wanted],
    stale: Container[str] = (),
    several: Mapping[Key, int] | None = None,
) -> pd.DataFrame:
    """Return one row per printed cell, then one per experiment that the paper does not have.

    Args:
        results: all runs.
        wanted: which of them each experiment takes. A printed cell that is not among
            its keys stays empty and is not expected.
        stale: ids of runs that this version would not reproduce.
        several: cells that no one setting was asked for, but as many as this (:func:`crowded`).

    Returns:
        The columns :data:`COLUMNS`, errors in percent, NaN where there is no result,
        ``verdict`` empty; and beside them ``state``, ``outstanding``, ``stale``, ``early`` and
        ``engines`` of :class:`Summary`, ``expected`` (is among ``wanted``), ``departs`` of
        :class:`Wanted`, ``several`` (how many settings were asked for in a cell that so takes
        none; else 0), ``paper_train`` and ``paper_test`` (the digits printed), and
        ``readings`` (the ids of the settings that were chosen by this printed number).
    """
    groups = by_settings(results)
    printed = printed_cells()
    extra = [Printed(TABLE_OF[key.dataset], key, "", "") for key in wanted.keys() - {cell.key for cell in printed}]
    rows = [row(cell, wanted.get(cell.key), groups, stale) for cell in [*printed, *sorted(extra)]]
    frame = pd.DataFrame(rows).astype({"runs": "Int64"})
    frame["several"] = [(several or {}).get(Key(*key), 0) for key in frame[list(Key._fields)].itertuples(index=False)]
    numbers = ["train_error", "test_error", "test_error_std", "paper_train_error", "paper_test_error"]
    return frame.astype(dict.fromkeys(numbers, "float64")).sort_values("table", kind="stable", ignore_index=True)


def row(
    cell: Printed, wanted: Wanted | None, groups: Mapping[Settings, Sequence[Result]], stale: Container[str]
) -> dict[str, Any]:
    """Return one cell's row of :func:`fill`."""
    found = summarize(groups.get(settings(wanted.spec), ()), wanted.seeds, stale) if wanted else Summary()
    values = (
        cell.table,
        *cell.key,
        found.runs or None,
        found.train_error,
        found.test_error,
        found.test_error_std,
        float(cell.train_error or "nan"),
        float(cell.test_error or "nan"),
        "",
    )
    return dict(zip(COLUMNS, values)) | {
        "state": found.state,
        "outstanding": found.outstanding,
        "stale": found.stale,
        "early": found.early,
        "engines": found.engines,
        "expected": wanted is not None,
        "departs": wanted.departs if wanted else "",
        "paper_train": cell.train_error,
        "paper_test": cell.test_error,
        "readings": list(readings_by_cell().get(cell.key, ())),
    }


def left_out(
    results: Iterable[Result], wanted: Mapping[Key, Wanted], titles: Mapping[str, str]
) -> dict[str, list[Result]]:
    """Return the runs that belong to a wanted experiment but have other settings, by how they differ; most first."""
    found: dict[str, list[Result]] = defaultdict(list)
    expected = {key: settings(want.spec) for key, want in wanted.items() if want.spec}
    for result in results:
        key = key_of(result.spec, titles)
        if key in expected and settings(result.spec) != expected[key]:
            found[", ".join(differences(result.spec, wanted[key].spec))].append(result)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))
