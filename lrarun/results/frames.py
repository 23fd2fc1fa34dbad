"""Results as pandas tables: one row per run, or one per epoch of every run."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from lrarun.errors import Incomplete
from lrarun.files import user_path
from lrarun.results.log import read_log_and_gaps
from lrarun.results.read import read_results
from lrarun.results.result import Result, without_rounding_noise
from lrarun.results.settings import by_sweep_key

LOG = logging.getLogger(__name__)
SCORES = (
    "epoch", "best_epoch", "validation_error", "train_error", "test_error", "train_nll", "test_nll", "seconds", "reason"
)  # fmt: skip


def load_results(path: str | Path = "results", run_ids: Collection[str] | None = None) -> pd.DataFrame:
    """Return one row per run of a results folder, ordered by run id.

    Columns: ``run_id``, ``state``, every setting of the specs by the key that a sweep uses
    (``depth``, ``algorithm``, ``algorithm.beta``, ...), ``epoch`` (epochs done), and the
    scores at ``best_epoch``: ``validation_error, train_error, test_error`` in percent,
    ``train_nll, test_nll`` in nats, ``seconds`` of training; empty where a run has none.

    Args:
        path: the folder that holds the runs' folders.
        run_ids: only these runs, as far as there are any; None for all.

    Raises:
        Incomplete: the folder holds no runs, or none of those.
    """
    runs = _runs(path, run_ids)
    rows = [
        _id_and_settings(run) | without_rounding_noise({name: getattr(run, name) for name in SCORES}) for run in runs
    ]
    return _table(rows, _columns(map(_id_and_settings, runs), [SCORES]))


def load_epochs(path: str | Path = "results") -> pd.DataFrame:
    """Return one row per epoch of every run of a results folder, in order.

    Columns: ``run_id``, ``state``, the settings as in :func:`load_results`, then the log's:
    ``epoch, train_nll, validation_nll`` (nats), ``validation_error`` (percent), ``seconds``
    (of this epoch), and those of probes. Warns of epochs that a damaged log lacks.

    Raises:
        Incomplete: the folder holds no runs.
    """
    table, gaps = epochs_and_gaps(path)
    for gap in gaps:
        LOG.warning("lrarun: %s", gap)
    return table


def epochs_and_gaps(path: str | Path, run_ids: Collection[str] | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Return the table of :func:`load_epochs`, and for each run whose log is damaged which epochs it lacks.

    Args:
        path, run_ids: as for :func:`load_results`.
    """
    runs = _runs(path, run_ids)
    read = [read_log_and_gaps(run.folder) for run in runs]
    logs = [(_id_and_settings(run), log) for run, (log, _) in zip(runs, read)]
    rows = [own | without_rounding_noise(record) for own, log in logs for record in log]
    table = _table(rows, _columns((own for own, _ in logs), [("epoch",), *(log[0] for _, log in logs if log)]))
    return table, [gap for _, gap in read if gap]


def _runs(path: str | Path, run_ids: Collection[str] | None = None) -> list[Result]:
    found = read_results(user_path(path))
    if run_ids is not None:
        found = [run for run in found if run.run_id in run_ids]
    if not found:
        which = "no runs" if run_ids is None else "none of these runs"
        raise Incomplete(f"{which} in {path}; train some, or name another folder")
    return found


def _id_and_settings(run: Result) -> dict[str, Any]:
    return {"run_id": run.run_id, "state": run.state} | by_sweep_key(run.spec)


def _columns(settings: Iterable[Iterable[str]], measures: Iterable[Iterable[str]]) -> list[str]:
    """Return every key once: settings, nested ones beside their block, then measures."""
    last = list(dict.fromkeys(name for names in measures for name in names))
    names = [name for name in dict.fromkeys(name for names in settings for name in names) if name not in last]
    heads = list(dict.fromkeys(name.partition(".")[0] for name in names))
    return sorted(names, key=lambda name: heads.index(name.partition(".")[0])) + last


def _table(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Return rows with different keys as one table whose columns hold one type each."""
    frame = pd.DataFrame(rows, columns=columns)
    for name in columns:
        # Read the types from the rows: pandas turns integers into floats where a value is missing.
        kinds = {type(row[name]) for row in rows if row.get(name) is not None}
        if kinds == {int}:
            frame[name] = frame[name].astype("Int64" if frame[name].hasnans else "int64")
        elif len(kinds) > 1 and not kinds <= {int, float}:
            frame[name] = frame[name].map(str, na_action="ignore")
    return frame
