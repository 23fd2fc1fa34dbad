"""A picture of a study: validation error over each key that the search chooses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrarun.report.figures.files import check_libraries, save, styled
from lrarun.report.figures.layout import legend_below, panels, unique
from lrarun.report.figures.style import CLASS_COLOURS, GREY
from lrarun.results.result import FINISHED
from lrarun.specs.search import Search
from lrarun.specs.space import Dimension
from lrarun.tuning.table import by_key
from lrarun.tuning.trials import Trial, rank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLUMNS = 3
MARKERS = ("o", "s", "^", "D", "v", "P")


def save_picture(search: Search, trials: Sequence[Trial], path: Path) -> None:
    """Write the picture; its ending chooses the format (png, pdf, svg, ...).

    Raises:
        UsageError: the ending names no format, matplotlib is missing, or the file can't be written.
    """
    check_libraries()
    with styled():
        save(draw(search, trials), path)


def draw(search: Search, trials: Sequence[Trial]) -> Figure:
    """Draw a panel per key; call it within :func:`lrarun.report.figures.files.styled`.

    Filled marks are finished trials, hollow ones were pruned at the epoch where they stood; diverged ones have none.
    """
    shown = [trial for trial in trials if trial.validation_error is not None]
    keys = list(dict.fromkeys(each.key for each in search.dimensions if len(each.choices) > 1))
    columns = min(COLUMNS, len(keys)) or 1
    rows = -(-len(keys) // columns) or 1
    figure, axes = panels(rows, columns, (2.9 * columns, 2.3 * rows), sharey=True)
    grouped = _grouped_by(search)
    for key, panel in zip(keys, axes):
        _panel(panel, search, shown, key, grouped)
    for panel in axes[len(keys) :]:
        panel.set_visible(False)
    above_zero = all(trial.validation_error for trial in shown)
    for panel in axes[::columns]:
        panel.set(ylabel="validation error (%)", yscale="log" if above_zero else "linear")
        if above_zero and shown:
            errors = [float(trial.validation_error or 0.0) for trial in shown]
            _plain_ticks(panel.yaxis, _multiples(min(errors), max(errors)))
    for panel in axes:
        panel.margins(y=0.12)  # room for the winner's ring
    figure.suptitle(search.study_id)
    found = unique(axes)
    legend_below(figure, list(found.values()), list(found), rows=1)
    return figure


def _grouped_by(search: Search) -> str:
    """Return the label whose choices have a colour each: the optimizer, or another name that settings depend on."""
    return next((each.given[0] for each in search.dimensions if each.given), search.dimensions[0].label)


def _panel(axes: Axes, search: Search, trials: Sequence[Trial], key: str, grouped: str) -> None:
    """Draw each trial's mark at its value of a key, in the colour of its choice of what ``grouped`` names."""
    ranges = [each for each in search.dimensions if each.key == key]
    lists = not any(each.scale for each in ranges)
    names = list(dict.fromkeys(value for each in ranges for value in each.choices)) if lists else []
    group = next(each for each in search.dimensions if each.label == grouped)
    coloured = group.choices if not group.scale else ("trials",)
    winner = rank(trials)[:1]
    for trial in trials:
        value = by_key(search, trial).get(key)
        if value is None:
            continue
        kind = trial.proposal.get(grouped) if not group.scale else "trials"
        rank_of_kind = coloured.index(kind)
        finished = trial.state == FINISHED
        place, error = names.index(value) if names else value, float(trial.validation_error or 0.0)
        axes.plot(
            place,
            error,
            linestyle="",
            color=CLASS_COLOURS[rank_of_kind % len(CLASS_COLOURS)],
            marker=MARKERS[rank_of_kind % len(MARKERS)],
            fillstyle="full" if finished else "none",
            label=f"{kind}{'' if finished else ', pruned'}",
        )
        if [trial] == winner:
            axes.plot(place, error, "o", color=GREY, fillstyle="none", markersize=11, label="winner")
    _scale(axes, ranges, names)
    axes.set(title=key)


def _scale(axes: Axes, ranges: Sequence[Dimension], names: Sequence[Any]) -> None:
    """Show all that was searched, so that a winner at an end of a range is seen to be there."""
    if names:
        axes.set(xticks=range(len(names)), xlim=(-0.5, len(names) - 0.5))
        axes.set_xticklabels([str(name) for name in names])
        return
    values = [value for each in ranges for value in each.choices]
    low, high = min(values), max(values)
    if low > 0 and all(each.scale == "log" for each in ranges if each.scale):
        beyond = (high / low) ** 0.05
        axes.set(xscale="log", xlim=(low / beyond, high * beyond))
        _plain_ticks(axes.xaxis, _multiples(low, high))
    else:
        axes.set(xlim=(low - 0.05 * (high - low), high + 0.05 * (high - low)))


def _multiples(low: float, high: float) -> Sequence[int]:
    """Return at which multiples of the powers of ten an axis between two numbers has room for labels."""
    return (1, 2, 5) if high < 10 * low else (1, 3) if high < 100 * low else (1,)


def _plain_ticks(axis: Axis, at: Sequence[int]) -> None:
    """Label a logarithmic axis with numbers as 0.01 and 20, at these multiples of each power of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=at, numticks=5))  # more would run into one another
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
