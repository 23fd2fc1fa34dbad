"""Two experiments compared on the same test images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lrarun.report.statistics import mcnemar, two_sided
from lrarun.results.layout import PREDICTIONS
from lrarun.results.read import DIVERGED, Result


class MissingEvidence(Exception):
    """A comparison can't be made; the message says what is missing."""


@dataclass(frozen=True)
class Mistakes:
    """One experiment's runs on the test set.

    Attributes:
        wrong: which images each run gets wrong, shape (runs, images).
        labels: the images' classes, shape (images,); None if every run diverged.
    """

    wrong: np.ndarray
    labels: np.ndarray | None

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
    # One column broadcasts over however many images the other side has.
    images = len(labels) if labels is not None else 1
    wrong += [np.ones(images, bool)] * (len(results) - len(read))
    return Mistakes(np.array(wrong), labels)


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


def compare(first: Mistakes, second: Mistakes, margin: float = 0.0) -> tuple[float, float]:
    """Return how much more the first errs than the second, and the two-sided p value against a margin.

    Args:
        first, second: tested on the same images.
        margin: in points of percent.

    Returns:
        (difference of the mean errors in points, p). One run each and no margin:
        McNemar's mid-p. Else Student's t over images and seeds (docs/verdicts.md).

    Raises:
        MissingEvidence: the images are not the same.
    """
    if first.labels is not None and second.labels is not None and not np.array_equal(first.labels, second.labels):
        raise MissingEvidence("the runs were tested on different images")
    wrong, other = np.broadcast_arrays(first.wrong.mean(axis=0), second.wrong.mean(axis=0))
    difference = 100 * (wrong - other)
    mean = float(difference.mean())
    if len(first.wrong) == len(second.wrong) == 1 and not margin:
        return mean, mcnemar(int((difference > 0).sum()), int((difference < 0).sum()))
    images = len(difference)
    parts = [(float(difference.var(ddof=1)) / images if images > 1 else 0.0, math.inf)]
    parts += [over_seeds(side) for side in (first, second) if len(side.wrong) > 1]
    return mean, two_sided(mean - margin, parts)


def over_seeds(side: Mistakes) -> tuple[float, float]:
    """Return the variance of the mean error over seeds, in points squared, and its degrees of freedom."""
    errors = 100 * side.wrong.mean(axis=1)
    return float(errors.var(ddof=1)) / len(errors), len(errors) - 1
