"""Runs -> what figures draw: one line per setting, its log's columns over the epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lrarun.report.cells import MISSING, by_settings, comparable, one_per_seed, progress, settings
from lrarun.report.figures.style import dataset_title, named, plain_title, title_of
from lrarun.report.wording import plural
from lrarun.results.read import DIVERGED, Result, read_log
from lrarun.results.settings import differing

# The keys that have one value in a panel of a figure.
PANEL = ("dataset", "depth")


@dataclass(frozen=True)
class Line:
    """The runs of one setting.

    Attributes:
        spec: a resolved spec; its seed does not matter.
        runs: the runs found, one per seed, in the order of the seeds.
        outstanding: the states of wanted runs that are not finished: ``missing``, ``running 34/100``.
    """

    spec: Mapping[str, Any]
    runs: tuple[Result, ...]
    outstanding: tuple[str, ...]


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
        made.append(Line(spec, runs, (*waiting, *[MISSING] * absent)))
    return made


def probes_of(spec: Mapping[str, Any]) -> list[str]:
    """Return the names of a resolved spec's probes."""
    return [probe["name"] if isinstance(probe, Mapping) else str(probe) for probe in spec.get("probes") or ()]


def ended(run: Result) -> bool:
    """Return whether more training would add nothing; a run that diverged would diverge again."""
    return run.finished or run.state == DIVERGED


def over_seeds(runs: Sequence[Result], column: str) -> pd.DataFrame:
    """Return a log column over the epochs: its mean, lowest and highest over the seeds.

    Where some runs have ended, the others are left out: a mean over ever fewer seeds
    would jump.

    Returns:
        Columns ``mean``, ``low``, ``high``, by epoch; no rows where nothing finite was logged.
    """
    chosen = [run for run in runs if ended(run)] or list(runs)
    logs = {run.run_id: column_of(run, column) for run in chosen}
    table = pd.DataFrame(logs, dtype=float).replace([np.inf, -np.inf], np.nan).dropna(how="all")
    return pd.DataFrame({"mean": table.mean(axis=1), "low": table.min(axis=1), "high": table.max(axis=1)})


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
    texts = []
    for own in flats:
        rule = [other for other in flats if other["algorithm.name"] == own["algorithm.name"]]
        differs = set(differing(rule))
        varied = [key for key in own if key in differs]
        # Another optimizer has other settings: its name says so already.
        blocks = {key.partition(".")[0] for key in varied if key.endswith(".name")}
        kept = [key for key in varied if key.endswith(".name") or key.partition(".")[0] not in blocks]
        texts.append(", ".join(setting_text(key, own[key]) for key in kept))
    return texts


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
