"""What is measured of forecasts: absolute errors, and of quantiles the median's, their pinball loss, and crossings."""

import numpy as np
import pytest

from rdrop_cli.training.measured import join, measure

LEVELS = (0.1, 0.5, 0.8)


def draw_errors(windows=40, horizons=3):
    """Errors of quantiles of which some cross, of several horizons."""
    rng = np.random.default_rng(4)
    spread = np.sort(rng.normal(size=(windows, horizons, 3)), axis=2)
    spread[:10, 0] = spread[:10, 0, ::-1]
    return spread.astype(np.float32)


def pinball(errors):
    """The loss as Koenker and Bassett define it, of each quantile and the reading it should be above."""
    return np.mean([np.maximum(-q * errors[..., i], (1 - q) * errors[..., i]) for i, q in enumerate(LEVELS)])


@pytest.mark.parametrize("shape", [(7,), (7, 2)])
def test_a_forecast_without_quantiles_has_absolute_errors_alone(shape):
    errors = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    measured = measure(errors, ())
    assert np.array_equal(measured.errors, np.abs(errors))
    assert (measured.pinball, measured.crossed) == (None, 0.0)
    assert measured.mae == pytest.approx(np.abs(errors).mean())
    assert measured.mse == pytest.approx((errors**2).mean())


def test_quantiles_that_cross_are_sorted_and_counted():
    errors = draw_errors()
    measured, ordered = measure(errors, LEVELS), np.sort(errors, axis=2)
    assert np.array_equal(measured.errors, np.abs(ordered[:, :, 1]))
    assert measured.crossed == pytest.approx(10 / (40 * 3))
    assert measured.pinball == pytest.approx(pinball(ordered), rel=1e-6)
    assert measured.pinball < pinball(errors), "sorting never makes them worse"


def test_quantiles_of_one_horizon_have_one_error_a_window():
    measured = measure(draw_errors(horizons=1), LEVELS)
    assert measured.errors.shape == (40,)
    assert measured.crossed == 0.25
    assert measure(np.sort(draw_errors(horizons=1), axis=2), LEVELS).crossed == 0


def test_the_pieces_of_a_period_are_measured_as_the_whole():
    errors = draw_errors()
    whole, joined = measure(errors, LEVELS), join([measure(piece, LEVELS) for piece in (errors[:7], errors[7:])])
    assert np.array_equal(joined.errors, whole.errors)
    assert (joined.pinball, joined.crossed) == pytest.approx((whole.pinball, whole.crossed), rel=1e-6)
    plain = join([measure(piece, ()) for piece in (errors[:7, 0, 0], errors[7:, 0, 0])])
    assert np.array_equal(plain.errors, np.abs(errors[:, 0, 0]))
    assert plain.pinball is None


def test_the_levels_decide_the_loss():
    errors = draw_errors()
    assert measure(errors, LEVELS).pinball != measure(errors, (0.2, 0.5, 0.9)).pinball
