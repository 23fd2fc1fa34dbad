"""Figures 1 and 3: what a log says, over the epochs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from lrarun.report.figures.layout import legend_below, over_epochs, panels, reference, unique
from lrarun.report.figures.series import (
    PANEL,
    Line,
    column_of,
    legend_names,
    over_seeds,
    shared,
    smoothed,
    smoothing_window,
    subject,
    variants,
)
from lrarun.report.figures.style import GREY, dataset_title, distinct, line_style, looks_of_kinds, title_of
from lrarun.report.wording import plural
from lrarun.results.result import DIVERGED, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Titles = Mapping[str, str]
PAPERS_ANGLE = 11
MEAN, LARGEST = ", mean over the mini-batches", ", largest of the epoch"
# Figure 3: the accuracy at each epoch, and the smoothed line over it.
FAINT: Mapping[str, Any] = {"linewidth": 0.7, "alpha": 0.4}
THICK = 1.8
ONE_KIND = "accuracy"  # in the legend, where a rule's runs differ in nothing
# The look of what is drawn beside a mean of the same colour.
THIN: Mapping[str, Any] = {"linewidth": 0.8, "markersize": 3.5, "markerfacecolor": "white", "markeredgewidth": 0.8}


def draw_angle(lines: Sequence[Line], titles: Titles) -> Figure:
    """Draw Figure 1(a): mean and largest angle of an epoch's updates to backprop's, in degrees."""
    figure, (axes,) = panels(1, 1, (5.6, 3.4))
    top = PAPERS_ANGLE * 1.25
    for line, (text, keywords) in zip(lines, looks(lines, titles, shared(specs_of(lines)))):
        most = over_seeds(line.averaged, "angle_max")
        if over_seeds(line.averaged, "angle_mean").empty:
            continue
        plot(axes, line, "angle_mean", text + MEAN, **keywords)
        draw_mean(axes, line, most[["high"]].set_axis(["mean"], axis=1), text + LARGEST, **keywords, **THIN)
        top = max(top, 1.08 * most["high"].max(), *(1.08 * column_of(run, "angle_mean").max() for run in line.strays))
    reference(axes, PAPERS_ANGLE, f"paper: at\nmost {PAPERS_ANGLE}°")
    if top > 90:
        reference(axes, 90, "90°")
    axes.set(ylim=(0, top), ylabel="angle to backprop's update (degrees)")
    axes.set_title(heading(lines), wrap=True)
    over_epochs(axes, last_epoch(lines))
    legend_below(figure, *angle_legend(unique([axes])), rows=1)
    return figure


def angle_legend(found: Mapping[str, Any]) -> tuple[list[Any], list[str]]:
    """Return handles and texts; with many lines, each rule once and a key to thick and thin lines."""
    from matplotlib.lines import Line2D

    thick = [text for text in found if not text.endswith(LARGEST)]
    if len(thick) == 1:
        return list(found.values()), list(found)
    of_each = {MEAN: {"linewidth": 1.4, "marker": "o"}, LARGEST: {"marker": "o", **THIN}}
    kinds = [Line2D([], [], color=GREY, **how) for how in of_each.values()]
    return (
        [found[text] for text in thick] + kinds,
        [text.removesuffix(MEAN) for text in thick] + [text.removeprefix(", ") for text in of_each],
    )


def draw_discrepancy(lines: Sequence[Line], titles: Titles) -> Figure:
    """Draw Figure 1(b): validation NLL above, total discrepancy below, both per sample."""
    figure, (upper, lower) = panels(2, 1, (5.6, 5.0), sharex=True)
    for line, (text, keywords) in zip(lines, looks(lines, titles, shared(specs_of(lines)))):
        plot(upper, line, "validation_nll", text, **keywords)
        plot(lower, line, "discrepancy", text, **keywords)
        if len(lines) == 1:
            draw_layers(lower, line)
    upper.set(ylim=(0, None), ylabel="validation NLL (nats)")
    upper.set_title(heading(lines), wrap=True)
    kind = "discrepancy, total and by layer" if len(lines) == 1 else "total discrepancy"
    lower.set(ylim=(0, None), ylabel=f"{kind}\n(mean over samples)")
    over_epochs(lower, last_epoch(lines))
    found = unique([upper, lower])
    legend_below(figure, list(found.values()), list(found), rows=1)
    return figure


def draw_layers(axes: Axes, line: Line) -> None:
    """Draw each hidden layer's part of the discrepancy, marked with its number."""
    for l in range(1, line.spec["depth"] + 1):
        part = over_seeds(line.averaged, f"discrepancy_{l}")
        draw_mean(
            axes,
            line,
            part,
            f"hidden layer {l}",
            rank=l,
            color=GREY,
            linestyle=line_style(l),
            linewidth=1,
            marker=f"${l}$",
            markersize=6,
            markeredgewidth=0.3,
        )


