"""Intervals and p values against SciPy's own tests, closed forms and definitions."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lrarun.report.paired import seeds_apart
from lrarun.report.statistics import ONE_SEED, Estimate, binomial_variance, holm, spread_of

FIRST, SECOND = [2.1, 2.3, 2.2, 1.9], [2.6, 2.5, 3.1]


def difference(first, second):
    effect = sum(first.values()) / len(first) - sum(second.values()) / len(second)
    return Estimate(effect, seeds_apart(first, second, 10_000))


def by_seed(errors, start=0):
    return dict(enumerate(errors, start))


@pytest.mark.parametrize("second", [SECOND, [2.6, 2.5, 3.1, 2.4, 2.9]])
def test_of_different_seeds_it_is_welchs_t_test(second):
    found = difference(by_seed(FIRST), by_seed(second, 2))
    expected = stats.ttest_ind(FIRST, second, equal_var=False)
    assert found.p() == pytest.approx(expected.pvalue, rel=1e-9)
    low, high = expected.confidence_interval(0.9)
    assert (found.effect - found.half_width(0.9), found.effect + found.half_width(0.9)) == pytest.approx((low, high))


def test_of_equal_seeds_it_is_the_paired_t_test():
    second = [2.6, 2.5, 3.1, 2.4]
    found = difference(by_seed(FIRST), dict(reversed(by_seed(second).items())))
    expected = stats.ttest_rel(FIRST, second)
    assert found.p() == pytest.approx(expected.pvalue, rel=1e-9)
    low, high = expected.confidence_interval()
    assert (found.effect - found.half_width(), found.effect + found.half_width()) == pytest.approx((low, high))


def test_of_one_sample_against_a_number_it_is_students_t_test():
    found = Estimate(sum(FIRST) / 4, (spread_of(FIRST, 10_000),))
    assert found.p(2.0) == pytest.approx(stats.ttest_1samp(FIRST, 2.0).pvalue, rel=1e-9)


def test_known_variances_alone_are_normal():
    found = Estimate(1.959963984540054, ((0.5, math.inf), (0.5, math.inf)))
    assert found.p() == pytest.approx(0.05) and found.half_width() == pytest.approx(1.959963984540054)


parts = st.lists(
    st.tuples(st.floats(0.001, 10), st.one_of(st.integers(1, 20), st.just(math.inf))), min_size=1, max_size=3
)


@given(parts, st.floats(0.02, 0.99))
def test_the_p_value_is_that_of_the_interval_that_just_reaches(parts, confidence):
    width = Estimate(0.0, tuple(parts)).half_width(confidence)
    assert Estimate(width, tuple(parts)).p() == pytest.approx(1 - confidence, rel=1e-5)
    assert Estimate(3 - width, tuple(parts)).p(3) == pytest.approx(1 - confidence, rel=1e-5)


def test_known_and_estimated_half_widths_add_as_squares():
    both = Estimate(0.0, ((0.2, 4), (0.3, math.inf))).half_width()
    normal, students = stats.norm.isf(0.025) * 0.3**0.5, stats.t.isf(0.025, 4) * 0.2**0.5
    assert both == pytest.approx(math.hypot(normal, students))


@given(parts, st.floats(0.001, 10))
def test_more_variance_never_narrows_an_interval(parts, more):
    assert Estimate(0, (*parts, (more, math.inf))).half_width() >= Estimate(0, tuple(parts)).half_width()


def test_without_any_variance_only_the_number_itself_is_possible():
    assert (Estimate(2.0, ((0.0, 1),)).p(2.0), Estimate(2.0, ((0.0, 1),)).p(2.1)) == (1, 0)
    assert Estimate(2.0, ((0.0, 1),)).half_width() == 0


def test_one_seed_is_taken_to_spread_a_multiple_of_what_its_images_would_make():
    variance, degrees = spread_of([10.0], 10_000)
    assert math.sqrt(variance) == pytest.approx(ONE_SEED * 0.3) and math.isinf(degrees)
    assert math.sqrt(binomial_variance(10, 10_000)) == pytest.approx(0.3)


@pytest.mark.parametrize("error", [0.0, 100.0])
def test_one_seed_that_diverged_or_never_errs_decides_nothing(error):
    """It would vary by nothing at all, if its images told."""
    estimate = Estimate(98.0, (spread_of([error], 10_000), spread_of([2.0, 2.1, 2.2], 10_000)))
    assert estimate.half_width() == math.inf and estimate.p() == pytest.approx(1.0)


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
