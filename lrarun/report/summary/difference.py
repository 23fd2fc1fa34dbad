"""Two settings compared: the difference of their errors, paired by seed, with its interval."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Any

from lrarun.errors import UsageError, indented
from lrarun.report import paired
from lrarun.report.repetitions import score
from lrarun.report.statistics import Estimate, Part
from lrarun.report.summary.rows import ERRORS, Row, Summary
from lrarun.report.summary.settings import Flat, find_key, phrase, short_names, value_text
from lrarun.results.result import DIVERGED, Result

OUTSIDE_BRACKETS = re.compile(r",(?![^\[]*\])")  # the commas between the parts of a name
NO_SEED, ONE_SEED, SAME_EACH = "no seed in common", "one seed, no interval", "no spread, no interval"
NO_SCORE = "no such score"  # of runs with `scores: validation`, such as a search's trials
A_LOWER, B_LOWER, NOT_TOLD = "A is lower", "B is lower", "not told apart"


@dataclass(frozen=True)
class PairedDifference:
    """One error of two settings, over the seeds for which both have a finished run.

    Attributes:
        others: the settings that both share and that other pairs of the same comparison do not.
        error: its name, such as ``test_error``.
        seeds: the seeds.
        a, b: the two means over those seeds, in percent; None without any.
        difference: a - b, in points; None without any.
        half_width: half of its 95 % interval over seeds (Student's t with one less degree of freedom than seeds);
            None where the spread is unknown: for one seed, and where the difference is the same for each.
        over_images: whether the interval is over test images as well. All seeds have the same ones, so their spread
            does not show what other images would do. Validation samples are drawn anew for each seed.
        lacking: without a seed, why.
        diverged: of a side of which some seeds diverged, how many. What is left of it is not all that it does, so that
            no verdict follows.
    """

    others: Flat
    error: str
    seeds: tuple[Any, ...] = ()
    a: float | None = None
    b: float | None = None
    difference: float | None = None
    half_width: float | None = None
    over_images: bool = False
    lacking: str = NO_SEED
    diverged: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the ends of the 95 % interval, in points."""
        if self.difference is None or self.half_width is None:
            return None
        return self.difference - self.half_width, self.difference + self.half_width

    @property
    def verdict(self) -> str:
        """Return what follows, in words."""
        if self.diverged:
            return self.diverged
        if not self.seeds:
            return self.lacking
        if len(self.seeds) == 1:
            return ONE_SEED
        if self.interval is None:
            return SAME_EACH
        low, high = self.interval
        return A_LOWER if high < 0 else B_LOWER if low > 0 else NOT_TOLD


@dataclass(frozen=True)
class ComparedSettings:
    """Two settings, or two groups of settings pair by pair.

    Attributes:
        a, b: what they are, in words.
        differences: of each pair, its three errors.
        columns: the keys that tell the pairs apart.
    """

    a: str
    b: str
    differences: tuple[PairedDifference, ...]
    columns: tuple[str, ...] = ()


def compare(summary: Summary, a: str, b: str) -> ComparedSettings:
    """Compare two settings as a user names them: ``beta=0.1``, ``algorithm=lra-e,beta=0.1``, or ``backprop`` alone.

    Where a name fits several settings, they are compared pair by pair, each with the one that is otherwise the same.

    Args:
        summary: with a row per setting.
        a, b: keys in full or without their block, with values; or the value alone, if one key has it.

    Raises:
        UsageError: a name fits no setting, both fit the same, or it is not clear which belong together.
    """
    conditions = [conditions_of(summary, typed) for typed in (a, b)]
    first, second = ([row for row in summary.rows if _fits(row.flat, asked)] for asked in conditions)
    for typed, found in ((a, first), (b, second)):
        if not found:
            raise UsageError("\n".join([f"no setting {typed!r}; there are:", *indented(_names(summary, summary.rows))]))
    if first == second:
        raise UsageError(f"{a!r} and {b!r} are the same {'setting' if len(first) == 1 else 'settings'}")
    others = [key for key in summary.keys.columns if not any(key in asked for asked in conditions)]
    pairs, columns = _pairs(first, second, others)
    if not pairs:
        lines = []
        for typed, rows in ((a, first), (b, second)):
            lines += [f"{typed!r} means {len(rows)} settings; write more of it:", *indented(_names(summary, rows))]
        raise UsageError("\n".join(lines))
    made = [difference_of(one, other, error, {key: _shared(one, other, key) for key in columns})
            for one, other in pairs for error in ERRORS]  # fmt: skip
    words = [phrase(_told(pairs, side, others, asked)) for side, asked in enumerate(conditions)]
    return ComparedSettings(words[0], words[1], tuple(made), tuple(columns))


def conditions_of(summary: Summary, typed: str) -> dict[str, str]:
    """Return what a user's name for a setting asks for: key -> value as typed.

    Raises:
        UsageError: it names no key, or a value that several keys have.
    """
    for row, name in zip(summary.rows, _names(summary, summary.rows)):
        if typed.strip() == name:  # as messages list it, whatever commas a value has
            return {key: value_text(row.flat[key]) for key in summary.keys.columns if key in row.flat}
    every = list(dict.fromkeys(key for row in summary.rows for key in row.flat))
    asked = {}
    for part in filter(None, (part.strip() for part in OUTSIDE_BRACKETS.split(typed))):
        key, equals, value = part.partition("=")
        if equals:
            asked[find_key(key.strip(), every)] = value.strip()
            continue
        keys = [key for key in summary.keys.columns if any(_is(row.flat.get(key), part) for row in summary.rows)]
        if len(keys) != 1:
            lines = [f"no setting {part!r}; there are:", *indented(_names(summary, summary.rows))]
            several = f"{part!r} is a value of {' and '.join(keys)}; write which, as {keys[0]}={part}" if keys else ""
            raise UsageError(several or "\n".join(lines))
        asked[keys[0]] = part
    return asked


def _fits(flat: Flat, asked: Mapping[str, str]) -> bool:
    return all(_is(flat.get(key), value) for key, value in asked.items())


def _is(value: Any, typed: str) -> bool:
    """Return whether a setting's value is the one that was typed: 0.1 for ``1e-1``."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(typed) == value
        except ValueError:
            return False
    return value is not None and value_text(value) in (typed, _without_brackets(typed))


def _without_brackets(typed: str) -> str:
    """Return a list as :func:`lrarun.results.settings.by_sweep_key` has it: ``8 4`` for ``[8, 4]``."""
    return " ".join(typed[1:-1].replace(",", " ").split()) if re.fullmatch(r"\[.*\]", typed) else typed


def _names(summary: Summary, rows: Sequence[Row]) -> list[str]:
    short = short_names(summary.keys.columns)
    return [
        ",".join(f"{short[key]}={value_text(row.flat[key])}" for key in summary.keys.columns if key in row.flat)
        for row in rows
    ]


def _pairs(
    first: Sequence[Row], second: Sequence[Row], others: Sequence[str]
) -> tuple[list[tuple[Row, Row]], list[str]]:
    """Return which settings are compared with which, and the keys that tell the pairs apart."""
    alike = [
        (one, other)
        for one in first
        for other in second
        if one is not other and all(one.flat.get(key) == other.flat.get(key) for key in others)
    ]
    if not alike and 1 in (len(first), len(second)):
        alike = [(one, other) for one in first for other in second if one is not other]
    values = {key: {_shared(one, other, key) for one, other in alike} for key in others}
    return alike, [key for key in others if len(values[key]) > 1]


def _shared(one: Row, other: Row, key: str) -> Any:
    """Return the value of a key that both have, or that one alone has."""
    return one.flat[key] if one.flat.get(key) is not None else other.flat.get(key)


def _told(pairs: Sequence[tuple[Row, Row]], side: int, others: Sequence[str], asked: Mapping[str, str]) -> Flat:
    """Return what holds for one side in all pairs: what was asked for, and what else is not the other side's."""
    flats, opposite = ([pair[place].flat for pair in pairs] for place in (side, 1 - side))
    own = {key: flats[0].get(key) for key in asked}
    for key in others:
        if len({flat.get(key) for flat in flats}) == 1 and any(flat.get(key) != flats[0].get(key) for flat in opposite):
            own[key] = flats[0].get(key)
    return {key: value for key, value in own.items() if value is not None}


def difference_of(one: Row, other: Row, error: str, others: Flat) -> PairedDifference:
    """Return the difference of an error between two settings, over the seeds that both have.

    The runs of one seed share the validation samples and the order of the training samples, so their difference
    varies less over seeds than each error does.
    """
    a, b = (_by_seed(row.runs, error) for row in (one, other))
    seeds = tuple(sorted(a.keys() & b.keys()))
    gone = _diverged(one, other)
    if not seeds:
        return PairedDifference(others, error, lacking=_why_no_seed(one, other), diverged=gone)
    apart = [a[seed] - b[seed] for seed in seeds]
    effect, half = fmean(apart), None
    images: list[Part] = []
    # Errors are counts of images: over a few seeds the same difference may come twice by chance.
    if len(apart) > 1 and not math.isclose(spread := variance(apart), 0, abs_tol=1e-12):
        images = _over_images(one, other, seeds) if error == "test_error" else []
        half = Estimate(effect, ((spread / len(apart), len(apart) - 1), *images)).half_width()
    means = [fmean(side[seed] for seed in seeds) for side in (a, b)]
    return PairedDifference(others, error, seeds, means[0], means[1], effect, half, bool(images), diverged=gone)


def _why_no_seed(one: Row, other: Row) -> str:
    """Return why no seed of two settings has an error of both."""
    shared = set.intersection(*({run.spec.get("seed") for run in row.runs} for row in (one, other)))
    return NO_SCORE if shared else NO_SEED


def _diverged(one: Row, other: Row) -> str:
    """Return how many of each side's seeds diverged: ``2 of 5 of A diverged``; empty if none did."""
    counts = [(side, row.count(DIVERGED), len(row.runs) + row.outstanding) for side, row in zip("AB", (one, other))]
    parts = [f"{count} of {known} of {side}" for side, count, known in counts if count]
    return f"{', '.join(parts)} diverged" if parts else ""


def _over_images(one: Row, other: Row, seeds: Sequence[Any]) -> list[Part]:
    """Return the variance over test images of a difference of test errors; nothing without the runs' predictions."""
    sides = [[run for run in row.runs if run.spec.get("seed") in seeds] for row in (one, other)]
    try:
        return [(paired.compare(*map(paired.mistakes_of, sides)).known, math.inf)]
    except paired.MissingEvidence:
        return []


def _by_seed(runs: Sequence[Result], error: str) -> dict[Any, float]:
    found = {run.spec.get("seed"): score(run, getattr(run, error)) for run in runs}
    return {seed: value for seed, value in found.items() if value is not None}
