"""Intervals are measured on forecasts of the period, source by source, with naive and climatology beside them."""

import json
import shutil

import numpy as np
import pytest

from rdrop_cli import api
from rdrop_cli.errors import UsageError


@pytest.fixture(scope="module")
def measured(plant):
    found = api.calibrate(["dropout", "baseline"], plant / "runs", plant, samples=40)
    return {(each.label, each.sources): each for each in found}


def test_every_source_is_measured_alone_and_together(measured):
    assert [sources for label, sources in measured if label == "dropout"] == [
        "masks",
        "seeds",
        "masks,seeds",
        "residual",
        "masks,seeds,residual",
        "masks,seeds,residual,conformal",
        "masks,seeds,residual,adaptive-conformal",
    ]
    assert [sources for label, sources in measured if label == "baseline"] == [
        "residual",
        "residual,conformal",
        "residual,adaptive-conformal",
    ]
    assert [key for key in measured if key[0] in ("naive", "climatology")] == [
        ("naive", "residual"),
        ("climatology", "residual"),
    ]


def test_masks_alone_are_too_narrow_and_residuals_hold(measured):
    assert measured["dropout", "masks"].coverage[1].verdict == "too narrow"
    for sources in ("residual", "masks,seeds,residual", "masks,seeds,residual,conformal"):
        assert measured["dropout", sources].coverage[1].share == pytest.approx(0.8, abs=0.06)


def test_the_measures_are_those_of_the_forecasts(plant, measured):
    frame = api.forecast(["baseline"], plant / "runs", plant, period="test", uncertainty="residual")
    frame = frame.dropna(subset="y")
    result = measured["baseline", "residual"]
    assert result.targets == len(frame)
    assert result.mae == pytest.approx(np.abs(frame["baseline"] - frame["y"]).mean())
    held = (frame["y"] >= frame["baseline-lo-95"]) & (frame["y"] <= frame["baseline-hi-95"])
    assert result.coverage[2].share == pytest.approx(held.mean())
    assert result.coverage[2].width == pytest.approx((frame["baseline-hi-95"] - frame["baseline-lo-95"]).mean())


def test_references_forecast_what_they_are(plant, measured):
    frame = api.forecast(["baseline"], plant / "runs", plant, period="test", uncertainty="none")
    targets = frame.set_index("ds")["y"]
    run = next(run for run in api.read_runs(plant / "runs") if run.metrics.variant == "baseline")
    assert measured["naive", "residual"].mae == pytest.approx(run.metrics.naive.test_mae_in_unit, rel=1e-4)
    usual = 50 + 10 * np.sin(2 * np.pi * targets.index.hour / 24)
    assert measured["climatology", "residual"].mae == pytest.approx(np.abs(targets - usual).mean(), rel=0.05)
    assert measured["climatology", "residual"].crps_difference is None
    assert measured["baseline", "residual"].crps_difference is not None


def test_sources_and_period_can_be_chosen(plant):
    found = api.calibrate(
        ["dropout-s0"], plant / "runs", plant, period="2020-09-01..2020-09-08", uncertainty=["residual"]
    )
    assert [each.label for each in found] == ["dropout", "naive", "climatology"]
    assert found[0].targets == 7 * 24
    assert found[0].coverage[0].half is None
    with pytest.raises(UsageError, match="holds no window"):
        api.calibrate(["dropout-s0"], plant / "runs", plant, period="2030-01-01..")
    with pytest.raises(UsageError, match="samples: expected at least 2, received 0"):
        api.calibrate(["dropout-s0"], plant / "runs", plant, samples=0)
    with pytest.raises(UsageError, match="no source"):
        api.calibrate(["dropout-s0"], plant / "runs", plant, uncertainty=["all"])


def test_networks_with_different_windows_are_calibrated_one_by_one(plant, tmp_path):
    """Their targets differ, and the newest readings before them."""
    shutil.copytree(plant / "runs", tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("dropout-*/config.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"lookback_rows": 4}))
    with pytest.raises(UsageError, match=r"have different windows \(windows of 6 rows.*; windows of 4 rows"):
        api.calibrate(["baseline", "dropout"], tmp_path, plant)


def test_no_source_has_nothing_to_calibrate(plant):
    with pytest.raises(UsageError, match="uncertainty: none has no intervals to calibrate"):
        api.calibrate(["baseline"], plant / "runs", plant, uncertainty=["residual", "none"])
