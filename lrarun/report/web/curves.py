"""Runs -> the learning curves of the report: a panel per data set and depth, a curve per rule."""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

from lrarun.paper import DATASETS, MODELS, Key, printed_cells
from lrarun.report.cells import Wanted, key_of
from lrarun.report.figures.series import PANEL, legend_names
from lrarun.report.figures.style import dataset_title, named, title_of
from lrarun.report.repetitions import Settings, by_settings, one_per_seed, progress, settings
from lrarun.report.wording import plural
from lrarun.results.log import read_log
from lrarun.results.result import DIVERGED, Result

# Limits that keep the page small however many runs there are; the page says where they apply.
SEEDS, CURVES, PANELS = 20, 12, 24


class Point(NamedTuple):
    """A curve at one epoch: validation error in percent, mean and range over the seeds."""

    epoch: int
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """The runs of one setting.

    Attributes:
        label: the rule, and what sets the curve apart from others of the rule.
        rule: its name in a spec.
        points: over the seeds that came to an end, at the epochs that all of them have;
            over those under way where none has ended.
        diverged: one curve for each seed that diverged, which is in no mean.
        states: how many runs are in which state.
        unread: seeds that are left out.
        under_way: the points are of runs that have not finished.
        cut: how many logs of finished runs lack epochs, which are in no mean then.
    """

    label: str
    rule: str
    points: list[Point] = field(default_factory=list)
    diverged: list[list[Point]] = field(default_factory=list)
    states: Mapping[str, int] = field(default_factory=dict)
    unread: int = 0
    under_way: bool = False
    cut: int = 0

    @property
    def all_points(self) -> list[Point]:
        """Return the points of the mean and of diverged runs."""
        return [*self.points, *(point for points in self.diverged for point in points)]

    @property
    def best(self) -> Point | None:
        """Return the point where the mean is lowest."""
        return min(self.points, key=lambda point: point.error, default=None)


@dataclass(frozen=True)
class Panel:
    """One data set at one depth.

    Attributes:
        dataset, depth: as in a spec.
        curves: those shown.
        left_out: how many more there are.
    """

    dataset: str
    depth: int
    curves: list[Curve]
    left_out: int = 0

    @property
    def title(self) -> str:
        """Return ``MNIST, 3 layers``."""
        return place_name(self.dataset, self.depth)


def place_name(dataset: str, depth: int) -> str:
    """Return ``MNIST, 3 layers``."""
    return f"{dataset_title(dataset)}, {plural(depth, 'layer')}"


def panels(
    runs: Iterable[Result], wanted: Mapping[Key, Wanted], titles: Mapping[str, str], every: bool = False
) -> list[Panel]:
    """Return a panel for every data set and depth that there are runs of.

    A panel shows the runs that fill the tables; where it has none of those, the ones
    that there are.

    Args:
        runs: all of them.
        wanted: what the tables take.
        titles: name -> title of rules that the paper does not have.
        every: show all runs, as they were asked for, whether or not a table has a place for them.
    """
    expected = {settings(want.spec): want for want in wanted.values() if want.spec}
    places: dict[tuple[str, int], list[list[Result]]] = defaultdict(list)
    for group in by_settings(runs).values():
        places[group[0].spec["dataset"], group[0].spec["depth"]].append(group)
    chosen = {place: choose(places[place], expected, every) for place in sorted(places, key=place_order)}
    names = labels(list(chosen.values())[:PANELS], expected, titles)
    made = []
    for place, groups in chosen.items():
        kept = groups[:CURVES]
        texts = [names.get(settings(group[0].spec), "") for group in kept]
        curves = [curve(text, group, expected.get(settings(group[0].spec))) for text, group in zip(texts, kept)]
        made.append(Panel(*place, curves, len(groups) - len(kept)))
    return made


def choose(groups: Sequence[list[Result]], expected: Container[Settings], every: bool = False) -> list[list[Result]]:
    """Return the runs of one place that its panel is of, grouped, in order.

    Those that fill the tables; all of them where there are no such runs, or ``every`` is asked for.
    """
    ours = [group for group in groups if settings(group[0].spec) in expected and not every]
    return sorted(ours or groups, key=lambda group: group_order(group[0].spec))


