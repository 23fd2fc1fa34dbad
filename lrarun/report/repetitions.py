"""Runs that repeat one another, and their average.

Cells of tables, rows of summaries, claims and figures rest on them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from lrarun.report.scored_epoch import scored_early
from lrarun.results.result import DIVERGED, FAILED, Result
from lrarun.results.settings import differing, flatten

# None changes what the numbers mean: seeds are repetitions, probes only observe, engines round differently.
NOT_SETTINGS = ("seed", "probes", "engine")
REFERENCE = "numpy"  # the engine whose run counts where several have trained one
MISSING = "missing"

Settings = frozenset[tuple[str, Hashable]]


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


def settings(spec: Mapping[str, Any]) -> Settings:
    """Return the settings that two runs must share to be repetitions of one another."""
    return frozenset(comparable(spec).items())


def with_engine_and_probes(spec: Mapping[str, Any]) -> tuple[Settings, str, str]:
    """Return a resolved spec's settings with its engine and its probes, which change no setting."""
    return settings(spec), spec.get("engine", REFERENCE), repr(spec.get("probes") or [])


def differences(spec: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """How a spec differs from another, as ``["epochs 1 instead of 100"]``."""
    ours, theirs = comparable(spec), comparable(other)
    return [
        f"{name} {ours.get(name, 'absent')} instead of {theirs.get(name, 'absent')}"
        for name in sorted(differing([ours, theirs]))
    ]


def well_formed(results: Iterable[Result]) -> list[Result]:
    """Return the results whose spec names an experiment; other folders are no runs of lrarun."""

    def names_experiment(spec: Any) -> bool:
        try:
            parts = spec["dataset"], spec["algorithm"]["name"], spec["optimizer"]["name"], spec["depth"], spec["seed"]
        except (KeyError, TypeError):
            return False
        return all(isinstance(part, kind) for part, kind in zip(parts, (str, str, str, int, int)))

    return [result for result in results if names_experiment(result.spec)]


def by_settings(results: Iterable[Result]) -> dict[Settings, list[Result]]:
    """Group runs with their repetitions."""
    groups: dict[Settings, list[Result]] = defaultdict(list)
    for result in results:
        groups[settings(result.spec)].append(result)
    return groups


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


@dataclass(frozen=True)
class Summary:
    """The runs of one setting, averaged.

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
