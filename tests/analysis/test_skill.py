"""The comparison of two forecasts by their errors a day."""

import numpy as np
import pytest
from scipy import stats

from rdrop_cli.analysis.skill import compare_forecasts

DAYS = 400
EVEN = np.full(DAYS, 144.0)


def make_errors(rng, persistence=0.0, difference=0.0):
    """Daily errors of two forecasts; what one is better by on a day is alike from day to day."""
    noise, gap = rng.normal(0, 0.05, DAYS), np.zeros(DAYS)
    for day in range(DAYS):
        gap[day] = persistence * gap[day - 1] + noise[day]
    return 1 + difference + gap, np.ones(DAYS)


def test_alike_forecasts_are_told_apart_in_one_of_twenty_however_long_errors_stay_alike():
    rng = np.random.default_rng(0)
    for persistence, most in ((0.0, 0.08), (0.6, 0.1)):
        p = [compare_forecasts(*make_errors(rng, persistence), EVEN)[2] for _ in range(600)]
        assert 0.02 < np.mean(np.array(p) < 0.05) < most
    naive_p = [stats.ttest_1samp(np.subtract(*make_errors(rng, 0.6)), 0).pvalue for _ in range(600)]
    assert np.mean(np.array(naive_p) < 0.05) > 0.25  # what takes days for independent is wrong in a third


def test_a_difference_is_found_with_its_sign_and_its_interval():
    one, other = make_errors(np.random.default_rng(0), 0.3, difference=-0.03)
    difference, half, p = compare_forecasts(one, other, EVEN)
    assert difference == pytest.approx(np.mean(one - other))
    assert p < 0.001
    assert abs(difference + 0.03) < half < 0.03
    assert compare_forecasts(other, one, EVEN)[0] == -difference


def test_the_variance_is_that_of_newey_and_west():
    one, other = make_errors(np.random.default_rng(2), 0.5)
    gap, h = one - other, 14
    centred = gap - gap.mean()
    apart = np.abs(np.subtract.outer(np.arange(DAYS), np.arange(DAYS)))
    total = (np.maximum(0, 1 - apart / h) * np.outer(centred, centred)).sum()
    error = np.sqrt(total / DAYS**2 / ((DAYS + 1 - 2 * h + h * (h - 1) / DAYS) / DAYS))
    _, half, p = compare_forecasts(one, other, EVEN)
    assert half == pytest.approx(stats.t.ppf(0.975, DAYS - 1) * error)
    assert p == pytest.approx(2 * stats.t.sf(abs(gap.mean()) / error, DAYS - 1))


def test_days_with_more_windows_weigh_more():
    windows = EVEN.copy()
    windows[:100] = 1
    one = np.where(np.arange(DAYS) < 100, 2.0, 1.0)
    assert compare_forecasts(one, np.ones(DAYS), windows)[0] == pytest.approx(100 / windows.sum())


def test_the_same_forecast_is_no_different():
    assert compare_forecasts(np.ones(DAYS), np.ones(DAYS), EVEN) == (0.0, 0.0, 1.0)