def labels(
    panels: Iterable[Sequence[list[Result]]], expected: Container[Settings], titles: Mapping[str, str]
) -> dict[Settings, str]:
    """Return the label of each curve of some panels, by its settings.

    A curve of the tables is named by its rule. Any other is named by all that sets it apart from the curves
    of its rule in these panels, so that one label never stands for two settings.
    """
    named_by_protocol: dict[Settings, str] = {}
    specs = []
    for groups in panels:
        own = [group[0].spec for group in groups[:CURVES]]
        specs += own
        if own and all(settings(spec) in expected for spec in own):
            named_by_protocol |= dict(zip(map(settings, own), protocol_labels(own, titles)))
    return dict(zip(map(settings, specs), legend_names(specs, titles, PANEL))) | named_by_protocol


def place_order(place: tuple[str, int]) -> tuple[Any, ...]:
    """Return a key that puts the paper's data sets first, in its order, then sorts by name and depth."""
    names = list(DATASETS)
    dataset, depth = place
    return (names.index(dataset) if dataset in names else len(names), dataset, depth)


def group_order(spec: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a key that puts the paper's rules first, in its order; the settings of one rule have a fixed order."""
    names, rule = list(MODELS), spec["algorithm"]["name"]
    usual = key_of(spec, {}).optimizer != usual_optimizer(rule)
    return (names.index(rule) if rule in names else len(names), rule, usual, sorted(map(str, settings(spec))))


def usual_optimizer(rule: str) -> str | None:
    """Return the optimizer that the paper's tables have a rule with."""
    found = (cell.key for cell in printed_cells() if cell.table == 1)
    return next((key.optimizer for key in found if key.model == MODELS.get(rule)), None)


def protocol_labels(specs: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[str]:
    """Return each spec's rule, with the optimizer where that is not what it usually has."""
    count = Counter(spec["algorithm"]["name"] for spec in specs)
    names = []
    for spec in specs:
        rule, optimizer = spec["algorithm"]["name"], spec["optimizer"]["name"]
        usual = usual_optimizer(rule) or (optimizer if count[rule] == 1 else None)
        names.append(title_of(rule, titles) + ("" if optimizer == usual else f", {named(optimizer)}"))
    return names


def curve(label: str, group: Sequence[Result], want: Wanted | None = None) -> Curve:
    """Return the curve of runs with the same settings, over the seeds that are wanted or over all there are."""
    by_seed, seeds = one_per_seed(group), want.seeds if want else None
    every = [by_seed[seed] for seed in sorted(by_seed) if seeds is None or seed in seeds]
    runs = every[:SEEDS]
    tracks = [(run, track(run)) for run in runs]
    ended = [points for run, points in tracks if run.finished and points]
    under_way = [points for run, points in tracks if not run.finished and run.state != DIVERGED and points]
    diverged = [[Point(epoch, *[error] * 3) for epoch, error in points.items()]
                for run, points in tracks if run.state == DIVERGED and points]  # fmt: skip
    states = Counter(run.state if run.finished else progress(run) for run in runs)
    cut = sum(run.finished and len(points) < run.epoch for run, points in tracks)
    points = over_seeds(ended or under_way)
    rule = group[0].spec["algorithm"]["name"]
    return Curve(label, rule, points, diverged, states, len(every) - len(runs), bool(points and not ended), cut)


def track(run: Result) -> dict[int, float]:
    """Return the validation error in percent by epoch from a run's log, where it is finite."""
    try:
        rows = read_log(run.folder)
    except (OSError, ValueError, csv.Error):  # one log that cannot be read is no reason to show no other
        return {}
    errors = {int(row["epoch"]): row.get("validation_error", math.nan) for row in rows}
    return {epoch: error for epoch, error in errors.items() if math.isfinite(error)}


def over_seeds(tracks: Sequence[Mapping[int, float]]) -> list[Point]:
    """Return mean and range at each epoch that all runs have: a mean over ever fewer seeds would jump."""
    common = sorted(set.intersection(*map(set, tracks))) if tracks else []
    columns = [(epoch, [found[epoch] for found in tracks]) for epoch in common]
    return [Point(epoch, fmean(errors), min(errors), max(errors)) for epoch, errors in columns]
