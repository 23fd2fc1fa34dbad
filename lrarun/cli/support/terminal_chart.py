"""Learning curves drawn with characters, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
Paint = Callable[[str, int], str]  # (text, number of the series) -> text in its colour

ROWS, COLUMNS = 4, 2  # dots of a braille character
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
MARKS = "*+ox"
AXIS_WIDTH = 8


@dataclass(frozen=True)
class Chart:
    """The size and the style of a drawing.

    Attributes:
        width, height: in characters, axes and labels included.
        braille: draw with braille characters, 8 dots each; else with ``* + o x``.
        paint: colours a series' characters.
    """

    width: int = 80
    height: int = 12
    braille: bool = True
    paint: Paint = lambda text, number: text


def draw(series: Mapping[str, Sequence[Point]], title: str, chart: Chart) -> str:
    """Return a chart with a line through each series' points, its name at the end, and one scale for all.

    Args:
        series: name -> (x, y) in the order of x; points that are not finite are left out.
        title: stands above.
        chart: size and style.
    """
    finite = {name: [p for p in points if all(map(math.isfinite, p))] for name, points in series.items()}
    drawn = {name: points for name, points in finite.items() if points}
    if not drawn:
        return f"{title}: nothing to draw"
    canvas = _Canvas(drawn, chart)
    for number, points in enumerate(drawn.values()):
        canvas.add(points, number)
    return "\n".join(line.rstrip() for line in [" " * AXIS_WIDTH + title, *canvas.lines(list(drawn.values()))])


class _Canvas:
    """A grid of characters, made of dots, with a linear scale for each axis."""

    def __init__(self, series: Mapping[str, Sequence[Point]], chart: Chart):
        self.chart, self.names = chart, list(series)
        self.columns = max(8, chart.width - AXIS_WIDTH - max(map(len, series)) - 2)
        self.rows = max(3, chart.height - 3)
        self.per_row, self.per_column = (ROWS, COLUMNS) if chart.braille else (1, 1)
        xs, ys = zip(*(point for points in series.values() for point in points))
        self.x, self.y = (min(xs), max(xs)), (min(ys), max(ys))
        self.dots: dict[tuple[int, int], int] = {}  # (row, column) of dots -> number of the series drawn last

    def place(self, point: Point) -> tuple[int, int]:
        """Return row and column of a point's dot, from the top left."""
        height, width = self.rows * self.per_row - 1, self.columns * self.per_column - 1
        across, up = (_share(value, *bounds) for value, bounds in zip(point, (self.x, self.y)))
        return round((1 - up) * height), round(across * width)

    def add(self, points: Sequence[Point], number: int) -> None:
        """Draw straight lines from point to point."""
        places = [self.place(point) for point in points]
        for start, end in zip(places, places[1:] or places):
            steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
            for step in range(steps + 1):
                dot = tuple(round(a + (b - a) * step / steps) for a, b in zip(start, end))
                self.dots[dot] = number  # type: ignore[index]

    def lines(self, series: Sequence[Sequence[Point]]) -> list[str]:
        """Return the drawing with its axes and the series' names, line by line."""
        names = self._names_by_row(series)
        middle = self.rows // 2
        shown = {0: self.y[1], middle: self._value_at(middle), self.rows - 1: self.y[0]}
        body = []
        for row in range(self.rows):
            label = _tick(shown[row]) if row in shown else ""
            text = "".join(self._character(row, column) for column in range(self.columns))
            body.append(f"{label:>{AXIS_WIDTH - 2}} |{text} {names.get(row, '')}")
        axis = " " * (AXIS_WIDTH - 1) + "+" + "-" * self.columns
        first, last = f"{self.x[0]:g}", f"{self.x[1]:g}"
        ticks = " " * AXIS_WIDTH + first + last.rjust(self.columns - len(first)) + " epoch"
        return [*body, axis, ticks]

    def _value_at(self, row: int) -> float:
        return self.y[1] - (self.y[1] - self.y[0]) * row / (self.rows - 1)

    def _character(self, row: int, column: int) -> str:
        found = {
            (r, c): self.dots[row * self.per_row + r, column * self.per_column + c]
            for r in range(self.per_row)
            for c in range(self.per_column)
            if (row * self.per_row + r, column * self.per_column + c) in self.dots
        }
        if not found:
            return " "
        number = max(found.values())
        text = chr(0x2800 + sum(DOTS[r][c] for r, c in found)) if self.chart.braille else MARKS[number % len(MARKS)]
        return self.chart.paint(text, number)

    def _names_by_row(self, series: Sequence[Sequence[Point]]) -> dict[int, str]:
        """Return each series' name by row: beside its last point, or on the nearest free line."""
        placed: dict[int, str] = {}
        for number, (name, points) in enumerate(zip(self.names, series)):
            wanted = self.place(points[-1])[0] // self.per_row
            free = [row for row in range(self.rows) if row not in placed]
            if free:
                row = min(free, key=lambda row: abs(row - wanted))
                mark = "" if self.chart.braille else f"{MARKS[number % len(MARKS)]} "
                placed[row] = self.chart.paint(mark + name, number)
        return placed


def _tick(value: float) -> str:
    """Return a number that fits beside the axis."""
    return next((text for text in (f"{value:.3g}", f"{value:.2g}") if len(text) < AXIS_WIDTH - 1), f"{value:.0e}")


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
