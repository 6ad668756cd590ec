"""The statistics agree with closed forms, published tables, SciPy's own tests and simulations."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rdrop_cli.analysis.stats import (
    adjust_holm,
    bootstrap_over_time,
    equivalence_p,
    paired_hedges_g,
    pairs_needed,
    sign_flip_p,
    smallest_sign_flip_p,
    t_interval,
)
from rdrop_cli.errors import DataError

DIFFERENCES = np.array([-0.4, 1.3, 0.8, 2.1, 0.2, 1.7, 0.9])


def test_the_t_interval_is_the_textbooks():
    low, high = t_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.7764451052 * np.sqrt(2.5 / 5)  # t table: 4 degrees of freedom, 0.975
    assert (low, high) == pytest.approx((3 - half, 3 + half))
    assert t_interval(DIFFERENCES, level=0.9) == pytest.approx(
        tuple(stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(0.9))
    )


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_the_t_interval_covers_the_mean_19_times_of_20(seeds):
    rng = np.random.default_rng(seeds)
    intervals = np.array([t_interval(rng.normal(0.3, 1, seeds)) for _ in range(1500)])
    covered = np.mean((intervals[:, 0] <= 0.3) & (intervals[:, 1] >= 0.3))
    assert covered == pytest.approx(0.95, abs=0.017)  # three standard errors of the simulation


def test_five_pairs_never_reach_005_and_six_do():
    assert sign_flip_p(np.full(5, 9.0)) == smallest_sign_flip_p(5) == 0.0625
    assert sign_flip_p(np.full(6, 9.0)) == smallest_sign_flip_p(6) == 0.03125
    assert [smallest_sign_flip_p(n) for n in (0, 1, 2)] == [1, 1, 0.5]


@pytest.mark.parametrize("bound", [0.0, 0.5, -1.0])
def test_the_sign_flip_test_is_the_share_of_all_assignments_of_signs(bound):
    centred = DIFFERENCES - bound
    means = np.array([np.dot(signs, centred) for signs in product([-1, 1], repeat=len(centred))])
    one_side = min(np.mean(means >= centred.sum() - 1e-12), np.mean(means <= centred.sum() + 1e-12))
    assert sign_flip_p(DIFFERENCES, bound) == pytest.approx(min(1, 2 * one_side))


def test_the_sign_flip_test_rejects_a_true_null_at_most_as_often_as_it_says():
    rng = np.random.default_rng(2)
    rejected = [sign_flip_p(rng.normal(size=7)) <= 0.05 for _ in range(400)]
    assert np.mean(rejected) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_with_many_pairs_the_drawn_signs_agree_with_the_t_test_and_repeat():
    values = np.random.default_rng(3).normal(0.4, 1, 30)
    p = sign_flip_p(values)
    assert p == sign_flip_p(values)
    assert p != sign_flip_p(values, seed=1)
    assert p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)


def test_no_number_of_pairs_promises_a_smaller_p_than_the_test_can_give():
    assert sign_flip_p(np.full(30, 1.0)) == smallest_sign_flip_p(30)


def test_equivalence_is_the_larger_of_two_one_sided_t_tests():
    margin = 1.5
    below = stats.ttest_1samp(DIFFERENCES, margin, alternative="less").pvalue
    above = stats.ttest_1samp(DIFFERENCES, -margin, alternative="greater").pvalue
    assert equivalence_p(DIFFERENCES, margin) == pytest.approx(max(below, above))
    assert equivalence_p(-DIFFERENCES, margin) == pytest.approx(max(below, above))


@given(st.lists(st.floats(-1, 1).map(lambda v: round(v, 3)), min_size=3, max_size=12), st.floats(0.05, 1.5))
@settings(deadline=None, max_examples=80)
def test_equivalence_is_shown_just_where_the_90_percent_interval_lies_within_the_margin(values, margin):
    low, high = t_interval(values, level=0.9)
    assert (equivalence_p(values, margin) < 0.05) == (-margin < low and high < margin)


def test_equivalence_of_equal_values_is_a_matter_of_the_margin_alone():
    assert equivalence_p([0.1, 0.1, 0.1], 0.2) == 0
    assert equivalence_p([0.3, 0.3, 0.3], 0.2) == 1
    assert equivalence_p([0.2, 0.2, 0.2], 0.2) == 1


def test_holm_is_the_hand_example():
    # Sorted .005 .01 .03 .04 times 4 3 2 1: .02 .03 .06 .04, and none below the one before: .02 .03 .06 .06
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjust_holm([0.6, 0.7]) == [1, 1]
    assert adjust_holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_values_and_bonferroni_and_keeps_their_order(p_values):
    adjusted = adjust_holm(p_values)
    assert all(p <= a <= min(1, len(p_values) * p) + 1e-12 for p, a in zip(p_values, adjusted, strict=True))
    by_p = [a for _, a in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(by_p)


def test_holm_is_wrong_anywhere_in_at_most_5_of_100_families():
    p_values = np.random.default_rng(4).uniform(size=(3000, 6))
    wrong = [min(adjust_holm(row)) < 0.05 for row in p_values]
    assert np.mean(wrong) == pytest.approx(0.05, abs=0.012)


def test_hedges_g_is_the_textbooks():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    approximate = 3 / np.sqrt(2.5) * (1 - 3 / (4 * 4 - 1))
    assert paired_hedges_g(values) == pytest.approx(approximate, rel=0.005)
    assert paired_hedges_g(-values) == -paired_hedges_g(values)
    assert paired_hedges_g([0.1, 0.1, 0.1]) is None


def test_hedges_g_is_unbiased_where_the_plain_effect_is_not():
    draws = np.random.default_rng(5).normal(1, 1, size=(8000, 6))
    plain = np.mean(draws.mean(axis=1) / draws.std(axis=1, ddof=1))
    assert plain > 1.15
    assert np.mean([paired_hedges_g(row) for row in draws]) == pytest.approx(1, abs=0.025)


@pytest.mark.parametrize(("effect", "pairs"), [(2, 5), (1.5, 6), (1, 10), (0.75, 16), (0.5, 34), (0.4, 52)])
def test_the_pairs_needed_are_those_of_the_tables(effect, pairs):
    assert pairs_needed(effect) == pairs_needed(-effect) == pairs


def test_the_pairs_needed_give_the_power_asked_for():
    rng = np.random.default_rng(6)
    draws = rng.normal(1, 1, size=(4000, pairs_needed(1.0)))
    found = np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05)
    assert 0.78 <= found <= 0.84


def test_an_effect_that_is_next_to_nothing_needs_more_pairs_than_are_counted():
    assert pairs_needed(0.01) is None
    assert pairs_needed(0.0) is None


def test_the_bootstrap_of_independent_days_has_the_width_of_the_closed_form():
    daily = np.random.default_rng(7).normal(0.1, 1, 700)
    low, high = bootstrap_over_time(daily, seed=0, block_days=1)
    assert high - low == pytest.approx(2 * 1.96 * daily.std() / np.sqrt(700), rel=0.06)


def autocorrelate(shocks, share=0.7):
    """An AR(1) series of unit variance along the last axis."""
    series = np.empty_like(shocks)
    series[..., 0] = shocks[..., 0]
    for day in range(1, shocks.shape[-1]):
        series[..., day] = share * series[..., day - 1] + np.sqrt(1 - share**2) * shocks[..., day]
    return series


def test_blocks_of_two_weeks_cover_the_mean_of_autocorrelated_days_where_single_days_do_not():
    daily = autocorrelate(np.random.default_rng(8).normal(size=(200, 400)))
    blocks, single = (
        np.array([bootstrap_over_time(days, seed=0, block_days=b, draws=300) for days in daily]) for b in (14, 1)
    )
    assert np.mean((blocks[:, 0] <= 0) & (blocks[:, 1] >= 0)) >= 0.85
    assert np.mean((single[:, 0] <= 0) & (single[:, 1] >= 0)) <= 0.75


def test_the_bootstrap_is_a_function_of_its_seed_and_moves_with_the_mean():
    daily = autocorrelate(np.random.default_rng(9).normal(size=300))
    interval = bootstrap_over_time(daily, seed=1)
    assert interval == bootstrap_over_time(daily, seed=1) != bootstrap_over_time(daily, seed=2)
    assert bootstrap_over_time(daily + 5, seed=1) == pytest.approx(tuple(end + 5 for end in interval))


def test_the_bootstrap_draws_whole_blocks_of_consecutive_days():
    # Of alternating days every block of two has the mean 0: nothing can vary.
    daily = np.tile([1.0, -1.0], 20)
    assert bootstrap_over_time(daily, seed=0, block_days=2) == (0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: t_interval([1.0]),
        lambda: t_interval([1.0, np.nan]),
        lambda: sign_flip_p([]),
        lambda: sign_flip_p([np.inf]),
        lambda: equivalence_p([1.0], 0.1),
        lambda: paired_hedges_g([1.0, 2.0]),
        lambda: paired_hedges_g([[1.0, 2.0, 3.0]]),
        lambda: adjust_holm([0.1, np.nan]),
        lambda: adjust_holm([1.5]),
        lambda: bootstrap_over_time(np.zeros(27), seed=0),
        lambda: bootstrap_over_time(np.full(100, np.nan), seed=0),
    ],
)
def test_too_few_values_and_values_that_are_not_finite_are_refused(wrong):
    with pytest.raises(DataError):
        wrong()
