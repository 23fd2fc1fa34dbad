"""The paper's tables from a results folder: which runs fill which cell, with verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lrarun.api.inputs import SpecLike, all_specs_of, runs_in
from lrarun.errors import NotInTables, UsageError
from lrarun.paper import MODELS, TABLE_OF, TABLES, Key, printed_cells
from lrarun.report.cells import COLUMNS, Wanted, crowded, fill, key_of, left_out, wanted_by
from lrarun.report.repetitions import differences
from lrarun.report.verdicts import add_verdicts
from lrarun.results.result import Result
from lrarun.runs.staleness import superseded
from lrarun.specs.paper_runs import paper_specs, rule_titles
from lrarun.specs.spec import Spec


@dataclass(frozen=True)
class Tables:
    """The cells of the paper's tables, and what is to be known of the runs beside them.

    Attributes:
        cells: one row per cell: the columns of :func:`lrarun.report.cells.fill` and
            :func:`lrarun.report.verdicts.add_verdicts`.
        wanted: which runs each cell takes.
        stale: run id -> why this version would not make the same run again.
        left_out: how settings differ from the paper's protocol -> such runs, which are in no cell; most first.
            Empty where specs chose the runs.
    """

    cells: pd.DataFrame
    wanted: Mapping[Key, Wanted]
    stale: Mapping[str, str]
    left_out: Mapping[str, Sequence[Result]] = field(default_factory=dict)


def table(
    results: str | Path = "results",
    number: int | None = None,
    specs: SpecLike | Iterable[SpecLike] | None = None,
) -> pd.DataFrame:
    """Return the paper's tables with our numbers beside the printed ones, one row per cell.

    Columns, those of ``lrarun table --format csv``: ``table`` (1, 2 or 3), ``dataset``,
    ``model`` (the paper's name of the rule), ``depth``, ``optimizer``, ``runs`` (finished
    runs that the numbers are means of), ``train_error`` and ``test_error`` (percent),
    ``test_error_std`` (over seeds, from two runs on), ``paper_train_error`` and
    ``paper_test_error`` (as printed, percent), and ``verdict`` (``reproduced``, ``lower``,
    ``higher``, ``inconclusive`` or ``missing``; docs/verdicts.md). A number that there is
    not is NaN.

    Args:
        results: the folder that holds the runs' folders; an absent one holds no run.
        number: 1, 2 or 3 for one table; None for all.
        specs: the runs to show in place of the paper's protocol: spec files, specs or mappings.

    Raises:
        UsageError: there is no such table, no spec has a run in it, two settings fall in one cell,
            or the folder can't be read.
        SpecError: a spec is not valid.
    """
    return tables(runs_in(results), number, all_specs_of(specs)).cells[list(COLUMNS)]


def tables(
    runs: Sequence[Result], number: int | None = None, specs: Sequence[Spec] | None = None, strict: bool = True
) -> Tables:
    """Return the tables' cells with verdicts.

    Args:
        runs: as from :func:`lrarun.api.inputs.runs_in`.
        number: of one table, or None for all.
        specs: the runs to take; None for those of the paper's protocol.
        strict: raise an error for specs that have no place in the tables, and those without test errors; else leave
            them out.

    Raises:
        UsageError: as :func:`table`.
        NotInTables: a spec has ``scores: validation``, and ``strict``.
    """
    if number is not None and number not in TABLES:
        raise UsageError(f"the paper has Tables {TABLES[0]} to {TABLES[-1]}, not {number!r}")
    scored = [spec for spec in specs or () if spec.scores == "test"]
    if strict and len(scored) < len(specs or ()):
        raise NotInTables("the paper's tables are of test errors, which runs with scores: validation never get")
    runs = [run for run in runs if run.spec.get("scores") in (None, "test")]  # trials of a search are of no table
    wanted = by_protocol(runs) if specs is None else by_specs([spec.to_dict() for spec in scored], strict)
    stale = superseded(runs)
    several = crowded([spec.to_dict() for spec in scored], rule_titles())
    cells = add_verdicts(fill(runs, wanted, stale, several))
    if number is not None:
        cells = cells[cells["table"] == number]
        if not cells["expected"].any():
            raise UsageError(f"none of the specs has a run in Table {number}")
    if specs is not None:
        return Tables(cells, wanted, stale)
    shown = [Key(*key) for key in cells[list(Key._fields)].itertuples(index=False)]
    return Tables(cells, wanted, stale, left_out(runs, {key: wanted[key] for key in shown}, rule_titles()))


def by_specs(specs: Sequence[Mapping[str, Any]], strict: bool = True) -> dict[Key, Wanted]:
    """Return the cells that the runs of resolved specs fill, each with how it departs from the protocol.

    Raises:
        NotInTables: two settings fall in one cell, or no spec falls in any, and ``strict``.
    """
    wanted = wanted_by(specs, rule_titles(), strict)
    papers = paper_specs(wanted)
    return {key: replace(want, departs=", ".join(differences(want.spec, papers[key]))) for key, want in wanted.items()}


def by_protocol(runs: Sequence[Result]) -> dict[Key, Wanted]:
    """Return all printed cells, and those of other rules that there are runs of."""
    printed = {cell.key: Wanted({}) for cell in printed_cells()}
    depths = {key.depth for key in printed}
    others = [key_of(run.spec, rule_titles()) for run in runs if run.spec["algorithm"]["name"] not in MODELS]
    keys = [*printed, *(key for key in others if key.dataset in TABLE_OF and key.depth in depths)]
    return printed | {key: Wanted(spec) for key, spec in paper_specs(dict.fromkeys(keys)).items()}
