"""Our tails and quantiles against SciPy's, closed forms and definitions."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrarun.report.statistics import beta_below, binomial_variance, holm, mcnemar, t_quantile, t_tail, two_sided, welch

DEGREES = [0.6, 1, 1.5, 2, 3, 7.3, 30, 1e3, 1e6]


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("t", [0, 0.01, 0.7, 1.96, 5, 40, 300])
def test_t_tail_is_scipys(t, df):
    stats = pytest.importorskip("scipy.stats")
    assert t_tail(t, df) == pytest.approx(stats.t.sf(t, df), rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("df", [*DEGREES, math.inf])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_t_quantile_is_scipys(df, confidence):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.norm.isf((1 - confidence) / 2) if math.isinf(df) else stats.t.isf((1 - confidence) / 2, df)
    assert t_quantile(df, confidence) == pytest.approx(expected, rel=1e-8)


def test_t_with_one_degree_of_freedom_is_cauchy():
    assert t_tail(1, 1) == pytest.approx(0.25, rel=1e-12)
    assert t_quantile(1) == pytest.approx(math.tan(math.pi * 0.475), rel=1e-10)


@pytest.mark.parametrize("a, b", [(0.5, 0.5), (2, 3), (10, 0.5), (200, 300)])
def test_incomplete_beta_has_its_symmetry_and_ends(a, b):
    assert beta_below(0, a, b) == 0 and beta_below(1, a, b) == 1
    for x in (0.01, 0.3, 0.5, 0.9):
        assert beta_below(x, a, b) + beta_below(1 - x, b, a) == pytest.approx(1, abs=1e-12)


def exact_mid_p(b, c):
    """From the definition, in rationals: twice P(X < k) + P(X = k)/2."""
    n, k = b + c, min(b, c)
    weights = [Fraction(math.comb(n, i), 2**n) for i in range(k + 1)]
    return min(1.0, float(2 * (sum(weights[:-1]) + weights[-1] / 2)))


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_sum(b, c):
    expected = exact_mid_p(b, c) if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(b, c) == mcnemar(c, b)


@pytest.mark.parametrize("b, c", [(45, 168), (600, 700), (4000, 4100), (0, 30)])
def test_mcnemar_is_scipys_exact_test_less_half_the_observed_point(b, c):
    stats = pytest.importorskip("scipy.stats")
    exact = stats.binomtest(b, b + c, 0.5).pvalue
    assert mcnemar(b, c) == pytest.approx(exact - stats.binom.pmf(b, b + c, 0.5), rel=1e-6)


def test_equal_discordant_counts_are_no_evidence():
    """The mid-p of an even split is exactly 1: half of the middle point on either side."""
    for n in (1, 5, 200):
        assert mcnemar(n, n) == pytest.approx(1, rel=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_step_down_procedure(p_values):
    """For every level, adjusted <= level exactly where Holm's procedure rejects."""
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values))
    for level in (0.01, 0.05, 0.2, 0.7):
        rejected, left = set(), sorted(range(len(p_values)), key=lambda i: p_values[i])
        while left and p_values[left[0]] * len(left) <= level:
            rejected.add(left.pop(0))
        assert {i for i, a in enumerate(adjusted) if a <= level} == rejected


def test_holm_does_not_depend_on_the_order():
    p_values = [0.001, 0.02, 0.03, 0.5]
    expected = dict(zip(p_values, holm(p_values)))
    assert all(holm(list(order)) == [expected[p] for p in order] for order in permutations(p_values))
    assert holm([]) == []


def test_two_sided_is_welchs_t_test():
    stats = pytest.importorskip("scipy.stats")
    first, second = [2.1, 2.3, 2.2, 1.9], [2.6, 2.5, 3.1]
    variances = [(stats.tvar(sample) / len(sample), len(sample) - 1) for sample in (first, second)]
    difference = sum(first) / 4 - sum(second) / 3
    assert two_sided(difference, variances) == pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue)


def test_a_sum_of_known_variances_is_normal():
    assert math.isinf(welch([(0.3, math.inf), (0.2, math.inf)]))
    assert two_sided(1.959963984540054, [(0.5, math.inf), (0.5, math.inf)]) == pytest.approx(0.05)
    assert (two_sided(0, [(0, 1)]), two_sided(1, [(0, 1)])) == (1, 0)


def test_binomial_variance_in_percent():
    assert math.sqrt(binomial_variance(10, 10_000)) == pytest.approx(0.3)
