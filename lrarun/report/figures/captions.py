"""What is in a figure, in words: made from the runs that were drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lrarun.report.figures.series import PANEL, shared, variants
from lrarun.report.figures.style import dataset_title, title_of
from lrarun.report.wording import plural
from lrarun.results.result import Result

SHOWS = {
    "1a": "angle between the updates and backprop's, over the epochs",
    "1b": "validation NLL and total discrepancy, over the epochs",
    "2": "the top hidden layer's values for the test images, in two dimensions (t-SNE)",
    "3": "validation accuracy over the epochs",
}


def caption(
    number: str, drawn: Sequence[tuple[Mapping[str, Any], Sequence[Result]]], titles: Mapping[str, str], paper: bool
) -> str:
    """Return the caption of a figure: what it shows, of which rules and settings, data sets and seeds.

    Args:
        number: ``1a``, ``1b``, ``2`` or ``3``.
        drawn: what is in it: each setting's resolved spec, and its runs.
        titles: name -> title of rules that the paper does not have.
        paper: the settings are those of the paper's figure.
    """
    specs = [spec for spec, _ in drawn]
    known = list(dict.fromkeys(dataset_title(spec["dataset"]) for spec in specs))
    depths = sorted({spec["depth"] for spec in specs})
    seeds = sorted({run.spec["seed"] for _, runs in drawn for run in runs})
    layers = f"{listed(map(str, depths))} hidden layers" if len(depths) > 1 else plural(depths[0], "hidden layer")
    epochs = sorted({spec["epochs"] for spec in specs})
    parts = [
        named_settings(specs, titles),
        listed(known),
        layers,
        plural(epochs[0], "epoch") if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]} epochs",
        f"seed{'s' * (len(seeds) > 1)} {listed(map(str, seeds))}",
    ]
    head = f"Figure {number}" if paper else f"As Figure {number}, of other runs than the paper's"
    return f"{head}: {SHOWS[number]}. {'; '.join(parts)}."


def named_settings(specs: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> str:
    """Return the rules, each with what its settings differ in: ``DTP (Glorot, orthogonal) and LRA-E``."""
    by_rule: dict[str, dict[str, None]] = {}
    for spec, text in zip(specs, variants(specs, [*PANEL, *shared(specs)])):
        by_rule.setdefault(title_of(spec["algorithm"]["name"], titles), {})[text] = None
    return listed(
        f"{rule} ({'; '.join(filter(None, texts))})" if any(texts) else rule for rule, texts in by_rule.items()
    )


def listed(texts: Iterable[str]) -> str:
    """Return ``MNIST``, ``3 and 5`` or ``3, 5 and 8``."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
