"""Runs -> what figures draw: one line per setting, its log's columns over the epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lrarun.report.figures.style import dataset_title, named, plain_title, title_of
from lrarun.report.repetitions import MISSING, by_settings, comparable, one_per_seed, progress, settings
from lrarun.report.wording import plural
from lrarun.results.log import read_log
from lrarun.results.result import DIVERGED, Result
from lrarun.results.settings import differing

# The keys that have one value in a panel of a figure.
PANEL = ("dataset", "depth")


@dataclass(frozen=True)
class Line:
    """The runs of one setting that are at their end. What is still to be trained is in no line.

    Attributes:
        spec: a resolved spec; its seed does not matter.
        runs: the runs that finished or diverged, one per seed, in the order of the seeds.
        outstanding: the states of wanted runs that are left out: ``missing``, ``running 34/100``.
    """

    spec: Mapping[str, Any]
    runs: tuple[Result, ...]
    outstanding: tuple[str, ...]

    @property
    def averaged(self) -> tuple[Result, ...]:
        """Return the finished runs, which a mean is over; of runs that all diverged, the first alone."""
        return tuple(run for run in self.runs if run.finished) or self.runs[:1]

    @property
    def strays(self) -> tuple[Result, ...]:
        """Return the diverged runs that are in no mean, as they end earlier; each is a line of its own."""
        return tuple(run for run in self.runs if run not in self.averaged)


def lines(
    specs: Iterable[Mapping[str, Any]], results: Sequence[Result], *, every_seed: bool, probe: str | None = None
) -> list[Line]:
    """Return one line per setting of the specs, in their order.

    Args:
        specs: resolved specs.
        results: all runs.
        every_seed: take all seeds that are found, one being enough; or exactly the specs' seeds.
        probe: only runs with this probe have what is to be drawn.
    """
    usable = [result for result in results if probe is None or probe in probes_of(result.spec)]
    found = by_settings(usable)
    wanted: dict[Any, tuple[Mapping[str, Any], set[int]]] = {}
    for spec in specs:
        wanted.setdefault(settings(spec), (spec, set()))[1].add(spec["seed"])
    made = []
    for key, (spec, seeds) in wanted.items():
        by_seed = one_per_seed(found.get(key, ()))
        chosen = sorted(by_seed if every_seed else seeds & by_seed.keys())
        runs = tuple(by_seed[seed] for seed in chosen)
        absent = int(not by_seed) if every_seed else len(seeds - by_seed.keys())
        waiting = [progress(run) for run in runs if not ended(run)]
        made.append(Line(spec, tuple(filter(ended, runs)), (*waiting, *[MISSING] * absent)))
    return made


def probes_of(spec: Mapping[str, Any]) -> list[str]:
    """Return the names of a resolved spec's probes."""
    return [probe["name"] if isinstance(probe, Mapping) else str(probe) for probe in spec.get("probes") or ()]


def ended(run: Result) -> bool:
    """Return whether more training would add nothing; a run that diverged would diverge again."""
    return run.finished or run.state == DIVERGED


def over_seeds(runs: Sequence[Result], column: str) -> pd.DataFrame:
    """Return a log column over the epochs: its mean, lowest and highest over runs.

    Only over the epochs that every run has a finite number for: a mean over ever fewer
    runs would jump. A run whose log has none is left out (:func:`log_lacks` says so).

    Returns:
        Columns ``mean``, ``low``, ``high``, by epoch; no rows where nothing finite was logged.
    """
    logs = {run.run_id: column_of(run, column).replace([np.inf, -np.inf], np.nan) for run in runs}
    table = pd.DataFrame({name: log for name, log in logs.items() if log.notna().any()}, dtype=float).dropna()
    return pd.DataFrame({"mean": table.mean(axis=1), "low": table.min(axis=1), "high": table.max(axis=1)})


