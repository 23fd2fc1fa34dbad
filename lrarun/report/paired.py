"""Two experiments compared on the same test images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lrarun.report.statistics import Estimate, Part, spread_of
from lrarun.results.result import DIVERGED, Result
from lrarun.results.run_folder import PREDICTIONS


class MissingEvidence(Exception):
    """A comparison can't be made; the message says what is missing."""


@dataclass(frozen=True)
class Mistakes:
    """One experiment's runs on the test set.

    Attributes:
        wrong: which images each run gets wrong, shape (runs, images).
        labels: the images' classes, shape (images,); None if every run diverged.
        seeds: of the runs.
    """

    wrong: np.ndarray
    labels: np.ndarray | None
    seeds: tuple[int, ...]

    @property
    def error(self) -> float:
        """Return the mean test error in percent."""
        return 100 * float(self.wrong.mean())


def mistakes_of(results: Sequence[Result]) -> Mistakes:
    """Return the test results of runs; a diverged run counts as wrong on every image.

    Raises:
        MissingEvidence: a run's predictions are absent or unreadable, or labels differ.
    """
    read = [read_predictions(result) for result in results if result.state != DIVERGED]
    labels = read[0][1] if read else None
    if labels is not None and any(not np.array_equal(other, labels) for _, other in read):
        raise MissingEvidence("the runs were tested on different images")
    wrong = [predicted != label for predicted, label in read]
    order = [result for result in results if result.state != DIVERGED]
    order += [result for result in results if result.state == DIVERGED]
    # One column broadcasts over however many images the other side has.
    images = len(labels) if labels is not None else 1
    wrong += [np.ones(images, bool)] * (len(results) - len(read))
    return Mistakes(np.array(wrong), labels, tuple(result.spec["seed"] for result in order))


def read_predictions(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Return a finished run's predicted classes and labels, shape (images,) each.

    Raises:
        MissingEvidence: the file is absent, or not what a run writes.
    """
    path = Path(result.folder) / PREDICTIONS
    try:
        with np.load(path, allow_pickle=False) as file:
            predicted, label = file["predicted"], file["label"]
    except FileNotFoundError:
        raise MissingEvidence(f"{PREDICTIONS} of run {result.run_id}") from None
    except Exception as error:  # NumPy and zipfile raise a dozen kinds for damaged files
        raise MissingEvidence(f"readable {PREDICTIONS} of run {result.run_id} ({error})") from None
    if predicted.shape != label.shape or label.ndim != 1 or not label.size:
        raise MissingEvidence(f"{PREDICTIONS} of run {result.run_id} with one prediction per label")
    return predicted, label


def compare(first: Mistakes, second: Mistakes) -> Estimate:
    """Return how much more the first errs than the second, in points, with the variance over images and over seeds.

    Args:
        first, second: tested on the same images.

    Raises:
        MissingEvidence: the images are not the same.
    """
    if first.labels is not None and second.labels is not None and not np.array_equal(first.labels, second.labels):
        raise MissingEvidence("the runs were tested on different images")
    wrong, other = np.broadcast_arrays(first.wrong.mean(axis=0), second.wrong.mean(axis=0))
    per_image = 100 * (wrong - other)
    images = len(per_image)
    over_images = float(per_image.var(ddof=1)) / images if images > 1 else 0.0
    return Estimate(
        float(per_image.mean()),
        ((over_images, math.inf), *seeds_apart(errors_of(first), errors_of(second), images)),
    )


def errors_of(side: Mistakes) -> dict[int, float]:
    """Return each seed's test error in percent."""
    return dict(zip(side.seeds, (100 * side.wrong.mean(axis=1)).tolist()))


def seeds_apart(first: Mapping[int, float], second: Mapping[int, float], images: int) -> tuple[Part, ...]:
    """Return the variance over seeds of a difference of mean errors, in parts.

    Runs with equal seeds share the split and the order of the samples. So if both sides have the same seeds, two or
    more, their differences are what varies (a paired test); else each side varies by itself (Welch's test). With a
    side of two seeds Welch's degrees of freedom promise too much, at the small levels of Holm's correction above
    all: then there is one.

    Args:
        first, second: seed -> error in percent.
        images: how many each was measured on.
    """
    if len(first) > 1 and first.keys() == second.keys():
        return (spread_of([first[seed] - second[seed] for seed in first], images),)
    parts = [spread_of(list(side.values()), images) for side in (first, second)]
    if min(degrees for _, degrees in parts) > 1:
        return tuple(parts)
    known = [(part, degrees) for part, degrees in parts if math.isinf(degrees)]
    return *known, (sum(part for part, degrees in parts if not math.isinf(degrees)), 1)
