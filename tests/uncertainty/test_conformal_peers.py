"""Conformal intervals are those of MAPIE and crepes, to the last digits: split, around quantiles, and adaptive."""

import numpy as np
import pytest
from crepes import ConformalRegressor
from mapie.conformity_scores import AbsoluteConformityScore
from mapie.regression import ConformalizedQuantileRegressor, SplitConformalRegressor, TimeSeriesRegressor
from sklearn.base import BaseEstimator, RegressorMixin

from rdrop_cli.uncertainty.conformal import STEP_SIZE, Conformal
from rdrop_cli.uncertainty.spread import INTERVALS, LEVELS, find_interval

EXACT = {"rtol": 0, "atol": 1e-12}
CALIBRATION, NEW = 400, 300


class Column(RegressorMixin, BaseEstimator):
    """Predicts a column of its input: a forecast that was made elsewhere."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, x, y):
        self.fitted_ = True  # as MAPIE asks
        return self

    def predict(self, x):
        return np.asarray(x)[:, self.column]


@pytest.fixture(scope="module")
def forecasts():
    """Forecasts of validation and of a harder period, and the targets of both."""
    rng = np.random.default_rng(0)
    centre = rng.normal(10, 5, CALIBRATION + NEW)
    spread = np.exp(rng.normal(0, 0.5, CALIBRATION + NEW))
    harder = np.where(np.arange(CALIBRATION + NEW) < CALIBRATION, 1.0, 1.3)
    return centre, spread, centre + harder * spread * rng.standard_t(5, CALIBRATION + NEW)


def split(values):
    return values[..., :CALIBRATION], values[..., CALIBRATION:]


def spread_around(centre, spread):
    """Return quantiles at all levels (level, window), too narrow by a third."""
    from scipy import stats

    return centre + 0.67 * spread * stats.norm.ppf(LEVELS)[:, None]


def take_ends(quantiles):
    """Return the ends of the central intervals, (window, end, interval)."""
    return np.stack([quantiles[list(find_interval(level))].T for level in INTERVALS], axis=2)


def test_split_intervals_around_a_forecast_are_those_of_mapie_and_crepes(forecasts):
    centre, _, observed = forecasts
    (then, now), (known, _) = split(centre), split(observed)
    conformal = Conformal.fit(np.tile(then, (len(LEVELS), 1)), known)
    ours = take_ends(conformal.widen(np.tile(now, (len(LEVELS), 1))))
    peer = SplitConformalRegressor(Column().fit(None, None), confidence_level=list(INTERVALS), prefit=True)
    _, theirs = peer.conformalize(then[:, None], known).predict_interval(now[:, None])
    np.testing.assert_allclose(ours, theirs, **EXACT)
    crepes = ConformalRegressor().fit(known - then)
    for number, level in enumerate(INTERVALS):
        np.testing.assert_allclose(ours[:, :, number], crepes.predict_int(now, confidence=level), **EXACT)


@pytest.mark.parametrize("level", INTERVALS)
def test_intervals_around_quantiles_are_the_conformalised_quantile_regression_of_mapie(forecasts, level):
    centre, spread, observed = forecasts
    quantiles, (known, _) = spread_around(centre, spread), split(observed)
    then, now = split(quantiles)
    ours = take_ends(Conformal.fit(then, known).widen(now))[:, :, INTERVALS.index(level)]
    columns = np.stack([*quantiles[list(find_interval(level))], centre], axis=1)
    prefit = [Column(number).fit(None, None) for number in range(3)]
    peer = ConformalizedQuantileRegressor(prefit, confidence_level=level, prefit=True)
    peer.conformalize(columns[:CALIBRATION], known)
    _, theirs = peer.predict_interval(columns[CALIBRATION:], symmetric_correction=True)
    np.testing.assert_allclose(ours, theirs[:, :, 0], **EXACT)


def test_adaptive_intervals_around_a_forecast_are_those_of_mapie(forecasts):
    centre, _, observed = forecasts
    (then, now), (known, later) = split(centre), split(observed)
    conformal = Conformal.fit(np.tile(then, (len(LEVELS), 1)), known)
    ours = take_ends(conformal.adapt(np.tile(now, (len(LEVELS), 1)), later, np.arange(NEW)))
    peer = TimeSeriesRegressor(
        Column().fit(None, None), method="aci", cv="prefit", conformity_score=AbsoluteConformityScore(sym=True)
    )
    peer.fit(then[:, None], known)
    theirs = np.empty_like(ours)
    for t in range(NEW):  # each target is known when the next is forecast
        x = now[t : t + 1, None]
        _, bounds = peer.predict(x, confidence_level=list(INTERVALS), allow_infinite_bounds=True)
        theirs[t] = bounds[0]
        peer.adapt_conformal_inference(x, later[t : t + 1], gamma=STEP_SIZE, confidence_level=list(INTERVALS))
    np.testing.assert_allclose(ours, theirs, **EXACT)
    assert not np.allclose(ours, take_ends(conformal.widen(np.tile(now, (len(LEVELS), 1)))))  # it has moved
