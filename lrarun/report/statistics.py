"""Estimates whose variance has several parts: intervals, p values, and Holm's correction.

SciPy has the tails and quantiles. Its ready-made t tests take one sample or two and no variance over
images beside the one over seeds, so the sum of both is formed here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import variance

# Not scipy.stats, which takes seconds to import and whose t distribution calls these.
from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
# With one seed the spread over seeds is unknown. It is taken to be this many times the standard deviation that
# independent images would give. docs/verdicts.md says what was measured.
ONE_SEED = 2.0
SMALLEST_P = 1e-12

# (variance, degrees of freedom); infinite degrees for a variance that counts as known.
Part = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A number with the parts of its variance.

    Attributes:
        effect: the number, in points of percent.
        parts: variances in points squared, each with its degrees of freedom.
    """

    effect: float
    parts: tuple[Part, ...]

    @property
    def known(self) -> float:
        """Return the sum of the variances that count as known."""
        return sum(part for part, degrees in self.parts if math.isinf(degrees))

    @property
    def estimated(self) -> Part:
        """Return the sum of the other variances, with Welch and Satterthwaite's degrees of freedom."""
        parts = [(part, degrees) for part, degrees in self.parts if not math.isinf(degrees)]
        total = sum(part for part, _ in parts)
        below = sum(part**2 / degrees for part, degrees in parts)
        return total, total**2 / below if below > 0 else math.inf

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Return half the width of the two-sided confidence interval.

        The half-widths that the known and the estimated variance would give alone, by the normal and by Student's t,
        are added as squares (Zou and Donner 2008). Degrees of freedom for the sum of both would promise too much where
        a few seeds happen to agree.
        """
        estimated, degrees = self.estimated
        tail = (1 + confidence) / 2
        normal, students = float(stdtrit(math.inf, tail)), float(stdtrit(degrees, tail))
        return math.hypot(normal * math.sqrt(self.known), students * math.sqrt(estimated))

    def p(self, against: float = 0.0) -> float:
        """Return the two-sided p value against a number: one less the confidence of the interval that just reaches it.

        It is not resolved below 1e-12.
        """
        away = abs(self.effect - against)
        estimated, degrees = self.estimated
        if not away or not estimated + self.known:
            return float(not away)
        if not estimated or not self.known:
            return max(SMALLEST_P, 2 * float(stdtr(degrees, -away / math.sqrt(estimated + self.known))))
        low, high = math.log(SMALLEST_P), 0.0
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if self.half_width(1 - math.exp(middle)) > away else (low, middle)
        return math.exp(high)


def spread_of(errors: Sequence[float], images: int) -> Part:
    """Return the variance over seeds of a mean error in percent, and its degrees of freedom.

    Args:
        errors: one per seed.
        images: how many each was measured on, which stand in for the spread where there is one seed. One seed with no
            or only errors, such as one that diverged, does not say how often others would: its variance is infinite.
    """
    if len(errors) > 1:
        return variance(errors) / len(errors), len(errors) - 1
    if not 0 < errors[0] < 100:
        return math.inf, math.inf
    return ONE_SEED**2 * binomial_variance(errors[0], images), math.inf


def binomial_variance(percent: float, trials: int) -> float:
    """Return the variance, in percent squared, of an error rate measured on that many independent images."""
    return percent * (100 - percent) / trials


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for how many there are (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
