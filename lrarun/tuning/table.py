"""The trials of a study as a table: text, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from tabulate import tabulate

from lrarun.files import to_json
from lrarun.report.columns import broken, ruled, width_of
from lrarun.report.latex import latex_table
from lrarun.report.tables import records, wrapped
from lrarun.report.wording import plural
from lrarun.specs.search import Search
from lrarun.tuning.trials import Trial, rank

BESIDE_KEYS = ("rank", "trial", "state", "epoch", "error", "run")  # columns of the text that are no key
STYLES = {"text": "simple", "markdown": "github", "latex": "latex_booktabs"}


def frame(search: Search, trials: Sequence[Trial]) -> pd.DataFrame:
    """Return one row per trial, the best first, then those that did not finish.

    Columns: ``rank`` (of the finished ones), ``trial`` (its number), ``state``, ``epoch`` (done), ``validation_error``
    (percent; mean over the seeds of the lowest by then), each key that the search chooses, ``reason`` and ``runs``.
    """
    ranked = rank(trials)
    rest = sorted((trial for trial in trials if trial not in ranked), key=lambda trial: (-trial.epoch, trial.number))
    keys = list(dict.fromkeys(dimension.key for dimension in search.dimensions))
    rows = []
    for place, trial in enumerate([*ranked, *rest], 1):
        chosen = by_key(search, trial)
        rows.append(
            {
                "rank": place if place <= len(ranked) else None,
                "trial": trial.number,
                "state": trial.state,
                "epoch": trial.epoch,
                "validation_error": trial.validation_error,
                **{key: chosen.get(key) for key in keys},
                "reason": trial.reason,
                "runs": " ".join(run.spec.run_id for run in trial.runs),
            }
        )
    columns = ["rank", "trial", "state", "epoch", "validation_error", *keys, "reason", "runs"]
    return pd.DataFrame(rows, columns=columns).astype({"rank": "Int64"})


def by_key(search: Search, trial: Trial) -> Mapping[str, Any]:
    """Return a trial's choices by the keys that they set: ``optimizer.learning_rate`` whatever the optimizer."""
    return {each.key: trial.proposal[each.label] for each in search.dimensions if each.label in trial.proposal}


def render(search: Search, trials: Sequence[Trial], format: str, width: int | None = None) -> str:
    """Return the table of the trials in one of :data:`lrarun.report.tables.FORMATS`; ``width`` is the terminal's.

    Text and Markdown have the runs' digests alone, and no reasons; LaTeX has neither.

    Raises:
        KeyError: for another format.
    """
    table = frame(search, trials)
    if format == "csv":
        return table.to_csv(index=False, float_format="%.10g", lineterminator="\n")
    if format == "json":
        return to_json(records(table)) + "\n"
    table["runs"] = [" ".join(run_id.rpartition("-")[2] for run_id in runs.split()) for runs in table["runs"]]
    left_out = ["reason", "runs"] if format == "latex" else ["reason"]
    shown = table.drop(columns=left_out).rename(columns={"validation_error": "error", "runs": "run"})
    cells = [[_cell(name, value) for name, value in zip(shown, row)] for row in shown.itertuples(index=False)]
    heads = [name.rpartition(".")[2] if format == "text" else name for name in shown]
    body = tabulate(cells, heads, STYLES[format], disable_numparse=True)
    if format == "latex":
        return latex_table(_caption(search, trials), body)
    caption = _caption(search, trials)
    if format == "text" and width is not None:
        caption = wrapped(caption, width)
        body = _narrow(list(shown), cells, width) if width_of(body) > width else body
    return f"{caption}\n\n{body}\n"


def _narrow(names: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> str:
    """Return the trials with all that each chose in one column, which takes what the others leave of the width."""
    keys = [name for name in names if name not in BESIDE_KEYS]
    rows = [dict(zip(names, row)) for row in cells]
    table = [list(BESIDE_KEYS), *([row[name] for name in BESIDE_KEYS] for row in rows)]
    left = max(20, width - sum(2 + max(map(len, column)) for column in zip(*table)))
    settings = [", ".join(f"{key.rpartition('.')[2]} {row[key]}" for key in keys if row[key]) for row in rows]
    return ruled([[*line, broken(last, left)] for line, last in zip(table, ["settings", *settings])])


def _caption(search: Search, trials: Sequence[Trial]) -> str:
    budget = search.budget
    seeds = "seed" if len(budget.seeds) == 1 else "mean over seeds"
    states = pd.Series([trial.state for trial in trials]).value_counts()
    count = ", ".join(f"{number} {state}" for state, number in states.items())
    repeats = len(trials) - len({tuple(sorted(trial.proposal.items())) for trial in trials})
    parts = [
        f"Study {search.study_id}: {count}, of {max(budget.trials, len(trials))} trials of {budget.epochs} epochs.",
        f"Error: the lowest validation error of those epochs, percent ({seeds} {', '.join(map(str, budget.seeds))}).",
    ]
    if len(trials) > budget.trials:
        parts.append(f"{len(trials) - budget.trials} are more than search.trials asks for; they count, too.")
    if repeats:
        parts.append(f"{plural(repeats, 'trial')} tried what another did.")
    return " ".join(parts)


def _cell(name: str, value: Any) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if name == "error":
        return f"{value:.2f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
