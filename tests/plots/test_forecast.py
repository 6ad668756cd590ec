"""Pictures of forecasts show what was forecast and observed, and the calibration of every source."""

from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.plots import calibration, forecast
from rdrop_cli.plots.calibration import draw_calibration
from rdrop_cli.plots.forecast import Named, draw_forecast, find_worst_days
from rdrop_cli.uncertainty.calibration import Judged, measure_calibration
from tests.uncertainty.test_calibration import NORMAL, make_judged

NAMED = Named("dropout", "dropout", 3, "seeds,residual", "temperature", "°C", "24 h", "jena data", utc=False)
BAD_DAY = 24 * 200


@pytest.fixture(scope="module")
def judged() -> Judged:
    """A year of hourly forecasts with a day that was forecast badly, and another of which little is known."""
    rng = np.random.default_rng(0)
    made = make_judged(rng.normal(size=24 * 365))
    made.observed[BAD_DAY : BAD_DAY + 24] += 9
    kept = np.ones(24 * 365, bool)
    kept[24 * 300 : 24 * 303 - 2] = False
    made.observed[24 * 303 - 2 : 24 * 303] += 30
    return Judged(made.centre[kept], made.quantiles[:, kept], made.observed[kept], made.times[kept])


def measure(judged, scale, sources):
    narrow = replace(judged, quantiles=scale * np.tile(NORMAL[:, None], (1, len(judged.centre))))
    return measure_calibration("dropout", sources, narrow, None)


def test_the_worst_day_is_the_one_with_the_largest_errors(judged):
    worst = find_worst_days(judged)
    assert worst[0][0] == judged.times[BAD_DAY].astype("datetime64[D]")
    assert worst[0][1] == pytest.approx(np.abs(judged.observed[BAD_DAY : BAD_DAY + 24]).mean())
    assert np.datetime64("2015-10-30") not in [day for day, _ in worst]  # two targets are no day
    assert len(worst) == 3


def test_a_day_with_a_target_that_is_not_known_may_be_the_worst(judged):
    holed = replace(judged, observed=judged.observed.copy())
    holed.observed[BAD_DAY + 5] = np.nan
    (day, error), *_ = find_worst_days(holed)
    assert day == judged.times[BAD_DAY].astype("datetime64[D]")
    assert error == pytest.approx(np.nanmean(np.abs(holed.observed[BAD_DAY : BAD_DAY + 24])))


@pytest.mark.parametrize("utc", [False, True])
def test_times_in_utc_are_said_to_be(judged, tmp_path, drawn, utc):
    named, found = replace(NAMED, utc=utc), [measure(judged, 1.0, "residual")]
    draw_forecast(judged, named, tmp_path / "a.png")
    assert {axes.get_xlabel() for axes in drawn} == {"time (UTC)" if utc else ""}
    assert drawn[1].get_title(loc="left").endswith("(UTC)") == utc
    drawn.clear()
    draw_calibration(found, [], judged, named, tmp_path / "b.png")
    assert drawn[0].get_title(loc="left").endswith("hour of the day (UTC)") == utc


def test_the_picture_has_a_week_a_season_and_the_worst_days(judged, tmp_path, drawn):
    draw_forecast(judged, NAMED, tmp_path / "a.png")
    titles = [axes.get_title(loc="left") for axes in drawn]
    assert titles[0] == "the last week"
    assert titles[1].startswith("the last 90 days, each at ")
    assert titles[2].startswith("worst day: wrong by 9")
    week = drawn[0].get_lines()
    assert np.array_equal(week[0].get_ydata(), judged.centre[-24 * 7 :])
    assert np.array_equal(week[1].get_ydata(), judged.observed[-24 * 7 :])
    assert len(drawn[0].collections) == 3  # the intervals
    assert len(drawn[1].get_lines()[0].get_ydata()) == 88 + 1  # two days are missing, and the line breaks
    assert np.isnan(drawn[1].get_lines()[0].get_ydata()).sum() == 1
    assert drawn[0].get_ylabel() == "temperature (°C)"
    assert drawn[0].figure.get_suptitle() == "dropout, mean of 3 runs: temperature 24 h ahead, jena data"