def draw_initial_weights(lines: Sequence[Line], titles: Titles) -> Figure:
    """Draw Figure 3: validation accuracy in percent, a row per data set and rule, a column per depth.

    A faint line is the accuracy at each epoch, the line over it the mean over some epochs around each.
    """
    rows = list(itertools.product(*({key(line.spec): None for line in lines} for key in (dataset_of, rule_of))))
    columns = sorted({line.spec["depth"] for line in lines})
    size = (1.2 + 2.7 * len(columns), 0.8 + 2.0 * len(rows))
    figure, axes = panels(len(rows), len(columns), size, sharex=True, sharey="row")
    places = dict(zip(itertools.product(rows, columns), axes))
    drawn = draw_kinds(lines, places)
    for (row, column), panel in places.items():
        dataset, rule = row
        panel.set_title(f"{title_of(rule, titles)}, {dataset_title(dataset)}, {plural(column, 'layer')}", fontsize=9)
        if (row, column) not in drawn:
            panel.text(0.5, 0.5, "no runs", transform=panel.transAxes, ha="center", color=GREY)
        if column == columns[0]:
            panel.set_ylabel("validation\naccuracy (%)")
        if row == rows[-1]:
            over_epochs(panel, last_epoch(lines))
    if seeds_note(lines):
        figure.suptitle(seeds_note(lines), wrap=True)
    legend_below(figure, *kinds_legend(lines, unique(axes)))
    return figure


def dataset_of(spec: Mapping[str, Any]) -> str:
    """Return a spec's data set."""
    return spec["dataset"]


def rule_of(spec: Mapping[str, Any]) -> str:
    """Return the name of a spec's rule."""
    return spec["algorithm"]["name"]


def draw_kinds(lines: Sequence[Line], places: Mapping[Any, Axes]) -> set[Any]:
    """Draw each line into the panel of its rule, data set and depth; return the places with something in them."""
    kinds, inits, drawn = variants(specs_of(lines), PANEL), dict[str, set[str]](), set()
    for line, kind in zip(lines, kinds):
        inits.setdefault(kind, set()).add(line.spec["init"]["name"])
    found, ranks = looks_of_kinds(inits), {kind: rank for rank, kind in enumerate(inits)}
    for line, kind in zip(lines, kinds):
        place = (dataset_of(line.spec), rule_of(line.spec)), line.spec["depth"]
        how: dict[str, Any] = {"rank": ranks[kind], "color": found[kind].colour, "marker": found[kind].marker}
        window = smoothing_window(line.spec["epochs"])
        if plot(places[place], line, "validation_error", kind or ONE_KIND, to_accuracy=True, window=window, **how):
            drawn.add(place)
    return drawn


def kinds_legend(lines: Sequence[Line], found: Mapping[str, Any]) -> tuple[list[Any], list[str]]:
    """Return handles and texts: the kinds in their order, what else there is, and a key to faint and thick lines."""
    from matplotlib.lines import Line2D

    names = [text or ONE_KIND for text in dict.fromkeys(variants(specs_of(lines), PANEL))]
    texts = [*(name for name in names if name in found), *(text for text in found if text not in names)]
    windows = {smoothing_window(line.spec["epochs"]) for line in lines} - {1}
    keys = {}
    if windows:
        number = " to ".join(map(str, sorted({min(windows), max(windows)})))
        keys = {"each epoch": Line2D([], [], color=GREY, **FAINT)}
        keys[f"mean over {number} epochs"] = Line2D([], [], color=GREY, linewidth=THICK)
    return [*(found[text] for text in texts), *keys.values()], [*texts, *keys]


