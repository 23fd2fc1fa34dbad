"""Runs -> one row per cell of the paper's tables, as a DataFrame.

A cell is filled by the runs of one resolved spec, whatever their seed. Runs with any
other setting never enter an average: they are counted and named instead.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from lrarun.errors import NotInTables
from lrarun.paper import MODELS, TABLE_OF, Key, Printed, printed_cells
from lrarun.paper.readings import readings_by_cell
from lrarun.report.scored_epoch import scored_early
from lrarun.results.read import DIVERGED, FAILED, Result
from lrarun.results.settings import differing, flatten

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
# None changes what the numbers mean: seeds are repetitions, probes only observe, engines round differently.
NOT_SETTINGS = ("seed", "probes", "engine")
REFERENCE = "numpy"  # the engine whose run counts where several have trained one
MISSING = "missing"

Settings = frozenset[tuple[str, Hashable]]


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


def comparable(spec: Mapping[str, Any]) -> dict[str, Hashable]:
    """Return a resolved spec's settings by dotted name, without seed, probes and engine.

    >>> comparable({"algorithm": {"name": "lra-e", "beta": 0.1}, "seed": 3})
    {'algorithm.name': 'lra-e', 'algorithm.beta': 0.1}
    """
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in flatten(spec).items()
        if name not in NOT_SETTINGS
    }


def well_formed(results: Iterable[Result]) -> list[Result]:
    """Return the results whose spec names an experiment; other folders are no runs of lrarun."""

    def names_experiment(spec: Any) -> bool:
        try:
            parts = spec["dataset"], spec["algorithm"]["name"], spec["optimizer"]["name"], spec["depth"], spec["seed"]
        except (KeyError, TypeError):
            return False
        return all(isinstance(part, kind) for part, kind in zip(parts, (str, str, str, int, int)))

    return [result for result in results if names_experiment(result.spec)]


def settings(spec: Mapping[str, Any]) -> Settings:
    """Return the settings that two runs must share to be repetitions of one another."""
    return frozenset(comparable(spec).items())


def differences(spec: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """How a spec differs from another, as ``["epochs 1 instead of 100"]``."""
    ours, theirs = comparable(spec), comparable(other)
    return [
        f"{name} {ours.get(name, 'absent')} instead of {theirs.get(name, 'absent')}"
        for name in sorted(differing([ours, theirs]))
    ]


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


@dataclass(frozen=True)
class Summary:
    """The runs of one cell, averaged.

    Attributes:
        runs: how many finished runs the means are over.
        train_error, test_error: their means, in percent; None without any.
        test_error_std: sample standard deviation over seeds (ddof 1), from two runs on.
        state: the state of a run without a score, such as ``running 34/100``; empty if there is none.
        outstanding: how many of the runs asked for have no score.
        stale: how many of the finished runs this version would not reproduce.
        early: that runs were scored in the first tenth of their epochs, in words; empty if none was.
        engines: the engines that trained the finished runs, in alphabetical order.
    """

    runs: int = 0
    train_error: float | None = None
    test_error: float | None = None
    test_error_std: float | None = None
    state: str = ""
    outstanding: int = 0
    stale: int = 0
    early: str = ""
    engines: tuple[str, ...] = ()


def score(result: Result, error: float | None) -> float | None:
    """Return an error of a run in percent if the run is finished and the error a finite number, else None."""
    return float(error) if result.finished and error is not None and math.isfinite(error) else None


def progress(result: Result) -> str:
    """Return how far a run without a score came, as ``running 34/100`` or ``diverged at 12``."""
    if result.finished:
        return "no score"
    if result.state == FAILED:
        return FAILED
    if result.state == DIVERGED:
        return f"{DIVERGED} at {result.epoch}"
    return f"{result.state} {result.epoch}/{result.epochs or '?'}"


def one_per_seed(results: Iterable[Result]) -> dict[Any, Result]:
    """Return each seed's run, of several with the same settings.

    A run that NumPy has finished, or seen diverge, goes before any of another engine: NumPy is the reference. Else,
    and of two runs of one engine (one with probes), it is the one with more progress.
    """
    chosen: dict[Any, Result] = {}
    for result in results:
        seed = result.spec.get("seed")
        if seed not in chosen or precedence(result) > precedence(chosen[seed]):
            chosen[seed] = result
    return chosen


def precedence(result: Result) -> tuple[bool, bool, float, bool]:
    """Return a key that orders runs with the same seed and settings; the highest one counts."""
    reference = engine_of(result) == REFERENCE
    scored = score(result, result.test_error) is not None
    return reference and (scored or result.state == DIVERGED), scored, result.epoch, reference


def engine_of(result: Result) -> str:
    """Return the name of the engine that trained a run; specs older than the second engine name none."""
    return result.spec.get("engine", REFERENCE)


def summarize(results: Iterable[Result], seeds: frozenset[int] | None, stale: Container[str] = ()) -> Summary:
    """Average the runs of one setting over the given seeds, or over all; count those in ``stale``."""
    by_seed = one_per_seed(results)
    chosen = by_seed.values() if seeds is None else [by_seed[seed] for seed in sorted(seeds & by_seed.keys())]
    tests = [error for run in chosen if (error := score(run, run.test_error)) is not None]
    done = [run for run in chosen if score(run, run.test_error) is not None]
    states = [progress(run) for run in chosen if score(run, run.test_error) is None]
    absent = len(seeds - by_seed.keys()) if seeds is not None else int(not by_seed)
    states += [MISSING] * absent
    # States that can still change come first: a cell is "diverged" only if nothing else is outstanding.
    states.sort(key=lambda state: state.startswith(DIVERGED))
    trains = [error for run in done if (error := score(run, run.train_error)) is not None]
    return Summary(
        runs=len(done),
        train_error=mean(trains) if trains and len(trains) == len(done) else None,
        test_error=mean(tests) if tests else None,
        test_error_std=stdev(tests) if len(tests) > 1 else None,
        state=states[0] if states else "",
        outstanding=len(states),
        stale=sum(run.run_id in stale for run in done),
        early=scored_early(done),
        engines=tuple(sorted({engine_of(run) for run in done})),
    )


def mean(values: Sequence[float]) -> float:
    """Return the mean to ten decimals, so that a half of the last digit shown is rounded alike in text and in JSON."""
    return round(fmean(values), 10)


def by_settings(results: Iterable[Result]) -> dict[Settings, list[Result]]:
    """Group runs with their repetitions."""
    groups: dict[Settings, list[Result]] = defaultdict(list)
    for result in results:
        groups[settings(result.spec)].append(result)
    return groups


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
