"""How often intervals hold is measured with an interval of its own, and over parts of a period."""

from statistics import NormalDist

import numpy as np
import pytest

from rdrop_cli.uncertainty.calibration import Judged, measure_calibration
from rdrop_cli.uncertainty.scores import score_crps
from rdrop_cli.uncertainty.spread import LEVELS

HOURS = np.datetime64("2015-01-01T00:00", "s") + np.arange(24 * 365) * np.timedelta64(1, "h")
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def make_judged(errors: np.ndarray, scale: float = 1.0) -> Judged:
    """Forecasts of 0 with normal intervals of a scale, and targets that lie `errors` away."""
    quantiles = np.tile(scale * NORMAL[:, None], (1, len(errors)))
    return Judged(np.zeros(len(errors)), quantiles, errors, HOURS[: len(errors)])


def draw_errors(memory: float = 0.98) -> np.ndarray:
    """Errors of standard deviation 1 that stay alike for days."""
    rng, errors = np.random.default_rng(0), np.zeros(len(HOURS))
    for t in range(1, len(errors)):
        errors[t] = memory * errors[t - 1] + np.sqrt(1 - memory**2) * rng.normal()
    return errors


def test_true_narrow_and_wide_intervals_are_told_apart():
    errors = draw_errors()
    for scale, verdict in ((1.0, "true"), (0.4, "too narrow"), (2.5, "too wide")):
        measured = measure_calibration("x", "residual", make_judged(errors, scale), None)
        assert measured.coverage[1].verdict == verdict, scale
        assert measured.coverage[1].width == pytest.approx(scale * 2 * NormalDist().inv_cdf(0.9))
        assert measured.coverage[1].share == pytest.approx((np.abs(errors) <= measured.coverage[1].width / 2).mean())


def test_the_interval_of_a_share_knows_that_errors_stay_alike():
    alike = measure_calibration("x", "residual", make_judged(draw_errors()), None).coverage[1]
    independent = measure_calibration("x", "residual", make_judged(draw_errors(memory=0.0)), None).coverage[1]
    assert alike.half is not None
    assert independent.half is not None
    binomial = 1.96 * np.sqrt(0.8 * 0.2 / len(HOURS))
    assert independent.half == pytest.approx(binomial, rel=0.4)
    assert alike.half > 3 * independent.half


def test_a_short_period_has_no_interval():
    measured = measure_calibration("x", "residual", make_judged(draw_errors()[: 24 * 40]), None)
    assert (measured.days, measured.coverage[0].half, measured.coverage[0].verdict) == (40, None, "unknown")


def test_scores_are_compared_with_climatology():
    errors = draw_errors()
    sharp, wide = make_judged(errors), make_judged(errors, 4.0)
    measured = measure_calibration("x", "residual", sharp, wide)
    difference = (score_crps(sharp.quantiles, errors) - score_crps(wide.quantiles, errors)).mean()
    assert measured.crps_difference == pytest.approx(difference)
    assert measured.crps_half is not None
    assert measured.crps_difference + measured.crps_half < 0
    assert measure_calibration("x", "residual", wide, None).crps_difference is None


def test_the_histogram_and_the_reliability_are_flat_and_straight_where_intervals_are_true():
    measured = measure_calibration("x", "residual", make_judged(draw_errors(memory=0.5)), None)
    assert sum(measured.pit) == pytest.approx(1)
    assert measured.pit == pytest.approx([0.05] * 20, abs=0.015)
    assert [share for _, share in measured.reliability] == pytest.approx(list(LEVELS), abs=0.03)
    narrow = measure_calibration("x", "residual", make_judged(draw_errors(memory=0.5), 0.3), None)
    assert narrow.pit[0] + narrow.pit[-1] > 0.5


def test_parts_of_the_period_add_up():
    errors = draw_errors()
    measured = measure_calibration("x", "residual", make_judged(errors), None)
    assert [part.name for part in measured.months] == [f"2015-{month:02}" for month in range(1, 13)]
    assert [part.name for part in measured.hours] == [str(hour) for hour in range(24)]
    assert measured.hours[5].mae == pytest.approx(np.abs(errors[5::24]).mean())
    for parts in (measured.months, measured.hours):
        assert sum(part.targets * part.coverage[1] for part in parts) / measured.targets == pytest.approx(
            measured.coverage[1].share
        )
