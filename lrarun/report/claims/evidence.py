"""Finds the runs, curves and test results that a claim is about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lrarun.paper import Key
from lrarun.report.paired import MissingEvidence, Mistakes, mistakes_of
from lrarun.report.repetitions import Settings, by_settings, one_per_seed, settings
from lrarun.results.log import read_log
from lrarun.results.result import DIVERGED, Result
from lrarun.results.settings import flatten

# (experiment, changed settings) -> the resolved spec, or None if its rule is not installed.
Resolve = Callable[[Key, Mapping[str, Any]], Mapping[str, Any] | None]
Row = Mapping[str, float]


class Evidence:
    """What runs say of experiments: test results and logs.

    Args:
        results: all runs there are.
        resolve: finds the spec of an experiment.
    """

    def __init__(self, results: Sequence[Result], resolve: Resolve):
        self.resolve = resolve
        self.runs = by_settings(results)
        # The number of epochs asked for changes nothing in the epochs that a run has.
        self.of_any_length: dict[Settings, list[Result]] = {}
        for result in results:
            self.of_any_length.setdefault(settings(without_epochs(result.spec)), []).append(result)
        self.test = functools.cache(self._test)

    def spec(self, key: Key, changed: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the resolved spec of an experiment; raises ``MissingEvidence`` if its rule is not installed."""
        spec = self.resolve(key, changed)
        if spec is None:
            raise MissingEvidence(f"the rule {key.model}")
        return spec

    def _test(self, key: Key) -> Mistakes:
        """Return the test results of the paper's protocol, over all seeds that ended.

        Raises:
            MissingEvidence: there is none.
        """
        return mistakes_of(self.ended(key))

    def ended(self, key: Key) -> list[Result]:
        """Return the finished and diverged runs of the paper's protocol, one per seed; raises ``MissingEvidence``."""
        runs = one_per_seed(self.runs.get(settings(self.spec(key, {})), ())).values()
        ended = [run for run in runs if run.finished or run.state == DIVERGED]
        if not ended:
            raise MissingEvidence(f"a finished run of {key}")
        return ended

    def curves(
        self, key: Key, changed: Mapping[str, Any], columns: Sequence[str], epochs: int
    ) -> list[tuple[Result, list[Row]]]:
        """Return logs of at least so many epochs, one run per seed; a diverged run's may be shorter.

        Args:
            key: the experiment.
            changed: settings in which it differs from the paper's protocol.
            columns: those that the log must have.
            epochs: how many rows.

        Raises:
            MissingEvidence: there is none.
        """
        spec = self.spec(key, changed)
        found: dict[Any, tuple[Result, list[Row]]] = {}
        for run in self.of_any_length.get(settings(without_epochs(spec)), ()):
            log: list[Row] = [row for row in read_log(run.folder) if row.keys() >= set(columns)]
            # Up to a row that is lost: else later epochs would be compared with earlier ones of other runs.
            rows = [row for epoch, row in enumerate(log, 1) if row["epoch"] == epoch]
            enough = len(rows) >= epochs or (run.state == DIVERGED and rows)
            if enough and len(rows) > len(found.get(run.spec["seed"], (run, []))[1]):
                found[run.spec["seed"]] = run, rows
        if not found:
            with_settings = "".join(f" with {name} {value}" for name, value in flatten(changed).items())
            raise MissingEvidence(f"{columns[-1]} over {epochs} epochs of {key}{with_settings}")
        return [found[seed] for seed in sorted(found)]


def without_epochs(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec without its number of epochs."""
    return {name: value for name, value in spec.items() if name != "epochs"}
