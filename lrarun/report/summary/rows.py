"""Runs -> one row per setting: how many, their mean errors with the spread over seeds, and what has no score."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import stdev
from typing import Any

import pandas as pd

from lrarun.report.repetitions import MISSING, by_settings, mean, one_per_seed, progress, score, settings
from lrarun.report.summary.settings import Flat, Keys, Usual, find_key, flat_settings, keys_of, with_silent
from lrarun.results.result import DIVERGED, FAILED, INTERRUPTED, PRUNED, RUNNING, Result

ERRORS = ("validation_error", "test_error", "train_error")  # percent, at the best epoch
MEASURES = (*ERRORS, "best_epoch", "seconds")
UNSCORED = (MISSING, RUNNING, INTERRUPTED, PRUNED, FAILED, DIVERGED)
SHORT = {"validation_error": "validation", "test_error": "test", "train_error": "train", "best_epoch": "epoch",
         "seconds": "time"}  # fmt: skip
RUNS = "runs"


@dataclass(frozen=True)
class Row:
    """The runs of one setting, or with ``by`` of one value.

    Attributes:
        flat: its settings by the keys that a sweep uses; with ``by``, those keys alone.
        runs: the finished runs, which the means are over: one per seed of each setting.
        unscored: the other runs, or those that are missing: state -> how many.
        first: how far the first of them is, such as ``running 34/100``; empty if there is none.
        stale: how many of the finished runs this version would not reproduce.
    """

    flat: Flat
    runs: tuple[Result, ...] = ()
    unscored: Mapping[str, int] | None = None
    first: str = ""
    stale: int = 0

    def values(self, measure: str) -> list[float]:
        """Return a measure of each run; none if a run lacks it."""
        found = [score(run, getattr(run, measure)) for run in self.runs]
        known = [value for value in found if value is not None]
        return known if len(known) == len(found) else []

    def mean(self, measure: str) -> float | None:
        """Return the mean of a measure over the runs, or None."""
        return mean(found) if (found := self.values(measure)) else None

    def std(self, measure: str) -> float | None:
        """Return the sample standard deviation of a measure over the runs (ddof 1), from two runs on."""
        return stdev(found) if len(found := self.values(measure)) > 1 else None

    def count(self, state: str) -> int:
        """Return how many runs without a score are in a state."""
        return (self.unscored or {}).get(state, 0)

    @property
    def outstanding(self) -> int:
        """Return how many runs have no score."""
        return sum((self.unscored or {}).values())


@dataclass(frozen=True)
class Summary:
    """A table of settings.

    Attributes:
        keys: which settings are columns, and what holds for all rows.
        rows: one per setting.
        over: the keys that differ within a row beside the seed; empty where each setting has a row of its own.
    """

    keys: Keys
    rows: tuple[Row, ...]
    over: tuple[str, ...] = ()


def summarize(
    runs: Iterable[Result],
    specs: Sequence[Mapping[str, Any]] | None = None,
    *,
    stale: Container[str] = (),
    usual: Usual = lambda flat: {},
    silent: Usual = lambda flat: {},
) -> Summary:
    """Return one row per setting: of specs in their order, or of all runs, ordered by what differs.

    Args:
        runs: all runs.
        specs: resolved specs; a seed of theirs that no run has is missing. None: all runs.
        stale: ids of runs that this version would not reproduce.
        usual: see :data:`lrarun.report.summary.settings.Usual`.
        silent: see :func:`lrarun.report.summary.settings.with_silent`.
    """
    groups = by_settings(runs)
    wanted: dict[Any, tuple[Flat, set[Any] | None]] = {}
    if specs is None:
        wanted = {key: (group[0].spec, None) for key, group in groups.items()}
    for spec in specs or ():
        seeds = wanted.setdefault(settings(spec), (spec, set()))[1]
        if seeds is not None:
            seeds.add(spec.get("seed"))
    made = [_row(spec, groups.get(key, ()), seeds, stale) for key, (spec, seeds) in wanted.items()]
    flats = with_silent([row.flat for row in made], silent)
    made = [replace(row, flat=flat) for row, flat in zip(made, flats)]
    keys = keys_of(flats, usual) if made else Keys(())
    if specs is None:
        made.sort(key=lambda row: [_rank(row.flat.get(key)) for key in keys.columns])
    return Summary(keys, tuple(made))


def _row(spec: Mapping[str, Any], group: Iterable[Result], seeds: Container[Any] | None, stale: Container[str]) -> Row:
    by_seed = one_per_seed(group)
    known = sorted(by_seed) if seeds is None else sorted(seed for seed in by_seed if seed in seeds)
    chosen = [by_seed[seed] for seed in known]
    done = tuple(run for run in chosen if run.finished)
    others = [run for run in chosen if not run.finished]
    states = Counter(run.state for run in others)
    if isinstance(seeds, set) and (absent := len(seeds) - len(chosen)):
        states[MISSING] = absent
    first = progress(others[0]) if others else MISSING if states else ""
    return Row(flat_settings(spec), done, states, first, sum(run.run_id in stale for run in done))


def _rank(value: Any) -> tuple[int, float, str]:
    """Return a key that puts numbers in their order, then words, then what there is not."""
    if value is None:
        return 2, 0.0, ""
    if isinstance(value, int | float):
        return 0, float(value), ""
    return 1, 0.0, str(value)


def averaged_by(summary: Summary, typed: Sequence[str]) -> Summary:
    """Return a summary with one row per value of some keys, over all runs with it, whatever differs otherwise.

    Args:
        summary: with a row per setting.
        typed: keys of a spec, in full or without their block; ``seed`` too.

    Raises:
        UsageError: no setting has such a key.
    """
    if not typed:
        return summary
    every = [*dict.fromkeys(key for row in summary.rows for key in row.flat), "seed"]
    by = tuple(dict.fromkeys(find_key(key, every) for key in typed))
    parts: dict[tuple[Any, ...], list[Row]] = {}
    for row in summary.rows:
        for seed, part in _by_seed(row) if "seed" in by else [(None, row)]:
            flat = {key: seed if key == "seed" else row.flat.get(key) for key in by}
            parts.setdefault(tuple(flat.values()), []).append(replace(part, flat=flat))
    made = [_together(group) for group in parts.values()]
    made.sort(key=lambda row: [_rank(row.flat[key]) for key in by])
    keys = replace(summary.keys, columns=by, common={k: v for k, v in summary.keys.common.items() if k not in by})
    return Summary(keys, tuple(made), tuple(key for key in (*summary.keys.columns, "seed") if key not in by))


def _by_seed(row: Row) -> list[tuple[Any, Row]]:
    """Return a row's finished runs each by its seed. What has no score is left out: not all of it has a seed."""
    return [(run.spec.get("seed"), replace(row, runs=(run,), unscored={}, first="", stale=0)) for run in row.runs]


