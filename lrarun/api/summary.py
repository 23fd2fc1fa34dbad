"""Any runs as a table of settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from lrarun.api.inputs import SpecLike, all_specs_of, runs_in
from lrarun.errors import Incomplete, SpecError
from lrarun.report.summary.rows import Summary, averaged_by, frame, ordered, summarize
from lrarun.report.summary.settings import BLOCKS, Flat, flat_settings
from lrarun.results.read import Result
from lrarun.runs.staleness import superseded
from lrarun.specs.build import make_spec
from lrarun.specs.spec import Spec

MOST_DEFAULTS = 200  # specs made to learn their defaults; beyond, all that differs is a column


def summary(
    results: str | Path = "results",
    specs: SpecLike | Iterable[SpecLike] | None = None,
    by: str | Sequence[str] = (),
    sort: str | None = None,
) -> pd.DataFrame:
    """Return one row per setting, averaged over seeds: the table of ``lrarun summary``.

    Columns, those of ``--format csv``: the keys that differ, by the names that a sweep uses (``algorithm.beta``);
    ``runs`` (finished ones, which the means are over); how many others are ``missing``, ``running``,
    ``interrupted``, ``failed`` and ``diverged``; how many of the runs are ``stale``; then the means
    ``validation_error``, ``test_error``, ``train_error`` (percent, at the epoch with the lowest validation error),
    ``best_epoch`` and ``seconds``, each beside its sample standard deviation, ``validation_error_std`` and so on,
    from two runs on. What there is not is empty. ``attrs["common"]`` has the settings that all rows share.

    Args:
        results: the folder that holds the runs' folders.
        specs: the runs to show: spec files, specs or mappings; None for all in the folder.
        by: keys to average by; a row then takes all runs with its values, whatever differs otherwise.
        sort: the column to order by, with ``-`` before it for the highest first.

    Raises:
        Incomplete: no specs are given, and the folder holds no runs.
        UsageError: there is no such key or column, or the folder can't be read.
        SpecError: a spec is not valid.
    """
    found = summary_of(runs_in(results), all_specs_of(specs))
    if not found.rows:
        raise Incomplete(f"no runs in {results}; train some, or name another folder")
    return frame(ordered(averaged_by(found, [by] if isinstance(by, str) else by), sort))


def summary_of(runs: Sequence[Result], specs: Sequence[Spec] | None = None) -> Summary:
    """Return one row per setting.

    Args:
        runs: as from :func:`lrarun.api.inputs.runs_in`.
        specs: the runs to show; None for all.
    """
    wanted = None if specs is None else [spec.to_dict() for spec in specs]
    return summarize(runs, wanted, stale=superseded(runs), usual=defaults())


def defaults() -> Callable[[Flat], Flat]:
    """Return a function from a setting to what a spec would have that names only its rule, depth and so on."""
    known: dict[tuple[object, ...], Flat] = {}

    def usual(flat: Flat) -> Flat:
        key = tuple(flat.get(name) for name in ("depth", *BLOCKS))
        if key not in known:
            known[key] = _usual(flat) if len(known) < MOST_DEFAULTS else {}
        return known[key]

    return usual


def _usual(flat: Flat) -> Flat:
    """Return the defaults of a setting's rule at its depth, with its optimizer and initial weights if they are others.

    Without what had to be named for it. Nothing where the rule is not installed.
    """
    named: dict[str, object] = {name: flat.get(name) for name in ("algorithm", "depth")}
    try:
        made = flat_settings(make_spec(named).to_dict())
        named |= {name: flat[name] for name in ("optimizer", "init") if made.get(name) != flat.get(name)}
        filled = flat_settings(make_spec(named).to_dict())
    except (SpecError, KeyError):
        return {}
    return {key: value for key, value in filled.items() if key not in (*named, "dataset")}
