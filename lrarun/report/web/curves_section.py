"""The report's learning curves: a legend that isolates curves, the charts, and their numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lrarun.report.figures.style import dataset_title
from lrarun.report.web.charts import POINTS, Entry, Scale, chart, entries, sample, states_text
from lrarun.report.web.colours import on_screen
from lrarun.report.web.curves import CURVES, PANELS, SEEDS, Curve, Panel
from lrarun.report.web.markup import Html, caption, heads, scrolled, tag
from lrarun.report.wording import plural

EPOCHS = (1, 5, 10, 20, 50, 100, 200, 500, 1000)
# Curves beyond these are drawn but have no switch.
ENTRIES = 24


def curves_section(panels: Sequence[Panel]) -> Html:
    """Return the legend and the charts, with notes on what is left out."""
    shown = panels[:PANELS]
    if not any(curve.all_points for panel in shown for curve in panel.curves):
        return tag("p", "No run has logged an epoch yet.", class_="empty")
    keys = entries(shown)
    scales = {name: Scale.around(p for panel in shown if panel.dataset == name for c in panel.curves
                                 for p in c.all_points) for name in {panel.dataset for panel in shown}}  # fmt: skip
    charts = [figure(panel, scales[panel.dataset], keys, f"chart-{at}") for at, panel in enumerate(shown)]
    return tag(
        "div",
        tag("p", " ".join(notes(panels))),
        legend(keys),
        tag("div", *charts, class_="charts"),
        class_="curves",
    )


def curves_style(panels: Sequence[Panel]) -> str:
    """Return the CSS of the curves' colours, and of isolating a curve by its switch or the pointer."""
    light, dark, isolate = [], [], []
    for key in entries(panels[:PANELS]).values():
        name, colours = key.name, on_screen(key.colour)
        light.append(f".{name}{{--line:{colours[0]}}}")
        dark.append(f".{name}{{--line:{colours[1]}}}")
        chosen = f".curves:has(#only-{name}:checked,#only-{name}:focus-visible,.key .{name}:hover)"
        isolate.append(f"{chosen} .charts .line.{name}{{opacity:1}}")
    dim = ".curves:has(.key :checked,.key :focus-visible,.key label:hover) .charts .line{opacity:.1}"
    screen = f"@media screen{{{dim}{''.join(isolate)}}}"
    return f"{''.join(light)}@media screen and (prefers-color-scheme:dark){{{''.join(dark)}}}{screen}"


def legend(keys: Mapping[str, Entry]) -> Html:
    """Return a switch for each curve; with none on, all are shown."""
    switches = [
        tag("label", tag("input", type="checkbox", id=f"only-{key.name}"), sample(key), label, class_=key.name)
        for label, key in list(keys.items())[:ENTRIES]
    ]  # fmt: skip
    return tag(
        "form",
        tag("fieldset", tag("legend", "Show only"), *switches, tag("button", "Show all", type="reset")),
        class_="key", autocomplete="off",
    )  # fmt: skip


def figure(panel: Panel, scale: Scale, keys: Mapping[str, Entry], id: str) -> Html:
    """Return a chart with its name above and its numbers below."""
    more = f" ({plural(panel.left_out, 'more setting')} not shown)" if panel.left_out else ""
    return tag(
        "figure",
        tag("figcaption", tag("h3", panel.title + more)),
        tag("div", chart(panel, scale, keys, id), beside(panel, keys), class_="chart"),
        tag("details", tag("summary", "Numbers", tag("span", f" of {panel.title}", class_="sr-only")),
            numbers(panel, scale, keys, id)),
    )  # fmt: skip


def beside(panel: Panel, keys: Mapping[str, Entry]) -> Html:
    """Return the names of a chart's curves, the one with the lowest error first."""
    ranked = sorted(panel.curves, key=lambda curve: curve.best.error if curve.best else math.inf)
    items = [
        tag("li", sample(keys[curve.label]), tag("span", curve.label), class_=keys[curve.label].name)
        for curve in ranked if curve.all_points
    ]  # fmt: skip
    return tag("ul", *items, class_="names", aria_hidden="true")


def numbers(panel: Panel, scale: Scale, keys: Mapping[str, Entry], id: str) -> Html:
    """Return the chart as a table: errors at some epochs, and the lowest."""
    epochs = [epoch for epoch in EPOCHS if epoch <= scale.last]
    names = ["Rule", "Lowest", "At epoch", *(f"Epoch {epoch}" for epoch in epochs), "Runs"]
    body = [row(curve, epochs, keys[curve.label]) for curve in panel.curves]
    under_way = any(curve.under_way for curve in panel.curves)
    runs = "finished runs, or over those that are not where none is" if under_way else "finished runs"
    title = f"Validation error in percent, {panel.title}; mean over {runs}"
    return scrolled(tag("table", caption(title, f"{id}-table"), heads(names), tag("tbody", *body)), f"{id}-table")


def row(curve: Curve, epochs: Sequence[int], key: Entry) -> Html:
    """Return one curve's numbers."""
    by_epoch = {point.epoch: f"{point.error:.2f}" for point in curve.points}
    best = (f"{curve.best.error:.2f}", curve.best.epoch) if curve.best else ("–", "–")
    unread = f", {plural(curve.unread, 'more run')} not read" if curve.unread else ""
    unread += f"; {plural(curve.cut, 'log')} cut short" if curve.cut else ""
    values = [*best, *(by_epoch.get(epoch, "–") for epoch in epochs)]
    return tag(
        "tr",
        tag("th", sample(key), curve.label, scope="row", class_=key.name),
        *(tag("td", value, class_="number") for value in values),
        tag("td", states_text(curve) + unread),
    )


def notes(panels: Sequence[Panel]) -> list[str]:
    """Return notes on how to read the charts and what they leave out."""
    texts = [
        "Error on the validation samples after each epoch, on a logarithmic scale; charts of one data set share"
        " their axes. A line is the mean over seeds, a band their range, a cross the end of a run that diverged.",
    ]
    curves = [curve for panel in panels for curve in panel.curves]
    if len(panels) > PANELS:
        hidden = ", ".join(f"{dataset_title(panel.dataset)} {panel.depth}" for panel in panels[PANELS : PANELS + 5])
        texts.append(f"Only {PANELS} of {len(panels)} charts are shown (not {hidden}, ...).")
    if any(panel.left_out for panel in panels):
        texts.append(f"A chart shows at most {CURVES} settings.")
    if any(curve.unread for curve in curves):
        texts.append(f"Of a setting with more than {SEEDS} seeds, the first {SEEDS} are drawn.")
    if any(len(track) > POINTS for curve in curves for track in (curve.points, *curve.diverged)):
        texts.append(f"Lines are thinned to about {POINTS} points.")
    return texts
