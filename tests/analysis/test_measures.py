"""Each measure gives the known answer on made curves, survives bad epochs, and is not moved by noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdrop_cli.analysis.measures import (
    count_epochs_to_reach,
    find_overfit_onset,
    measure_end,
    measure_gap,
    measure_jitter,
    measure_level,
    measure_overfitting,
    run_median,
)
from rdrop_cli.errors import DataError
from tests.analysis.made import NOISE, make_level, make_settling, make_v

ON_ONE_CURVE = [find_overfit_onset, measure_jitter, measure_level, measure_end]
CURVES = st.lists(st.floats(0.1, 2.0).map(lambda value: round(value, 4)), min_size=10, max_size=60).map(np.array)
MARGIN = 0.0058


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


@pytest.mark.parametrize("trend", [0.0, 0.003, -0.003])
def test_the_jitter_is_the_noise_whatever_the_trend(trend):
    curve = make_level(4000, noise=NOISE) + trend * np.arange(4000)
    assert measure_jitter(curve) == pytest.approx(NOISE, rel=0.05)


def test_a_single_bad_epoch_hardly_moves_the_jitter():
    curve = make_level(40)
    spoiled = curve.copy()
    spoiled[20] += 1
    assert measure_jitter(spoiled) < 1.5 * measure_jitter(curve)


@pytest.mark.parametrize("measure", ON_ONE_CURVE)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named_with_its_epoch(measure, bad):
    curve = make_level(20)
    curve[6] = bad
    with pytest.raises(DataError, match=": epoch 7 is"):
        measure(curve)


@pytest.mark.parametrize("measure", ON_ONE_CURVE)
@pytest.mark.parametrize("short", [[], [[0.3, 0.2]], ["a", "b"], None])
def test_what_is_no_curve_is_refused(measure, short):
    with pytest.raises(DataError):
        measure(short)


@pytest.mark.parametrize("measure", ON_ONE_CURVE[:2])
def test_a_curve_of_nine_epochs_is_too_short(measure):
    measure(make_level(10))
    with pytest.raises(DataError, match="at least 10 epochs, received 9"):
        measure(make_level(9))


@pytest.mark.parametrize("noise", [0.001, 0.002, 0.0036])
def test_noise_moves_no_level_whereas_it_moves_the_best_epoch(noise):
    rng = np.random.default_rng(1)
    curves = 0.26 + rng.normal(0, noise, (3000, 20))
    assert np.mean([measure_level(curve).error for curve in curves]) == pytest.approx(0.26, abs=0.05 * noise)
    assert curves.min(axis=1).mean() == pytest.approx(0.26 - 1.87 * noise, abs=0.05 * noise)
    assert np.mean([run_median(curve)[2:-2].min() for curve in curves]) < 0.26 - 0.6 * noise


def test_a_noisier_network_of_the_same_level_does_not_look_better():
    """With the published jitters and a settling curve; the best epochs differ by twice the published gain."""
    rng = np.random.default_rng(2)
    truth = make_settling(20, pace=1.5, floor=0.2655)
    steady, noisy = (truth + rng.normal(0, jitter, (3000, 20)) for jitter in (0.0020, 0.0036))
    difference = [measure_level(b).error - measure_level(a).error for a, b in zip(steady, noisy, strict=True)]
    assert np.mean(difference) == pytest.approx(0, abs=0.0004)
    assert (noisy.min(axis=1) - steady.min(axis=1)).mean() < -0.002


def test_the_level_is_read_at_epochs_that_their_neighbours_choose():
    curve = make_v(20, 8)
    level = measure_level(curve)
    assert (level.error, level.epoch) == (pytest.approx(0.26 + 0.003 / 2), 8.5)
    lucky = np.full(20, 0.3)
    lucky[11] = 0.2
    assert measure_level(lucky).error == pytest.approx(0.3)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_of_fewer_than_four_epochs_the_level_is_the_last(epochs):
    assert measure_level(np.linspace(0.3, 0.2, epochs)) == (pytest.approx(0.3 if epochs == 1 else 0.2), epochs)


def test_overfitting_is_a_rise_by_more_than_the_margin_while_training_falls():
    up, fitted = make_v(20, 6), 0.26 - 0.003 * np.arange(20)
    found = measure_overfitting(up, fitted, MARGIN)
    assert (found.shown, found.turn) == (True, 6.5)
    assert found.rise == pytest.approx(0.036 - 0.0015)
    assert not measure_overfitting(up, up, MARGIN).shown  # both get worse: it diverges
    assert not measure_overfitting(make_settling(20, pace=3), fitted, MARGIN).shown
    assert measure_overfitting(0.02 * up / 0.26, fitted, 0.02 * 0.022).shown  # small errors, a margin of their size


def test_noise_alone_is_no_rise():
    rises = [
        measure_overfitting(5 + 0.001 * make_level(20, 1.0, seed), -np.arange(20.0), 1.0).rise for seed in range(800)
    ]
    assert np.mean(rises) == pytest.approx(0, abs=0.00008)


def test_the_gap_is_that_of_the_last_five_epochs():
    val_loss, train_mae = np.full(12, 0.30), np.full(12, 0.26)
    val_loss[-1] += 0.4
    assert measure_gap(val_loss, train_mae) == pytest.approx(0.04)


def test_epochs_to_reach_an_error_are_counted_on_the_running_median():
    curve = np.linspace(0.4, 0.21, 20)
    curve[2] = 0.1
    assert count_epochs_to_reach(curve, 0.30) == 11
    assert count_epochs_to_reach(curve, 0.4) == 1
    assert count_epochs_to_reach(curve, 0.1) is None


@given(CURVES, st.sampled_from([0.125, 0.5, 2.0, 1024.0]), st.floats(-3, 3))
@settings(deadline=None, max_examples=60)
def test_a_constant_and_a_factor_move_no_epoch_and_scale_the_rest(curve, factor, constant):
    scaled = factor * curve
    assert measure_level(scaled) == (pytest.approx(factor * measure_level(curve).error), measure_level(curve).epoch)
    assert find_overfit_onset(scaled) == find_overfit_onset(curve)
    assert measure_jitter(scaled) == pytest.approx(factor * measure_jitter(curve))
    moved = np.round(curve + constant, 4)
    assert measure_end(moved) - measure_end(curve) == pytest.approx(moved[0] - curve[0], abs=2e-4)


def test_curves_of_different_lengths_are_refused():
    with pytest.raises(DataError, match="expected 20 epochs as in val_loss, received 19"):
        measure_overfitting(make_level(20), make_level(19), MARGIN)


def test_the_running_median_is_numpys_over_the_epochs_that_exist() -> None:
    curve = np.random.default_rng(5).normal(size=23)
    expected = [np.median(curve[max(0, place - 2) : place + 3]) for place in range(23)]
    assert run_median(curve).tolist() == expected
