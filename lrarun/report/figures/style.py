"""How figures look: one colour and marker per learning rule, the same everywhere.

The colours are Okabe and Ito's, which stay apart in the common colour blindnesses. Where
a panel has one rule, its runs have colours of their own: those of initial schemes are
Paul Tol's high-contrast ones, which stay apart in grey too. No figure relies on colour
alone: rules differ by marker too, and runs of one rule by line style or marker, so that a
grey print can be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lrarun.paper import DATASETS, MODELS, OPTIMIZERS


class Look(NamedTuple):
    """A rule's colour, as #rrggbb, and its marker, in matplotlib's notation."""

    colour: str
    marker: str


class LineLook(NamedTuple):
    """A line's colour and marker, and which of the line styles it has, from 0."""

    colour: str
    marker: str
    dash: int


LOOKS = {
    "backprop": Look("#000000", "x"),
    "equilibrium-propagation": Look("#009e73", "D"),
    "rfa": Look("#e69f00", "^"),
    "dfa": Look("#cc79a7", "v"),
    "dtp": Look("#56b4e9", "s"),
    "dtp-sigma": Look("#0072b2", "o"),
    "lra-e": Look("#d55e00", "P"),
}
# For runs of one rule from different initial weights, in a panel of their own.
INIT_LOOKS = {
    "glorot": Look("#004488", "o"),
    "orthogonal": Look("#ddaa33", "s"),
    "gaussian": Look("#bb5566", "^"),
}
# For rules that the paper does not have.
FURTHER_COLOURS = ("#332288", "#882255", "#117733", "#999933", "#7f7f7f", "#a0522d", "#aa4499")
FURTHER_MARKERS = ("*", "<", ">", "p", "h")
# Where a rule has more kinds of runs than there are line styles, they go on with the next of these.
MARKERS = ("x", "o", "^", "D", "P", "v", "s", "*", "<", "p", ">", "h")

# For the runs of one rule, in the order of their first.
LINE_STYLES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)))

# For the classes of a data set; neighbours differ in lightness, and each is also named where it lies.
CLASS_COLOURS = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#999999",
    "#222255",
    "#ee8866",
    "#aaaa00",
)

GREY = "#666666"

# Over matplotlib's own defaults, whatever the user's are: a figure is the same everywhere.
RC: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "figure.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "svg.hashsalt": "lrarun",
}

NAMES = {**OPTIMIZERS, "gaussian": "Gaussian", "glorot": "Glorot"}


def look(rule: str) -> Look:
    """Return a rule's look by its name in a spec; a rule that the paper does not have gets one from its name."""
    if rule in LOOKS:
        return LOOKS[rule]
    digest = hashlib.sha256(rule.encode()).digest()
    return Look(FURTHER_COLOURS[digest[0] % len(FURTHER_COLOURS)], FURTHER_MARKERS[digest[1] % len(FURTHER_MARKERS)])


def distinct(kinds: Sequence[tuple[str, int]]) -> list[LineLook]:
    """Return the look of each kind of run, another for each while there are any.

    The colour is the rule's, and so is the marker of its first kinds; the line style is the kind's.

    Args:
        kinds: rules by their names in specs, each with a number from 0 that tells its kinds of runs apart.
    """
    taken: dict[LineLook, tuple[str, int]] = {}
    return [_free_look(kind, taken) for kind in kinds]


def _free_look(kind: tuple[str, int], taken: dict[LineLook, tuple[str, int]]) -> LineLook:
    rule, rank = kind
    own, styles = look(rule), len(LINE_STYLES)
    first = MARKERS.index(own.marker) + rank // styles
    for turn in range(styles * len(MARKERS)):
        dash = (rank + turn // len(MARKERS)) % styles
        found = LineLook(own.colour, MARKERS[(first + turn) % len(MARKERS)], dash)
        if taken.setdefault(found, kind) == kind:
            break
    return found


def looks_of_kinds(inits: Mapping[str, set[str]]) -> dict[str, Look]:
    """Return the look of each kind of runs where a panel has one rule.

    Args:
        inits: kind -> the initial schemes of its runs. Where each kind has one of its own, it has that one's look.
    """
    names = [name for each in inits.values() for name in each]
    if len(set(names)) == len(names) == len(inits) and set(names) <= INIT_LOOKS.keys():
        return {kind: INIT_LOOKS[name] for kind, (name,) in inits.items()}
    colours = [*(look.colour for look in INIT_LOOKS.values()), *FURTHER_COLOURS]
    markers = [*(look.marker for look in INIT_LOOKS.values()), "D", "v", "P", "*"]
    return {kind: Look(colours[rank % len(colours)], markers[rank % len(markers)]) for rank, kind in enumerate(inits)}


def line_style(rank: int) -> Any:
    """Return the line style of the rank-th kind of run, from 0; after the last, the first again."""
    return LINE_STYLES[rank % len(LINE_STYLES)]


def plain_title(rule: str, titles: Mapping[str, str]) -> str:
    """Return a rule as the paper's tables write it, given the titles of rules that they do not have."""
    return MODELS.get(rule) or titles.get(rule, rule)


def title_of(rule: str, titles: Mapping[str, str]) -> str:
    """Return a rule as the paper's text writes it: ``DTP-σ``."""
    return plain_title(rule, titles).replace("-sigma", "-σ")


def dataset_title(name: str) -> str:
    """Return the readers' name of a data set; a user's own goes by the last part of its path."""
    return DATASETS.get(name) or Path(name).name


def named(value: Any) -> str:
    """Return a setting's value as readers write it: ``Glorot`` for ``glorot``."""
    return NAMES.get(value, str(value)) if isinstance(value, str) else str(value)
