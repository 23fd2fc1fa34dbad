"""Which settings were chosen because they land on printed numbers, and by which cells of the tables."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from lrarun.paper import Key, printed_cells


@dataclass(frozen=True)
class Reading:
    """Settings that were chosen by printed numbers, as ``readings.yaml`` has them.

    Attributes:
        id: its name.
        settings: what was taken, by dotted name.
        rules: the models whose cells have these settings.
        chosen_by: model -> depths of the cells of Table 1 whose printed numbers took part.
        because: what had been measured at that time.
        also: what else speaks for the reading, or against it.
    """

    id: str
    settings: Mapping[str, Any]
    rules: Sequence[str]
    chosen_by: Mapping[str, Sequence[int]]
    because: str
    also: str

    def cells(self) -> set[Key]:
        """Return the experiments whose printed numbers it was chosen by."""
        by_table_1 = {cell.key for cell in printed_cells() if cell.table == 1}
        return {key for key in by_table_1 if key.depth in self.chosen_by.get(key.model, ())}


@functools.cache
def load_readings() -> tuple[Reading, ...]:
    """Return the readings, in the order of ``readings.yaml``."""
    text = (files("lrarun.paper") / "readings.yaml").read_text(encoding="utf-8")
    return tuple(Reading(**entry) for entry in yaml.safe_load(text))


@functools.cache
def readings_by_cell() -> dict[Key, tuple[str, ...]]:
    """Return each experiment that a setting was chosen by, with the ids of the readings."""
    return {
        cell.key: ids
        for cell in printed_cells()
        if (ids := tuple(reading.id for reading in load_readings() if cell.key in reading.cells()))
    }


def readings_used(key: Key) -> tuple[str, ...]:
    """Return the ids of the readings that an experiment's settings follow, whichever cells they were chosen by."""
    return tuple(reading.id for reading in load_readings() if key.model in reading.rules)
