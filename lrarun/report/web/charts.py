"""Learning curves as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lrarun.report.figures.style import LOOKS, distinct
from lrarun.report.web.curves import Curve, Panel, Point
from lrarun.report.web.markup import Html, join, tag

WIDTH, HEIGHT = 320, 224
LEFT, RIGHT, TOP, BOTTOM = 34, 14, 8, 36
# A line has no more points than a screen can show.
POINTS = 200
MARKERS = 4
# Errors named on the axis begin with these digits; where too few are in sight, they are evenly spaced instead.
ROUND = (1, 2, 5)
FEWEST_TICKS = 3
ROOM = 1.08
# Percent. A smaller error is none: no data set has a hundred billion images.
LEAST = 1e-9
MOST_TICKS = 6
# Where an error is zero, which a logarithmic scale does not have, it stands below a break of this height.
BREAK = 18
DASHES = ("", "6 3", "2 2.5", "8 3 2 3", "4 2 1.5 2 1.5 2")
# matplotlib's markers, as paths around the origin.
SHAPES = {
    "x": "m-3-3 6 6m0-6-6 6",
    "P": "m-3.5 0h7m-3.5-3.5v7",
    "D": "m0-4 4 4-4 4-4-4z",
    "s": "m-3-3h6v6h-6z",
    "o": "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
    "^": "m0-4 4 7h-8z",
    "v": "m0 4 4-7h-8z",
    "<": "m-4 0 7-4v8z",
    ">": "m4 0-7-4v8z",
    "p": "m0-4 4 3-1.5 4.5h-5l-1.5-4.5z",
    "h": "m-2-3.5h4l2 3.5-2 3.5h-4l-2-3.5z",
    "*": "m0-4 1 3h3l-2 2 1 3-3-2-3 2 1-3-2-2h3z",
}
CROSS = "m-4-4 8 8m0-8-8 8"


@dataclass(frozen=True)
class Scale:
    """Epochs and errors -> places in the chart; errors on a logarithmic scale, zero below a break.

    Attributes:
        last: the last epoch.
        low, high: bounds of the errors above zero, in percent.
        zero: whether there are errors of zero.
    """

    last: int
    low: float
    high: float
    zero: bool = False

    @classmethod
    def around(cls, points: Iterable[Point]) -> Scale:
        """Return the scale that has room for all points."""
        known = list(points)
        errors = [error for point in known for error in (point.low, point.error, point.high)]
        above = [error for error in errors if error > LEAST]
        low, high = min(above, default=1.0), max(above, default=10.0)
        return cls(max((point.epoch for point in known), default=1), low / ROOM, high * ROOM, len(above) < len(errors))

    @property
    def bottom(self) -> int:
        """Return the distance from the top where the logarithmic scale ends."""
        return HEIGHT - BOTTOM - (BREAK if self.zero else 0)

    def x(self, epoch: float) -> float:
        """Return the distance of an epoch from the left; a single one stands in the middle."""
        share = (epoch - 1) / (self.last - 1) if self.last > 1 else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, error: float) -> float:
        """Return the distance of an error from the top."""
        if error <= LEAST:
            return HEIGHT - BOTTOM
        share = (math.log(error) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return self.bottom - share * (self.bottom - TOP)

    def at(self, epoch: float, error: float) -> str:
        """Return a place as a path has it."""
        return f"{self.x(epoch):.1f} {self.y(error):.1f}"

    def epochs(self) -> list[int]:
        """Return a handful of epochs to name on the axis: the first and round ones."""
        steps = [digit * 10**power for power in range(7) for digit in (1, 2, 5)]
        step = next((step for step in steps if self.last / step <= 5), self.last)
        return sorted({1, *range(step, self.last + 1, step)} - ({1} if step == 2 else set()))

    def errors(self) -> list[float]:
        """Return a few round errors to name on the axis, above zero."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        found, decades = (
            [tick for power in powers for digit in digits if self.low <= (tick := digit * 10.0**power) <= self.high]
            for digits in (ROUND, (1,))
        )
        if len(found) < FEWEST_TICKS:
            return evenly(self.low, self.high)
        found = found if len(found) <= MOST_TICKS else decades
        return found[:: math.ceil(len(found) / MOST_TICKS) or 1]