@pytest.mark.thorough
@pytest.mark.parametrize("hours", [1, 2, 5, 30, 40, 60, 100])
def test_a_short_period_can_be_drawn(tmp_path, hours):
    """A warning would be an error here."""
    short = make_judged(np.random.default_rng(0).normal(size=hours))
    draw_forecast(short, NAMED, tmp_path / "a.png")


def test_the_narrow_picture_stands_upright_and_the_same_forecasts_give_the_same_bytes(judged, tmp_path):
    for name in ("a.png", "b.png"):
        draw_forecast(judged, NAMED, tmp_path / name, forecast.NARROW_INCHES)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    width, height = np.frombuffer((tmp_path / "a.png").read_bytes()[16:24], ">u4")
    assert height > 2 * width


@pytest.mark.thorough
@pytest.mark.parametrize("inches", [calibration.CALIBRATION_INCHES, calibration.NARROW_INCHES])
def test_the_picture_of_calibration_shows_every_source(judged, tmp_path, drawn, inches):
    found = [measure(judged, 0.2, "masks"), measure(judged, 1.0, "residual")]
    naive = replace(measure(judged, 1.0, "residual"), label="naive")
    draw_calibration(found, [naive], judged, NAMED, tmp_path / "a.png", inches)
    by_hour, by_month, scatter, held, below, located = drawn
    assert np.array_equal(by_hour.get_lines()[0].get_xdata(), np.arange(24))
    assert by_hour.get_lines()[0].get_ydata()[5] == pytest.approx(found[1].hours[5].mae)
    assert np.array_equal(by_month.get_lines()[1].get_xdata(), np.arange(1, 13))
    assert len(scatter.get_lines()[0].get_xdata()) == len(judged.centre)
    assert held.get_legend_handles_labels()[1] == ["masks", "residual"]
    assert len(below.get_lines()) == 1 + 2
    assert located.get_ylim()[1] > 4  # of masks alone, most targets lie outside
    assert "jena data, 8" in located.figure.get_suptitle().replace("\n", " ")


def test_a_month_that_comes_twice_is_averaged():
    judged = make_judged(np.concatenate([np.full(24 * 31, 1.0), np.full(24 * 31, 3.0)]))
    twice = replace(judged, times=np.tile(judged.times[: 24 * 31], 2))
    months, errors = calibration._group(measure_calibration("x", "residual", twice, None).months)
    assert (months, errors) == ([1], pytest.approx([2.0]))


@pytest.mark.thorough
@pytest.mark.parametrize("inches", ["WIDE", "NARROW"])
@pytest.mark.parametrize("label", ["dropout", "my_long_module_name_for_the_thesis:make_a_network_with_50_units"])
def test_titles_names_and_legends_lie_within_the_picture(judged, tmp_path, drawn, label, inches):
    wide = inches == "WIDE"
    named = replace(NAMED, label=label, sources="masks,seeds,residual,adaptive")
    found = [replace(measure(judged, 1.0, "masks,seeds,residual"), label=label)]
    draw_forecast(judged, named, tmp_path / "a.png", forecast.FORECAST_INCHES if wide else forecast.NARROW_INCHES)
    draw_calibration(
        found,
        found,
        judged,
        named,
        tmp_path / "b.png",
        calibration.CALIBRATION_INCHES if wide else calibration.NARROW_INCHES,
    )
    for figure in {axes.figure for axes in drawn}:
        figure.draw_without_rendering()  # at its own resolution, which is not the file's
        names = [text for axes in figure.axes for text in axes.texts]
        for artist in (figure._suptitle, *names, *figure.legends):
            box = artist.get_window_extent()
            assert box.x0 >= 0, artist
            assert box.x1 <= figure.bbox.x1, artist
        assert min(axes.bbox.width for axes in figure.axes) > 0.15 * figure.bbox.width
