"""Any runs as a table of settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from lrarun.api.inputs import SpecLike, all_specs_of, runs_in
from lrarun.errors import Incomplete, SpecError
from lrarun.report.summary.rows import Summary, averaged_by, frame, ordered, summarize
from lrarun.report.summary.settings import BLOCKS, Flat, flat_settings
from lrarun.results.result import Result
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
    ``interrupted``, ``pruned``, ``failed`` and ``diverged``; how many of the runs are ``stale``; then the means
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
    like = defaults()
    return summarize(
        runs,
        wanted,
        stale=superseded(runs),
        usual=lambda flat: like(flat).usual,
        silent=lambda flat: like(flat).silent,
    )


class Defaults(NamedTuple):
    """What a spec has that names only the rule, the depth and so on of a setting.

    Attributes:
        usual: its settings, without what it names.
        silent: those that were added later, which a resolved spec leaves out while they have these values.
    """

    usual: Flat = MappingProxyType({})
    silent: Flat = MappingProxyType({})


def defaults() -> Callable[[Flat], Defaults]:
    """Return a function from a setting to its :class:`Defaults`."""
    known: dict[tuple[object, ...], Defaults] = {}

    def like(flat: Flat) -> Defaults:
        key = tuple(flat.get(name) for name in ("depth", *BLOCKS))
        if key not in known:
            known[key] = _defaults(flat) if len(known) < MOST_DEFAULTS else Defaults()
        return known[key]

    return like


def _defaults(flat: Flat) -> Defaults:
    """Return the defaults of a setting's rule at its depth, with its optimizer and initial weights if they are others.

    Nothing where the rule is not installed.
    """
    named: dict[str, object] = {name: flat.get(name) for name in ("algorithm", "depth")}
    try:
        made = flat_settings(make_spec(named).to_dict())
        named |= {name: flat[name] for name in ("optimizer", "init") if made.get(name) != flat.get(name)}
        filled = make_spec(named)
    except (SpecError, KeyError):
        return Defaults()
    usual = {key: value for key, value in flat_settings(filled.to_dict()).items() if key not in (*named, "dataset")}
    return Defaults(usual, filled.silent())
