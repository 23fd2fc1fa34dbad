"""Results as pandas tables: one row per run, or one per epoch of every run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from lrarun.errors import Incomplete
from lrarun.results.read import Result, as_counted, read_log, read_results, settings_of_run

SCORES = ("best_epoch", "validation_error", "train_error", "test_error", "train_nll", "test_nll", "seconds", "reason")


def load_results(path: str | Path = "results") -> pd.DataFrame:
    """One row per run of a results folder, by run id.

    Columns: ``run_id``, ``state``, every setting of the specs by the key that a sweep would
    use (``depth``, ``algorithm``, ``algorithm.beta``, ...), ``epoch`` (epochs done), and the
    scores at ``best_epoch``: ``validation_error, train_error, test_error`` in percent,
    ``train_nll, test_nll`` in nats, ``seconds`` of training; empty where a run has none.

    Raises:
        Incomplete: there are no runs in the folder.
    """
    runs = _runs(path)
    rows = [_about(run) | as_counted({name: run.record.get(name) for name in ("epoch", *SCORES)}) for run in runs]
    return _table(rows, _columns(map(_about, runs), [("epoch", *SCORES)]))


def load_epochs(path: str | Path = "results") -> pd.DataFrame:
    """One row per epoch of every run of a results folder, in order.

    Columns: ``run_id``, ``state``, the settings as in :func:`load_results`, then the log's:
    ``epoch, train_nll, validation_nll`` (nats), ``validation_error`` (percent), ``seconds``
    (of this epoch), and those of probes.

    Raises:
        Incomplete: there are no runs in the folder.
    """
    logs = [(_about(run), read_log(run.folder)) for run in _runs(path)]
    rows = [about | as_counted(record) for about, log in logs for record in log]
    return _table(rows, _columns((about for about, _ in logs), [("epoch",), *(log[0] for _, log in logs if log)]))


def _runs(path: str | Path) -> list[Result]:
    found = read_results(Path(os.path.expanduser(path)))
    if not found:
        raise Incomplete(f"no runs in {path}; train some, or name another folder")
    return found


def _about(run: Result) -> dict[str, Any]:
    return {"run_id": run.run_id, "state": run.state} | settings_of_run(run.spec)


def _columns(settings: Iterable[Iterable[str]], measures: Iterable[Iterable[str]]) -> list[str]:
    """Every key once: settings with the nested ones beside their block, then measures."""
    last = list(dict.fromkeys(name for names in measures for name in names))
    names = [name for name in dict.fromkeys(name for names in settings for name in names) if name not in last]
    heads = list(dict.fromkeys(name.partition(".")[0] for name in names))
    return sorted(names, key=lambda name: heads.index(name.partition(".")[0])) + last


def _table(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Rows with different keys as one table whose columns hold one type each."""
    frame = pd.DataFrame(rows, columns=columns)
    for name in columns:
        # From the rows: where a value is missing, pandas has turned integers into floats.
        kinds = {type(row[name]) for row in rows if row.get(name) is not None}
        if kinds == {int}:
            frame[name] = frame[name].astype("Int64" if frame[name].hasnans else "int64")
        elif len(kinds) > 1 and not kinds <= {int, float}:
            frame[name] = frame[name].map(str, na_action="ignore")
    return frame
