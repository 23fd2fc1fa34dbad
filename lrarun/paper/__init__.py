"""What the paper prints, as data.

``tables.csv`` holds Tables 1 to 3 digit by digit: a trailing zero shows how a number was rounded.
``claims.yaml`` holds what the text says about them, and ``readings.yaml`` which of our settings follow them.
"""

from __future__ import annotations

import csv
import functools
from importlib.resources import files
from typing import NamedTuple

# A rule's name in a spec -> its title in the paper's tables, in the order of the rows.
MODELS = {
    "backprop": "Backprop",
    "equilibrium-propagation": "Equil-Prop",
    "rfa": "RFA",
    "dfa": "DFA",
    "dtp": "DTP",
    "dtp-sigma": "DTP-sigma",
    "lra-e": "LRA-E",
}
DATASETS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSprop"}
# Data set -> its table of rules; Table 3 varies the optimizer.
TABLE_OF = {"mnist": 1, "fashion-mnist": 2}
TABLES = (1, 2, 3)
# Set before verdicts on more than one seed were formed; docs/verdicts.md says why these. In points of percent:
# two expected errors closer than this count as the same;
MARGINS = {"mnist": 0.5, "fashion-mnist": 1.0}
# a printed error this far above the same model's with fewest layers is that of a network that broke down.
BREAKDOWN = 10.0


class Key(NamedTuple):
    """One experiment of the tables; everything else is the same in all of them."""

    dataset: str
    model: str
    depth: int
    optimizer: str

    def __str__(self) -> str:
        return f"{self.model} with {self.optimizer}, {self.depth} layers, {self.dataset}"


class Printed(NamedTuple):
    """One cell of a table: errors in percent, as strings with the digits printed."""

    table: int
    key: Key
    train_error: str
    test_error: str


@functools.cache
def printed_cells() -> tuple[Printed, ...]:
    """Return the 48 cells in the order of the tables; two of Table 3 repeat Tables 1 and 2."""
    text = (files(__name__) / "tables.csv").read_text(encoding="utf-8")
    return tuple(
        Printed(
            int(row["table"]),
            Key(row["dataset"], row["model"], int(row["depth"]), row["optimizer"]),
            row["train_error"],
            row["test_error"],
        )
        for row in csv.DictReader(text.splitlines())
    )


@functools.cache
def breakdown_lines() -> dict[Key, float]:
    """Return the cells that the paper shows broken down, each with the error in percent above which a network is."""
    printed = {cell.key: float(cell.test_error) for cell in printed_cells()}
    shallow = min(key.depth for key in printed)
    lines = {key: printed[key._replace(depth=shallow)] + BREAKDOWN for key in printed}
    return {key: line for key, line in lines.items() if printed[key] > line}


def rounding(printed: str) -> float:
    """Return half a unit of the last printed digit: ``"2.8"`` -> 0.05."""
    _, _, decimals = printed.partition(".")
    return 0.5 * 10.0 ** -len(decimals)
