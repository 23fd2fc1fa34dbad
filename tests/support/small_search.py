"""A search that takes a second, and a kill that leaves what a real one leaves."""

from __future__ import annotations

import json
from pathlib import Path

from lrarun.scheduling.train_all import train_all
from lrarun.scheduling.watcher import Watcher
from lrarun.specs.search import read_search
from lrarun.tuning.study import Study
from lrarun.tuning.table import frame
from tests.support.small_runs import SMALL

SPACE = {
    "algorithm.beta": {"low": 0.01, "high": 1.0, "scale": "log"},
    "optimizer": {
        "sgd": {"learning_rate": {"low": 1e-3, "high": 1.0, "scale": "log"}},
        "adam": {"learning_rate": {"low": 1e-5, "high": 1e-2, "scale": "log"}},
    },
}
BUDGET = {"trials": 12, "epochs": 3}


def write_search(path, dataset, space=None, budget=None, **settings):
    """A spec file with a search; returns its path."""
    search = {**BUDGET, **(budget or {}), "space": SPACE if space is None else space}
    spec = {**SMALL, "dataset": dataset, "algorithm": "lra-e", "search": search} | settings
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path


def study_of(file, results, *overrides):
    return Study(read_search(file, overrides), Path(results))


def trained(study, workers=1, watcher=None):
    """All trials of a study."""
    return study.run(lambda jobs: train_all(jobs, study.results, workers=workers, watcher=watcher))


def history(study, trials):
    """All that is to be the same however a study came about."""
    return frame(study.search, trials).to_csv(index=False)


class Killed(BaseException):
    """The end of the process: nothing catches it, so that nothing is written any more."""


class Killer(Watcher):
    """Ends training after some epochs, wherever it then is."""

    def __init__(self, epochs):
        self.epochs = epochs

    def epoch_done(self, job, record):
        self.epochs -= 1
        if self.epochs < 0:
            raise Killed