def evenly(low: float, high: float) -> list[float]:
    """Return the multiples of a round number between two others, as many as an axis has room for."""
    power = math.floor(math.log10(high - low)) - 1
    steps = (digit * 10.0**exponent for exponent in (power, power + 1, power + 2) for digit in ROUND)
    step = next(step for step in steps if (high - low) / step < MOST_TICKS - 1)
    return [round(step * count, 15 - power) for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


class Entry(NamedTuple):
    """How a curve looks, the same in all charts.

    Attributes:
        name: the CSS class that has its colour.
        rule: its rule's name in a spec.
        dash: of its line; empty if that is solid.
        marker: in matplotlib's notation.
        colour: as #rrggbb: the rule's, or one of its own where all curves are of one rule.
    """

    name: str
    rule: str
    dash: str
    marker: str
    colour: str


def chart(panel: Panel, scale: Scale, keys: Mapping[str, Entry], id: str) -> Html:
    """Draw one panel.

    Args:
        panel: what it shows.
        scale: shared by the charts that are to be compared.
        keys: label -> the look of its curve.
        id: begins the ids in it.
    """
    bands = [band(curve, scale, keys[curve.label].name) for curve in panel.curves]
    lines = [line(curve, scale, keys[curve.label]) for curve in panel.curves]
    return tag(
        "svg",
        tag("title", f"Validation error over the epochs: {panel.title}", id=f"{id}-title"),
        tag("desc", description(panel, scale), id=f"{id}-desc"),
        axes(scale), *bands, *lines,
        viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_labelledby=f"{id}-title", aria_describedby=f"{id}-desc",
    )  # fmt: skip


def description(panel: Panel, scale: Scale) -> str:
    """Describe the chart in words."""
    best = [(curve.best.error, curve.label) for curve in panel.curves if curve.best]
    lowest = [f"{label} {error:.2f} %" for error, label in sorted(best)]
    summary = f"Lowest errors: {', '.join(lowest)}." if lowest else "No run has logged an error."
    span = f"from {scale.low:.3g} to {scale.high:.3g} percent on a logarithmic scale"
    span += ", and zero below a break" if scale.zero else ""
    return f"{len(panel.curves)} curves over {scale.last} epochs, {span}. {summary} The table below has the numbers."


def axes(scale: Scale) -> Html:
    """Draw the grid, the ticks and the names of both axes."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    grid = [tag("path", d=f"M{LEFT} {scale.y(tick):.1f}H{right}", class_="grid") for tick in scale.errors()]
    ticks = [
        tag("text", f"{tick:g}", x=LEFT - 5, y=f"{scale.y(tick) + 3.5:.1f}", text_anchor="end")
        for tick in scale.errors()
    ]
    if scale.zero:
        grid.append(tag("path", d=f"M{LEFT} {scale.y(0):.1f}H{right}", class_="grid"))
        grid.append(
            tag("path", d=f"M{LEFT} {scale.bottom + BREAK / 2:g}H{right}", class_="grid", stroke_dasharray="1 3")
        )
        ticks.append(tag("text", "0", x=LEFT - 5, y=f"{scale.y(0) + 3.5:.1f}", text_anchor="end"))
    ticks += [
        tag("text", f"{epoch:g}", x=f"{scale.x(epoch):.1f}", y=bottom + 14, text_anchor="middle")
        for epoch in scale.epochs()
    ]
    middle = (TOP + bottom) / 2
    names = [
        tag("text", "epoch", x=(LEFT + right) / 2, y=HEIGHT - 5, text_anchor="middle"),
        tag("text", "validation error (%)", x=10, y=middle, text_anchor="middle",
            transform=f"rotate(-90 10 {middle:g})"),
    ]  # fmt: skip
    return tag("g", *grid, *ticks, *names, class_="axes")


def band(curve: Curve, scale: Scale, name: str) -> Html:
    """Draw the range over seeds, if it is more than a line."""
    points = thinned(curve.points)
    if len(points) < 2 or all(point.low == point.high for point in points):
        return Html("")
    upper = [scale.at(point.epoch, point.high) for point in points]
    lower = [scale.at(point.epoch, point.low) for point in reversed(points)]
    return tag("path", d=f"M{'L'.join([*upper, *lower])}z", class_=f"line band {name}")


def line(curve: Curve, scale: Scale, key: Entry) -> Html:
    """Draw a curve with its markers, the curves of diverged runs, and wide lines that are easy to point at."""
    points = thinned(curve.points)
    strays = [thinned(stray) for stray in curve.diverged]
    parts = [tag("title", hint(curve))]
    for track in filter(None, [points, *strays]):
        parts.append(tag("path", d=path(track, scale), class_="hit"))
    if points:
        parts.append(tag("path", d=path(points, scale), class_="mean", stroke_dasharray=key.dash or None))
        parts.append(tag("path", d=markers(points, scale, key.marker), class_="marks"))
    for stray in strays:
        end = scale.at(stray[-1].epoch, stray[-1].error)
        parts.append(tag("path", d=path(stray, scale), class_="mean stray"))
        parts.append(tag("path", d=f"M{end}{CROSS}", class_="cross"))
    return tag("g", *parts, class_=f"line {key.name}")


def hint(curve: Curve) -> str:
    """Return the text that is shown beside the pointer."""
    best = f": lowest {curve.best.error:.2f} % at epoch {curve.best.epoch}" if curve.best else ""
    return f"{curve.label}{best} ({states_text(curve)})"


def states_text(curve: Curve) -> str:
    """Return ``3 finished, 1 diverged at 12``."""
    return ", ".join(f"{count} {state}" for state, count in sorted(curve.states.items())) or "no runs"


def path(points: Sequence[Point], scale: Scale) -> str:
    """Return the path through points; a single point becomes a dot by its round caps."""
    places = [scale.at(point.epoch, point.error) for point in points]
    return f"M{'L'.join(places if len(places) > 1 else places * 2)}"


def markers(points: Sequence[Point], scale: Scale, marker: str) -> str:
    """Return a few markers along a line, its last point among them."""
    step = max(1, len(points) // MARKERS)
    marked = points[::-1][::step]
    return "".join(f"M{scale.at(point.epoch, point.error)}{SHAPES[marker]}" for point in marked)


def thinned(points: Sequence[Point]) -> list[Point]:
    """Return at most about :data:`POINTS` points, evenly spaced, with the last."""
    step = math.ceil(len(points) / POINTS)
    return [point for at, point in enumerate(points) if at % step == 0 or at == len(points) - 1]


def entries(panels: Iterable[Panel]) -> dict[str, Entry]:
    """Return each curve's look by its label, in order of first appearance; no two look the same."""
    rules = {curve.label: curve.rule for panel in panels for curve in panel.curves}
    labels: dict[str, list[str]] = {}
    for label, rule in rules.items():
        labels.setdefault(rule, []).append(label)
    looks = distinct([(rule, labels[rule].index(label)) for label, rule in rules.items()])
    if len(labels) == 1:  # then the rules' colours tell nothing apart
        palette = [own.colour for own in LOOKS.values()]
        looks = [own._replace(colour=palette[at % len(palette)]) for at, own in enumerate(looks)]
    return {
        label: Entry(f"k{at}", rule, DASHES[own.dash], own.marker, own.colour)
        for at, ((label, rule), own) in enumerate(zip(rules.items(), looks))
    }


def sample(key: Entry) -> Html:
    """Return a short piece of a curve, for legends."""
    marks = join([tag("path", d=f"M14 6{SHAPES[key.marker]}", class_="marks")])
    return tag(
        "svg", tag("path", d="M1 6H27", class_="mean", stroke_dasharray=key.dash or None), marks,
        class_="sample", viewBox="0 0 28 12", aria_hidden="true", focusable="false",
    )  # fmt: skip
