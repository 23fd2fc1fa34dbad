"""Figures 1 and 3: what a log says, over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from lrarun.report.series import PANEL, Line, layers, over_seeds, variants
from lrarun.report.style import GREY, line_style, look, named, title_of
from lrarun.results import DIVERGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Titles = Mapping[str, str]
PAPERS_ANGLE = 11


def draw_angle(lines: Sequence[Line], titles: Titles) -> Figure:
    """Figure 1(a): mean and largest angle of an epoch's updates to backprop's, in degrees."""
    figure, (axes,) = panels(1, 1, (5.6, 3.6))
    top = PAPERS_ANGLE * 1.25
    for line, (text, keywords) in zip(lines, looks(lines, titles, apart=common(lines))):
        mean, most = over_seeds(line.runs, "angle_mean"), over_seeds(line.runs, "angle_max")
        if mean.empty:
            continue
        plot(axes, line, mean, f"{text}, mean over the mini-batches", **keywords)
        colour = keywords["color"]
        axes.plot(most["high"], color=colour, linestyle=keywords["linestyle"], linewidth=0.8,
                  label=f"{text}, largest of the epoch")
        axes.fill_between(mean.index, mean["mean"], most["high"], color=colour, alpha=0.12, linewidth=0)
        top = max(top, 1.08 * most["high"].max())
    reference(axes, PAPERS_ANGLE, f"paper: at most {PAPERS_ANGLE}°")
    if top > 90:
        reference(axes, 90, "90°")
    axes.set(ylim=(0, top), ylabel="angle to backprop's update (degrees)", title=subject(lines))
    over_epochs(axes, lines)
    axes.legend()
    return figure


def draw_discrepancy(lines: Sequence[Line], titles: Titles) -> Figure:
    """Figure 1(b): validation NLL above, total discrepancy below, both per sample."""
    figure, (upper, lower) = panels(2, 1, (5.6, 5.0), sharex=True)
    for line, (text, keywords) in zip(lines, looks(lines, titles, apart=common(lines))):
        plot(upper, line, over_seeds(line.runs, "validation_nll"), text, **keywords)
        plot(lower, line, over_seeds(line.runs, "discrepancy"), f"{text}, all hidden layers", **keywords)
        if len(lines) == 1:
            draw_layers(lower, line)
    upper.set(ylim=(0, None), ylabel="validation NLL (nats)", title=subject(lines))
    lower.set(ylim=(0, None), ylabel="total discrepancy")
    over_epochs(lower, lines)
    lower.legend()
    if len(lines) > 1:
        upper.legend()
    return figure


def draw_layers(axes: Axes, line: Line) -> None:
    """Each hidden layer's part of the discrepancy."""
    for l in range(1, line.spec["depth"] + 1):
        part = over_seeds(line.runs, f"discrepancy_{l}")
        axes.plot(part["mean"], color=GREY, linestyle=line_style(l), linewidth=1, label=f"hidden layer {l}")


def draw_initial_weights(lines: Sequence[Line], titles: Titles) -> Figure:
    """Figure 3: validation accuracy in percent, a row per data set and a column per depth."""
    rows = list(dict.fromkeys(line.spec["dataset"] for line in lines))
    columns = sorted({line.spec["depth"] for line in lines})
    size = (1.2 + 2.7 * len(columns), 1.2 + 2.4 * len(rows))
    figure, axes = panels(len(rows), len(columns), size, sharex=True, sharey="row")
    places = {(row, column): axes[r * len(columns) + c] for r, row in enumerate(rows) for c, column in enumerate(columns)}
    drawn = set()
    for line, (text, keywords) in zip(lines, looks(lines, titles, apart=PANEL)):
        place = line.spec["dataset"], line.spec["depth"]
        curve = 100 - over_seeds(line.runs, "validation_error")
        if not curve.empty:
            plot(places[place], line, curve, text, **keywords)
            drawn.add(place)
    for (row, column), panel in places.items():
        panel.set_title(f"{named(row)}, {layers(column)}")
        if (row, column) not in drawn:
            panel.text(0.5, 0.5, "no runs", transform=panel.transAxes, ha="center", color=GREY)
        if column == columns[0]:
            panel.set_ylabel("validation accuracy (%)")
        if row == rows[-1]:
            over_epochs(panel, lines)
    legend_below(figure, list(places.values()), 3)
    return figure


def panels(rows: int, columns: int, size: tuple[float, float], **keywords: Any) -> tuple[Figure, list[Axes]]:
    """A figure of panels, row by row; without pyplot, whose figures live until they are closed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **keywords).flat)


def looks(lines: Sequence[Line], titles: Titles, apart: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Each line's name in the legend and its colour, marker and line style.

    The colour and marker are the rule's, the line style tells the runs of a rule apart
    and is that of the same variant of another rule.
    """
    specs = [line.spec for line in lines]
    names = variants(specs, apart)
    ranks = {name: rank for rank, name in enumerate(dict.fromkeys(names))}
    made = []
    for spec, name in zip(specs, names):
        rule = spec["algorithm"]["name"]
        colour, marker = look(rule)
        keywords = {"color": colour, "marker": marker, "linestyle": line_style(ranks[name])}
        made.append((", ".join(filter(None, (title_of(rule, titles), name))), keywords))
    return made


def plot(axes: Axes, line: Line, curve: pd.DataFrame, text: str, **keywords: Any) -> None:
    """One line's mean, with a band where seeds differ and a cross where it diverged."""
    if curve.empty:
        return
    step = max(1, len(curve) // 10)
    axes.plot(curve["mean"], label=text, markevery=step, **keywords)
    if len(line.runs) > 1:
        axes.fill_between(curve.index, curve["low"], curve["high"], color=keywords["color"], alpha=0.15, linewidth=0)
    if any(run.state == DIVERGED for run in line.runs):
        end = curve.iloc[-1]
        axes.plot(end.name, end["mean"], marker="X", markersize=9, color=keywords["color"], markeredgecolor="black",
                  linestyle="none", label="diverged")


def reference(axes: Axes, height: float, text: str) -> None:
    """A grey line across, named at its right end."""
    axes.axhline(height, color=GREY, linestyle=(0, (6, 2, 1, 2)), linewidth=1)
    axes.annotate(text, (1, height), xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points",
                  ha="right", color=GREY)


def over_epochs(axes: Axes, lines: Sequence[Line]) -> None:
    """An axis of whole epochs, as many as the runs are to have."""
    from matplotlib.ticker import MaxNLocator

    last = max(line.spec["epochs"] for line in lines)
    axes.set(xlabel="epoch", xlim=(min(1, last - 1), last + 0.01 * last))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10 if last < 50 else 5, integer=True))


def common(lines: Sequence[Line]) -> list[str]:
    """The keys of a panel that all lines share, which its title says once."""
    return [key for key in PANEL if len({line.spec[key] for line in lines}) == 1]


def subject(lines: Sequence[Line]) -> str:
    """What all lines are of: ``MNIST, 2 hidden layers``."""
    shared, spec = common(lines), lines[0].spec
    parts = [named(spec["dataset"])] if "dataset" in shared else []
    if "depth" in shared:
        parts.append(layers(spec["depth"]).replace("layer", "hidden layer"))
    return ", ".join(parts)


def legend_below(figure: Figure, axes: Sequence[Axes], columns: int) -> None:
    """One legend for all panels, each entry once."""
    entries = {text: handle for panel in axes for handle, text in zip(*panel.get_legend_handles_labels())}
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns)
