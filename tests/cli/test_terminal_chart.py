"""Curves drawn with characters, read back from the drawing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrarun.cli.support.terminal_chart import AXIS_WIDTH, DOTS, MARKS, Chart, draw

VALUES = st.floats(-1e6, 1e6, allow_nan=False)


def dots(drawing):
    """(column, row) of every braille dot, rows counted from the top; axes and names left out."""
    found = set()
    for row, line in enumerate(line for line in drawing.splitlines()[1:] if "|" in line):
        for column, character in enumerate(line.partition("|")[2]):
            code = ord(character) - 0x2800
            for r in range(4):
                for c in range(2):
                    if 0 <= code <= 0xFF and code & DOTS[r][c]:
                        found.add((2 * column + c, 4 * row + r))
    return found


@given(st.lists(VALUES, min_size=2, max_size=60), st.integers(40, 120), st.integers(8, 20))
def test_every_point_is_a_dot_at_its_place(values, width, height):
    drawing = draw({"v": list(enumerate(values, 1))}, "title", Chart(width, height))
    found = dots(drawing)
    columns, rows = 2 * (width - AXIS_WIDTH - 3), 4 * (height - 3)
    low, high = min(values), max(values)
    for index, value in enumerate(values):
        across = index / (len(values) - 1) * (columns - 1)
        down = (high - value) / (high - low) * (rows - 1) if high > low else (rows - 1) / 2
        assert any(abs(x - across) <= 0.51 and abs(y - down) <= 0.51 for x, y in found)
    assert {x for x, _ in found} == set(range(columns)), "a line without gaps"


@given(st.lists(st.lists(VALUES, min_size=1, max_size=30), min_size=1, max_size=4), st.booleans(), st.integers(20, 120))
def test_a_drawing_is_as_large_as_it_should_be(series, braille, width):
    named = {f"series {n}": list(enumerate(values)) for n, values in enumerate(series)}
    lines = draw(named, "title", Chart(width, 12, braille)).splitlines()
    assert len(lines) == 12
    assert max(map(len, lines)) <= max(width, AXIS_WIDTH + 8 + len("series 0") + 3) + len(" epoch")
    assert all(sum(name in line for line in lines) == 1 for name in named)


def test_without_braille_each_series_has_a_mark_of_its_own():
    lines = draw({"up": [(1, 0), (9, 8)], "down": [(1, 8), (9, 0)]}, "t", Chart(40, 12, braille=False)).splitlines()
    assert "".join(lines).isascii()
    assert lines[1].endswith(f"{MARKS[0]} up") and lines[9].endswith(f"{MARKS[1]} down")
    assert sum(line.count(MARKS[0]) for line in lines) > 9 < sum(line.count(MARKS[1]) for line in lines)


def test_a_series_has_its_colour_and_nothing_else_has():
    drawing = draw({"one": [(1, 1), (2, 2)]}, "t", Chart(40, 8, paint=lambda text, number: f"<{number}{text}>"))
    assert "<0one>" in drawing
    plain = re.sub(r"<0(.*?)>", r"\1", drawing)
    assert plain == draw({"one": [(1, 1), (2, 2)]}, "t", Chart(40, 8))


@pytest.mark.parametrize("points", [[], [(1, float("nan"))]])
def test_nothing_to_draw_is_said(points):
    assert draw({"v": points}, "error", Chart()) == "error: nothing to draw"


@pytest.mark.parametrize("low, high", [(0.00066981, 0.3564), (1e-9, 1e9), (2.35, 7.25), (0, 0)])
def test_the_axis_names_the_lowest_and_the_highest_value(low, high):
    drawing = draw({"v": [(1, high), (2, low)]}, "t", Chart(60, 10))
    told = [line.partition("|")[0].strip() for line in drawing.splitlines() if "|" in line]
    assert all(len(line.partition("|")[0]) == AXIS_WIDTH - 1 for line in drawing.splitlines() if "|" in line)
    if high > low:
        assert float(told[0]) == pytest.approx(high, rel=0.05) and float(told[-1]) == pytest.approx(low, rel=0.05)
