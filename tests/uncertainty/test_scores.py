"""Scores and conformal intervals are those of well-kept libraries, or of a second computation."""

import numpy as np
import pytest
import scoringrules

from rdrop_cli.uncertainty.conformal import PAIRS, STEP_SIZE, Conformal
from rdrop_cli.uncertainty.scores import covers, locate, score_crps, score_interval, score_pinball
from rdrop_cli.uncertainty.spread import GRID, INTERVALS, LEVELS, find_interval

RNG = np.random.default_rng(0)
MEANS = RNG.normal(size=40)
OBSERVED = MEANS + 2 * RNG.normal(size=40)
QUANTILES = MEANS + np.sort(RNG.normal(size=(len(LEVELS), 40)), axis=0)


def test_the_levels_are_pairs_around_the_median():
    assert np.allclose(LEVELS + LEVELS[::-1], 1)
    assert len(LEVELS) == 2 * PAIRS
    for level in INTERVALS:
        low, high = find_interval(level)
        assert (LEVELS[low], LEVELS[high]) == pytest.approx(((1 - level) / 2, (1 + level) / 2), abs=1e-12)


def test_the_pinball_loss_is_that_of_scoringrules():
    expected = [scoringrules.quantile_score(OBSERVED, q, level) for q, level in zip(QUANTILES, LEVELS, strict=True)]
    assert score_pinball(QUANTILES, LEVELS, OBSERVED) == pytest.approx(np.array(expected), abs=1e-12)


def test_the_crps_is_that_of_an_ensemble_of_the_quantiles():
    at = np.searchsorted(LEVELS, GRID - 1e-9)
    expected = scoringrules.crps_ensemble(OBSERVED, QUANTILES[at].T, estimator="qd")
    assert score_crps(QUANTILES, OBSERVED) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("level", INTERVALS)
def test_the_interval_score_is_that_of_scoringrules(level):
    low, high = (QUANTILES[index] for index in find_interval(level))
    expected = scoringrules.interval_score(OBSERVED, low, high, 1 - level)
    assert score_interval(low, high, OBSERVED, level) == pytest.approx(expected, abs=1e-12)


def test_targets_are_located_and_covered_where_they_are():
    quantiles = np.tile(LEVELS[:, None], 5)
    observed = np.array([-1.0, 0.3, 0.5, 0.77, 2.0])
    assert locate(quantiles, observed) == pytest.approx([0.0025, 0.3, 0.5, 0.77, 0.9975], abs=1e-12)
    assert covers(quantiles, observed, 0.5).tolist() == [0, 1, 1, 0, 0]


def test_split_conformal_margins_hold_the_rank_that_theory_asks_for():
    """Around a forecast alone the margin is the ⌈(n + 1)(1 - α)⌉-th smallest absolute error (Vovk 2005)."""
    errors = RNG.normal(size=199)
    conformal = Conformal.fit(np.zeros((len(LEVELS), 199)), errors)
    low, high = find_interval(0.8)
    widened = conformal.widen(np.full((len(LEVELS), 3), 7.0))
    expected = np.sort(np.abs(errors))[160 - 1]
    assert widened[high] == pytest.approx(7 + expected, abs=1e-12)
    assert widened[low] == pytest.approx(7 - expected, abs=1e-12)


def test_conformal_intervals_cover_as_often_as_they_say():
    """Of quantiles that are far too narrow, by exchangeable errors; also around quantiles too wide."""
    for scale in (0.1, 5.0):
        wrong = scale * np.tile(np.quantile(RNG.normal(size=9999), LEVELS)[:, None], 4000)
        errors = RNG.normal(size=8000)
        widened = Conformal.fit(wrong, errors[:4000]).widen(wrong)
        for level in INTERVALS:
            assert covers(widened, errors[4000:], level).mean() == pytest.approx(level, abs=0.03)


def test_adaptive_intervals_follow_errors_that_grow():
    errors = np.concatenate([RNG.normal(size=3000), 3 * RNG.normal(size=3000)])
    flat = np.zeros((len(LEVELS), 5000))
    conformal = Conformal.fit(flat[:, :1000], errors[:1000])
    known = np.maximum(np.arange(5000) - 24, 0)
    adapted = conformal.adapt(flat, errors[1000:], known)
    assert covers(conformal.widen(flat), errors[1000:], 0.8)[2000:].mean() < 0.5
    assert covers(adapted, errors[1000:], 0.8)[3000:].mean() == pytest.approx(0.8, abs=0.06)


def test_adaptive_intervals_learn_only_of_targets_that_are_known():
    observed = np.array([100.0, 0.0, np.nan, 0.0])
    conformal = Conformal.fit(np.zeros((len(LEVELS), 9999)), np.linspace(0, 1, 9999))
    quantiles = np.zeros((len(LEVELS), 4))
    adapted = conformal.adapt(quantiles, observed, np.array([0, 0, 0, 3]))
    assert np.array_equal(adapted[:, 0], adapted[:, 2])  # nothing was known
    alpha = 1 - 0.8  # one miss, one hit, and one of which nothing is known
    expected = 1 - (alpha + STEP_SIZE * (2 * alpha - 1))
    assert adapted[find_interval(0.8)[1], 3] == pytest.approx(expected, abs=1e-3)
