"""The few tests and quantiles that verdicts and claims need, without SciPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

CONFIDENCE = 0.95
MANY = 1e6


def t_tail(t: float, df: float) -> float:
    """Return P(T > t) for Student's t with ``df`` degrees of freedom (infinite: the normal), t >= 0.

    Relative error below 1e-8 up to a million degrees of freedom; beyond, where lgamma loses
    digits, it is the normal's, which by then differs in the sixth digit.
    """
    if df > MANY:
        return NormalDist().cdf(-t)
    return 0.5 * beta_below(df / (df + t * t), df / 2, 0.5)


def t_quantile(df: float, confidence: float = CONFIDENCE) -> float:
    """Return the t that |T| stays below with that probability, by bisection of the tail."""
    tail = (1 - confidence) / 2
    low, high = 0.0, 1.0
    while t_tail(high, df) > tail:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, df) > tail else (low, middle)
    return high


def beta_below(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_below(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _beta_fraction(x, a, b))


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Return 1 + d_1/(1 + d_2/(1 + ...)) of DLMF 8.17.22, evaluated forwards."""
    value, c, d = 1.0, 1.0, 0.0
    for m in range(1, 10_000):
        k = m // 2
        if m % 2:
            term = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        else:
            term = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        d = 1 / (1 + term * d or 1e-300)
        c = 1 + term / c or 1e-300
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def mcnemar(only_first: int, only_second: int) -> float:
    """Return two-sided mid-p value of McNemar's test that two classifiers err equally often.

    Args:
        only_first: images that only the first gets wrong.
        only_second: images that only the second gets wrong.

    Under the null hypothesis the first is binomial(n, 1/2). The mid-p version (Fagerland,
    Lydersen and Laake 2013) counts the observed split by half: it is the exact test less
    its surplus of caution.
    """
    n, k = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2) for i in range(k + 1)]
    below, at = math.fsum(map(math.exp, logs[:-1])), math.exp(logs[-1])
    return min(1.0, 2 * (below + at / 2))


def two_sided(estimate: float, parts: Sequence[tuple[float, float]]) -> float:
    """Return P value of an estimate against 0, its variance being a sum of (variance, degrees of freedom).

    Uses Student's t with Welch and Satterthwaite's degrees of freedom.
    """
    variance = sum(part for part, _ in parts)
    if variance <= 0:
        return float(estimate == 0)
    return min(1.0, 2 * t_tail(abs(estimate) / math.sqrt(variance), welch(parts)))


def welch(parts: Sequence[tuple[float, float]]) -> float:
    """Return Satterthwaite's degrees of freedom of a sum of variances, each with its own."""
    variance = sum(part for part, _ in parts)
    denominator = sum(part**2 / df for part, df in parts)
    return variance**2 / denominator if denominator > 0 else math.inf


def binomial_variance(percent: float, trials: int) -> float:
    """Return variance, in percent squared, of an error rate measured on that many images."""
    return percent * (100 - percent) / trials


def holm(p_values: Sequence[float]) -> list[float]:
    """Return P values adjusted for how many there are (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