def looks(lines: Sequence[Line], titles: Titles, apart: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return each line's name in the legend and its keywords for :func:`plot`.

    The colour and marker are the rule's. The line style tells the runs of a rule apart,
    and is that of the same variant of another rule; so is its rank. Lines of other names never look the same.
    """
    specs = specs_of(lines)
    kinds = variants(specs, apart)
    ranks = {kind: rank for rank, kind in enumerate(dict.fromkeys(kinds))}
    found = distinct([(spec["algorithm"]["name"], ranks[kind]) for spec, kind in zip(specs, kinds)])
    return [
        (name, {"rank": ranks[kind], "color": own.colour, "marker": own.marker, "linestyle": line_style(own.dash)})
        for kind, name, own in zip(kinds, legend_names(specs, titles, apart), found)
    ]


def specs_of(lines: Sequence[Line]) -> list[Mapping[str, Any]]:
    """Return the lines' specs."""
    return [line.spec for line in lines]


def plot(
    axes: Axes,
    line: Line,
    column: str,
    text: str,
    rank: int,
    to_accuracy: bool = False,
    window: int = 1,
    **keywords: Any,
) -> bool:
    """Draw one line's mean, a band where seeds differ, and each diverged run to the cross where it ended.

    Args:
        axes: the panel.
        line: the runs.
        column: of their logs.
        text: the name in the legend.
        rank: among the kinds of runs, for the places of the markers.
        to_accuracy: draw 100 minus the column.
        window: over how many epochs the line is smoothed; above 1, the mean at each epoch is a faint line below it.
        keywords: for matplotlib's ``plot``.

    Returns:
        Whether there was anything to draw.
    """

    def values(runs: Sequence[Result]) -> pd.DataFrame:
        found = over_seeds(runs, column)
        return 100 - found if to_accuracy else found

    curve = values(line.averaged)
    if not curve.empty and window > 1:
        axes.plot(curve["mean"], label=f"_{text}", color=keywords["color"], **FAINT)
        smooth = smoothed(curve["mean"], window).to_frame()
        draw_mean(axes, line, smooth, text, rank, **keywords | {"linewidth": THICK, "zorder": 3})
    elif not curve.empty:
        draw_mean(axes, line, curve, text, rank, **keywords)
    if len(line.averaged) > 1:
        axes.fill_between(curve.index, curve["low"], curve["high"], color=keywords["color"], alpha=0.15, linewidth=0)
    diverged = [(run, values([run])) for run in line.runs if run.state == DIVERGED]
    for run, own in diverged:
        if own.empty:
            continue
        if run in line.strays:
            draw_mean(axes, line, own, f"_{text}", rank, **keywords | {"linewidth": 0.8})
        draw_cross(axes, own, keywords["color"])
    return not all(own.empty for own in (curve, *(own for _, own in diverged)))


def draw_cross(axes: Axes, curve: pd.DataFrame, colour: str) -> None:
    """Mark the end of a run that diverged."""
    end = curve.iloc[-1]
    axes.plot(end.name, end["mean"], marker="X", markersize=9, color=colour, markeredgecolor="black",
              linestyle="none", label="diverged")  # fmt: skip


def draw_mean(axes: Axes, line: Line, curve: pd.DataFrame, text: str, rank: int, **keywords: Any) -> None:
    """Draw a curve's mean with some markers; if it has few points, with all."""
    axes.plot(curve["mean"], label=text, markevery=marked(len(curve), line.spec["epochs"], rank), **keywords)


def marked(length: int, epochs: int, rank: int) -> tuple[int, int]:
    """Return the first epoch with a marker, from 0, and the step: about ten in all, shifted by rank."""
    step = max(1, epochs // 10)
    return (rank % 3 * step // 3, step) if length > step else (0, 1)


def last_epoch(lines: Sequence[Line]) -> int:
    """Return the last epoch that any run is to have."""
    return max(line.spec["epochs"] for line in lines)


def heading(lines: Sequence[Line]) -> str:
    """Return the title: what all lines share, and the seeds."""
    return "\n".join(filter(None, (subject(specs_of(lines)), seeds_note(lines))))


def seeds_note(lines: Sequence[Line]) -> str:
    """Return a note on the seeds if there is more than one."""
    counts = {len(line.averaged) for line in lines if line.averaged}
    if counts <= {1}:
        return ""
    number = " to ".join(map(str, sorted({min(counts), max(counts)})))
    return f"mean over {number} seeds, bands from the lowest to the highest"