def smoothing_window(epochs: int) -> int:
    """Return over how many epochs a smoothed curve averages: an odd number, about a tenth of the run."""
    return 2 * (epochs // 20) + 1


def smoothed(curve: pd.Series, window: int) -> pd.Series:
    """Return the mean of each epoch with the ``window // 2`` before and after it, or as many as there are."""
    return curve.rolling(window, center=True, min_periods=1).mean()


def log_lacks(run: Result, columns: Sequence[str]) -> str:
    """Return what a run's log lacks of its epochs, as ``its log has 3 of 20 epochs``; empty if nothing.

    Of a run that diverged, some finite number is enough.
    """
    for column in columns:
        if over_seeds([run], column).empty:
            return f"nothing in its log under {column}"
    epochs = min(len(column_of(run, column)) for column in columns)
    return f"its log has {epochs} of {run.epoch} epochs" if run.finished and epochs < run.epoch else ""


def column_of(run: Result, column: str) -> pd.Series:
    """Return a column of a run's log by epoch; empty where it was not logged."""
    rows = [row for row in read_log(run.folder) if column in row]
    return pd.Series({row["epoch"]: row[column] for row in rows}, dtype=float)


def variants(specs: Sequence[Mapping[str, Any]], apart: Sequence[str] = ()) -> list[str]:
    """In what each spec differs from the others of its rule, for a legend: ``orthogonal``, ``beta 0.2``.

    Args:
        specs: resolved specs.
        apart: keys that are told apart by other means, such as a panel of their own.
    """
    flats = [
        {key: value for key, value in comparable(spec).items() if key.partition(".")[0] not in apart} for spec in specs
    ]
    by_rule: dict[Any, list[Mapping[str, Any]]] = {}
    for flat in flats:
        by_rule.setdefault(flat["algorithm.name"], []).append(flat)
    texts = [[setting_text(key, flat[key]) for key in varied(flat, by_rule[flat["algorithm.name"]])] for flat in flats]
    for rule in by_rule.values():
        places = [at for at, flat in enumerate(flats) if flat["algorithm.name"] == rule[0]["algorithm.name"]]
        for at in places:
            # Two data sets of one name in two folders, say: then each value is written out.
            if any(texts[other] == texts[at] and flats[other] != flats[at] for other in places):
                every = differing(rule)
                texts[at] = [f"{key} {value}" for key, value in flats[at].items() if key in every]
    return [", ".join(parts) for parts in texts]


def varied(own: Mapping[str, Any], rule: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the settings that tell one setting from the others of its rule, as flat keys.

    Another optimizer has other settings, which its name says already: of those, only what differs
    between runs with the same optimizer. The same goes for initial weights.
    """
    kept = []
    for key, value in own.items():
        block = f"{key.partition('.')[0]}.name"
        same = (other for other in rule if key == block or other.get(block) == own.get(block))
        if any(other.get(key) != value for other in same):
            kept.append(key)
    return kept


def setting_text(key: str, value: Any) -> str:
    """Return a setting for a legend: a name alone, a number with the key."""
    if key == "depth":
        return plural(value, "layer")
    if key == "dataset":
        return dataset_title(value)
    if key.endswith(".name"):
        return named(value)
    return f"{key.rpartition('.')[2].replace('_', ' ')} {value}"


def legend_names(specs: Sequence[Mapping[str, Any]], titles: Mapping[str, str], apart: Sequence[str]) -> list[str]:
    """Return each spec in a legend: its rule, and its variant if it has one (see :func:`variants`)."""
    return [
        ", ".join(filter(None, (title_of(spec["algorithm"]["name"], titles), variant)))
        for spec, variant in zip(specs, variants(specs, apart))
    ]


def shared(specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the panel's keys that have one value in all specs; a title says them once."""
    return [key for key in PANEL if len({spec[key] for spec in specs}) == 1]


def subject(specs: Sequence[Mapping[str, Any]]) -> str:
    """Return what all specs share: ``MNIST, 2 hidden layers``."""
    dataset, depth = (specs[0][key] for key in PANEL)
    texts = {"dataset": dataset_title(dataset), "depth": plural(depth, "hidden layer")}
    return ", ".join(texts[key] for key in shared(specs))


def descriptions(specs: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[str]:
    """Return each spec in a message: ``DTP, 8 layers, MNIST, orthogonal``."""
    found = []
    for spec, variant in zip(specs, variants(specs, PANEL)):
        title, dataset = plain_title(spec["algorithm"]["name"], titles), dataset_title(spec["dataset"])
        found.append(", ".join(filter(None, (title, plural(spec["depth"], "layer"), dataset, variant))))
    return found