def _together(rows: Sequence[Row]) -> Row:
    states: Counter[str] = Counter()
    for row in rows:
        states.update(row.unscored or {})
    runs = tuple(run for row in rows for run in row.runs)
    first = next((row.first for row in rows if row.first), "")
    return Row(rows[0].flat, runs, states, first, sum(row.stale for row in rows))


def ordered(summary: Summary, typed: str | None) -> Summary:
    """Return a summary with its rows in the order of a column; what has no value comes last.

    Args:
        summary: any.
        typed: ``runs``, a measure (``test_error`` or ``test``), or a key; with ``-`` before it, the highest first.

    Raises:
        UsageError: there is no such column.
    """
    if not typed:
        return summary
    name = typed.removeprefix("-")
    by_short = {short: measure for measure, short in SHORT.items()}
    columns = [*summary.keys.columns, RUNS, *MEASURES, *SHORT.values()]
    column = find_key(name, columns) if name not in columns else name
    column = column if column in summary.keys.columns else by_short.get(column, column)

    def value(row: Row) -> Any:
        if column in summary.keys.columns:
            return row.flat.get(column)
        return len(row.runs) if column == RUNS else row.mean(column)

    known = [row for row in summary.rows if value(row) is not None]
    unknown = [row for row in summary.rows if value(row) is None]
    known.sort(key=lambda row: _rank(value(row)), reverse=typed.startswith("-"))
    return replace(summary, rows=(*known, *unknown))


def frame(summary: Summary) -> pd.DataFrame:
    """Return a summary as a table for programs: one row per setting.

    Columns: the keys that differ, by the names that a sweep uses (``algorithm.beta``); ``runs``; how many others
    are ``missing``, ``running``, ``interrupted``, ``pruned``, ``failed``, ``diverged``, and how many of the runs are
    ``stale``; and for each of ``validation_error``, ``test_error``, ``train_error`` (percent), ``best_epoch`` and
    ``seconds`` the mean, with the sample standard deviation under the name with ``_std``. What there is not is empty.
    ``attrs["common"]`` has the settings that all rows share.
    """
    columns = [*summary.keys.columns, RUNS, *UNSCORED, "stale"]
    columns += [name for measure in MEASURES for name in (measure, f"{measure}_std")]
    records = [
        {key: _plain(row.flat.get(key)) for key in summary.keys.columns}
        | {RUNS: len(row.runs), "stale": row.stale}
        | {state: row.count(state) for state in UNSCORED}
        | {name: value for measure in MEASURES for name, value in (
            (measure, _number(row.mean(measure))), (f"{measure}_std", _number(row.std(measure))))}
        for row in summary.rows
    ]  # fmt: skip
    made = pd.DataFrame(records, columns=columns)
    numbers = [name for measure in MEASURES for name in (measure, f"{measure}_std")]
    made = made.astype(dict.fromkeys(numbers, "float64"))
    for key in summary.keys.columns:
        kinds = {type(row.flat[key]) for row in summary.rows if row.flat.get(key) is not None}
        if kinds == {int}:
            made[key] = made[key].astype("Int64")
    made.attrs["common"] = dict(summary.keys.common)
    return made


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value
