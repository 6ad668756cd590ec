"""Each measure gives the known answer on made curves, survives bad epochs, and refuses what it cannot measure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rdrop_cli.analysis.curves import (
    best_score,
    find_convergence,
    find_overfit_onset,
    fit_slope,
    last_score,
    measure_gap,
    measure_jitter,
    measure_rise,
    measure_spread,
)
from rdrop_cli.errors import DataError
from tests.analysis.made import NOISE, make_level, make_settling, make_v

ON_ONE_CURVE = [
    find_overfit_onset,
    measure_rise,
    measure_jitter,
    measure_spread,
    find_convergence,
    best_score,
    last_score,
    fit_slope,
]
CURVES = st.lists(st.floats(0.1, 2.0).map(lambda value: round(value, 4)), min_size=10, max_size=60).map(np.array)


def test_without_noise_the_onset_follows_the_turning_point():
    assert [find_overfit_onset(make_v(20, turn)) for turn in (4, 7, 12)] == [6, 9, 14]


@pytest.mark.parametrize("turn", [5, 8, 14])
@pytest.mark.parametrize("seed", range(20))
def test_with_noise_the_onset_lies_at_most_a_few_epochs_after_the_turning_point(turn, seed):
    onset = find_overfit_onset(make_v(30, turn, noise=NOISE, seed=seed))
    assert onset is not None
    assert turn - 1 <= onset <= turn + 6


def test_a_level_noisy_curve_seldom_has_an_onset():
    found = [find_overfit_onset(make_level(epochs, seed=s)) for epochs in (10, 20, 40, 80) for s in range(250)]
    assert sum(onset is not None for onset in found) <= 20


@pytest.mark.parametrize("position", [0, 1, 8, 15, 27, 28, 29])
def test_one_or_two_bad_epochs_are_not_overfitting(position):
    curve = make_settling(30, pace=4) + make_level(30) - 0.27
    curve[position : position + 2] += 0.5
    assert find_overfit_onset(curve) is None


@pytest.mark.parametrize("seed", range(10))
def test_bad_epochs_do_not_hide_overfitting(seed):
    curve = make_v(20, 6, noise=NOISE, seed=seed)
    curve[3] += 0.3
    curve[15] -= 0.1
    onset = find_overfit_onset(curve)
    assert onset is not None
    assert 5 <= onset <= 12


def test_a_rise_that_is_taken_back_is_no_onset():
    curve = make_settling(40, pace=3)
    curve[15:25] += 0.02
    assert find_overfit_onset(curve) is None


def test_a_falling_curve_has_no_onset_and_no_rise():
    curve = np.linspace(0.4, 0.3, 20)
    assert find_overfit_onset(curve) is None
    assert measure_rise(curve) == 0


def test_a_curve_that_diverges_from_the_first_epoch_has_its_onset_in_the_first_few():
    assert find_overfit_onset(np.linspace(0.3, 0.6, 20)) == 2
    assert find_overfit_onset(make_v(20, 1, noise=NOISE, climb=0.01)) <= 3


def test_a_plateau_without_noise_has_no_onset():
    assert find_overfit_onset(np.full(12, 0.3)) is None
    assert find_overfit_onset(np.full(12, 1e6) + 0.1) is None


def test_float_rounding_is_no_rise():
    curve = np.array([0.3] * 8 + [0.1 + 0.2] * 8)
    assert curve[-1] > curve[0]
    assert find_overfit_onset(curve) is None


def test_the_rise_is_that_of_medians_of_five_epochs():
    curve = make_v(20, 8)  # the lowest five epochs 6 … 10 are .268 .264 .26 .263 .266; the last five end at 12 · .003
    assert measure_rise(curve) == pytest.approx((0.26 + 0.030) - 0.264)


def test_a_bad_last_epoch_does_not_make_the_rise():
    curve = make_settling(20, pace=3)
    curve[-1] += 0.4
    assert measure_rise(curve) < 0.001


@pytest.mark.parametrize(("epochs", "in_sigmas"), [(10, 0.4), (20, 0.7), (30, 0.8)])
def test_noise_alone_rises_by_what_the_docstring_says(epochs, in_sigmas):
    rng = np.random.default_rng(1)
    rises = [measure_rise(5 + rng.normal(size=epochs)) for _ in range(800)]
    assert np.mean(rises) == pytest.approx(in_sigmas, abs=0.07)


def test_the_gap_is_validation_minus_training_at_the_epoch_asked_for():
    val_loss, train_mae = [0.30, 0.28, 0.29], [0.31, 0.26, 0.20]
    assert measure_gap(val_loss, train_mae) == pytest.approx(0.09)
    assert measure_gap(val_loss, train_mae, epoch=2) == pytest.approx(0.02)
    assert measure_gap(val_loss, train_mae, epoch=1) == pytest.approx(-0.01)


def test_the_slope_of_a_line_is_exact_and_bad_epochs_hardly_move_it():
    line = 0.3 + 0.002 * np.arange(20)
    assert fit_slope(line) == pytest.approx((0.002, 0.002, 0.002))
    line[[4, 11, 17]] += 0.3
    assert fit_slope(line).per_epoch == pytest.approx(0.002, abs=1e-4)


def test_the_slope_is_of_the_window_alone():
    curve = make_v(20, 10, fall=0.004, climb=0.003)
    assert fit_slope(curve, 1, 10).per_epoch == pytest.approx(-0.004)
    assert fit_slope(curve, 10, 20).per_epoch == pytest.approx(0.003)
    assert fit_slope(curve, 10).per_epoch == pytest.approx(0.003)


def test_the_interval_of_the_slope_has_the_true_one_in_it_about_19_times_of_20():
    line = 0.3 + 0.001 * np.arange(20)
    fits = [fit_slope(line + make_level(20, seed=s)) for s in range(600)]
    assert 0.92 <= np.mean([fit.low <= 0.001 <= fit.high for fit in fits]) <= 0.98


@pytest.mark.parametrize("trend", [0.0, 0.003, -0.003])
def test_the_jitter_is_the_noise_whatever_the_trend(trend):
    curve = make_level(4000, noise=NOISE) + trend * np.arange(4000)
    assert measure_jitter(curve) == pytest.approx(NOISE, rel=0.05)


def test_a_single_bad_epoch_hardly_moves_the_jitter():
    curve = make_level(40)
    spoiled = curve.copy()
    spoiled[20] += 1
    assert measure_jitter(spoiled) < 1.5 * measure_jitter(curve)


def test_the_spread_has_the_trend_in_it_and_leaves_the_first_five_epochs_out():
    curve = np.concatenate([[9, 8, 7, 6, 5], [0.26, 0.27, 0.28, 0.29, 0.30, 0.31]])
    assert measure_spread(curve) == pytest.approx(np.std(curve[5:], ddof=1))
    assert measure_spread(curve, last_epoch=8) == pytest.approx(0.01)


def test_a_slower_network_converges_later():
    epochs = [find_convergence(make_settling(60, pace)) for pace in (1, 3, 6)]
    # 0.1 of the way is left after ln 10 = 2.30 paces, counted from epoch 1
    assert epochs == [4, 8, 15]


def test_a_lucky_epoch_is_not_convergence_and_overfitting_later_does_not_undo_it():
    curve = make_settling(30, pace=2)
    lucky = curve.copy()
    lucky[1] = 0.26
    overfit = curve.copy()
    overfit[20:] += 0.02 * np.arange(10)
    assert find_convergence(lucky) == find_convergence(curve) == find_convergence(overfit)


def test_a_curve_that_never_gets_better_has_converged_at_once():
    assert find_convergence(np.linspace(0.3, 0.6, 20)) == 1
    assert find_convergence(np.full(20, 0.3)) == 1


def test_a_curve_that_still_falls_converges_near_its_end():
    assert find_convergence(np.linspace(0.4, 0.3, 50)) >= 42


def test_best_and_last_score_keep_to_the_epochs_asked_for():
    curve = [0.3, 0.27, 0.28, 0.25, 0.29]
    assert (best_score(curve), best_score(curve, within=3)) == (0.25, 0.27)
    assert (last_score(curve), last_score(curve, within=3)) == (0.29, 0.28)


@pytest.mark.parametrize("measure", ON_ONE_CURVE)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named_with_its_epoch(measure, bad):
    curve = make_level(20)
    curve[6] = bad
    with pytest.raises(DataError, match="val_loss: epoch 7 is"):
        measure(curve)


@pytest.mark.parametrize("measure", ON_ONE_CURVE)
@pytest.mark.parametrize("short", [[], [[0.3, 0.2]], ["a", "b"], None])
def test_what_is_no_curve_is_refused(measure, short):
    with pytest.raises(DataError):
        measure(short)


@pytest.mark.parametrize("measure", ON_ONE_CURVE[:5])
def test_a_curve_of_nine_epochs_is_too_short(measure):
    measure(make_level(10))
    with pytest.raises(DataError, match="at least 10 epochs, received 9"):
        measure(make_level(9))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: measure_gap([0.3, 0.2], [0.3]),
        lambda: measure_gap([0.3, 0.2], [0.3, np.nan]),
        lambda: measure_gap([0.3, 0.2], [0.3, 0.2], epoch=3),
        lambda: measure_gap([0.3, 0.2], [0.3, 0.2], epoch=0),
        lambda: fit_slope(make_level(20), 17),
        lambda: fit_slope(make_level(20), 12, 8),
        lambda: best_score([0.3], within=2),
        lambda: last_score([0.3], within=0),
        lambda: measure_spread(make_level(20), last_epoch=6),
    ],
)
def test_a_window_that_is_not_there_is_refused(wrong):
    with pytest.raises(DataError):
        wrong()


@given(CURVES, st.floats(-3, 3))
@settings(deadline=None, max_examples=60)
def test_a_constant_moves_no_epoch_and_no_difference(curve, constant):
    moved = np.round(curve + constant, 4)
    constant = moved[0] - curve[0]
    assert np.allclose(moved - curve, constant)
    assert find_overfit_onset(moved) == find_overfit_onset(curve)
    assert find_convergence(moved) == find_convergence(curve)
    for measure in (measure_rise, measure_jitter, measure_spread):
        assert measure(moved) == pytest.approx(measure(curve), abs=1e-9)
    assert fit_slope(moved).per_epoch == pytest.approx(fit_slope(curve).per_epoch, abs=1e-9)
    assert best_score(moved) == pytest.approx(best_score(curve) + constant)


@given(CURVES, st.sampled_from([0.125, 0.5, 2.0, 8.0, 1024.0]))
@settings(deadline=None, max_examples=60)
def test_a_factor_moves_no_epoch_and_scales_the_rest(curve, factor):
    scaled = factor * curve
    assert find_overfit_onset(scaled) == find_overfit_onset(curve)
    assert find_convergence(scaled) == find_convergence(curve)
    for measure in (measure_rise, measure_jitter, measure_spread, best_score, last_score):
        assert measure(scaled) == pytest.approx(factor * measure(curve))
    assert measure_gap(scaled, factor * curve[::-1]) == pytest.approx(factor * measure_gap(curve, curve[::-1]))
    assert fit_slope(scaled) == pytest.approx(tuple(factor * value for value in fit_slope(curve)))


@given(CURVES)
@settings(deadline=None, max_examples=100)
def test_every_finite_curve_has_its_measures(curve):
    onset, convergence = find_overfit_onset(curve), find_convergence(curve)
    assert onset is None or 2 <= onset <= len(curve) - 4
    assert 1 <= convergence <= len(curve)
    assert measure_rise(curve) >= 0
    assert fit_slope(curve).low <= fit_slope(curve).per_epoch <= fit_slope(curve).high
    assert fit_slope(curve).per_epoch == stats.theilslopes(curve).slope
