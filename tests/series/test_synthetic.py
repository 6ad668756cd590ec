"""The generated weather is physics without contradictions, looks like the station's, and is a function of its seed."""

import numpy as np
import pytest

from rdrop_cli.errors import UsageError
from rdrop_cli.series.synthetic import MAX_ROWS, generate_weather
from rdrop_cli.series.table import WEATHER_COLUMNS

ROWS_PER_HOUR, ROWS_PER_DAY = 6, 144

# Mean and standard deviation of the station's hourly readings, 2009 to 2016.
STATION = {
    "T (degC)": (9.44, 8.42),
    "p (mbar)": (989.21, 8.36),
    "rh (%)": (76.03, 16.46),
    "VPmax (mbar)": (13.57, 7.74),
    "wv (m/s)": (2.13, 1.54),
    "Tdew (degC)": (4.95, 6.73),
}


def select(values, *names):
    return tuple(values[:, WEATHER_COLUMNS.index(name)] for name in names)


@pytest.fixture(scope="module", params=[0, 1, 2], ids="seed {}".format)
def eight_years(request):
    return generate_weather(request.param, MAX_ROWS)


@pytest.fixture(scope="module")
def year():
    return generate_weather(3, 365 * ROWS_PER_DAY)[1]


def test_stamps_start_with_the_station_and_step_ten_minutes(eight_years):
    stamps, values = eight_years
    assert stamps.dtype == np.dtype("datetime64[s]")
    assert str(stamps[0]) == "2009-01-01T00:10:00"
    assert (np.diff(stamps) == np.timedelta64(10, "m")).all()
    assert values.shape == (len(stamps), len(WEATHER_COLUMNS)) == (420_551, 14)


@pytest.mark.parametrize("name", STATION)
def test_mean_and_spread_are_within_fifteen_percent_of_the_station(eight_years, name):
    (column,) = select(eight_years[1], name)
    mean, spread = STATION[name]
    assert column.mean() == pytest.approx(mean, rel=0.15)
    assert column.std() == pytest.approx(spread, rel=0.15)


def test_tomorrow_is_as_hard_to_guess_from_today_as_in_jena(eight_years):
    (temperature,) = select(eight_years[1], "T (degC)")
    persistence_mae_degc = np.abs(temperature[ROWS_PER_DAY:] - temperature[:-ROWS_PER_DAY]).mean()
    assert 2.3 < persistence_mae_degc < 2.8


def test_the_past_two_days_tell_something_of_tomorrow_but_not_all(eight_years):
    hourly = eight_years[1][::ROWS_PER_HOUR]
    inputs = (hourly - hourly.mean(axis=0)) / hourly.std(axis=0)
    now = np.arange(48, len(hourly) - 24)
    features = np.column_stack([np.ones(len(now)), *(inputs[now - lag] for lag in (0, 1, 2, 3, 6, 12, 18, 24, 36, 48))])
    (temperature,) = select(hourly, "T (degC)")
    change = temperature[now + 24] - temperature[now]
    half = len(now) // 2
    past, seen = features[: half - 24], change[: half - 24]
    ridge = np.linalg.solve(past.T @ past + 10 * np.eye(past.shape[1]), past.T @ seen)
    gain = 1 - np.abs(change[half:] - features[half:] @ ridge).mean() / np.abs(change[half:]).mean()
    assert 0.03 < gain < 0.15  # the station's own readings: 0.05


def test_summer_days_swing_more_than_winter_days(year):
    (temperature,) = select(year, "T (degC)")
    swing_degc = np.ptp(temperature.reshape(-1, ROWS_PER_DAY), axis=1)
    summer, winter = swing_degc[151:243], np.r_[swing_degc[:59], swing_degc[334:]]
    assert summer.mean() > 1.3 * winter.mean()
    assert summer.std() > 2  # clouded days and clear days


def test_afternoons_are_warmest_and_windiest(year):
    for column in select(year, "T (degC)", "wv (m/s)"):
        by_hour = column.reshape(365, 24, ROWS_PER_HOUR).mean(axis=(0, 2))
        assert 11 <= by_hour.argmax() <= 17


def test_falling_pressure_brings_warmer_air_within_a_day(year):
    pressure, temperature = (
        column.reshape(-1, ROWS_PER_DAY).mean(axis=1) for column in select(year, "p (mbar)", "T (degC)")
    )
    pressure_change, temperature_change = np.diff(pressure), np.diff(temperature)
    winter_days = np.r_[0:80, 280:363]
    assert np.corrcoef(pressure_change[winter_days], temperature_change[winter_days])[0, 1] < -0.2


def test_every_value_is_a_measurement_of_two_decimals(year):
    assert np.isfinite(year).all()
    np.testing.assert_array_equal(year, year.round(2))
    assert not (year <= -100).any()


def test_zero_has_no_sign(year):
    assert (year == 0).any()
    assert not np.signbit(year[year == 0]).any()


def test_air_is_never_more_than_saturated(year):
    humidity, temperature, dew_point = select(year, "rh (%)", "T (degC)", "Tdew (degC)")
    assert humidity.max() <= 100
    assert humidity.min() > 0
    assert (dew_point <= temperature).all()


def test_gusts_exceed_the_mean_wind_and_directions_are_on_the_compass(year):
    wind, gust, direction = select(year, "wv (m/s)", "max. wv (m/s)", "wd (deg)")
    assert wind.min() >= 0
    assert (gust >= wind).all()
    assert direction.min() >= 0
    assert direction.max() < 360
    south_to_northwest = ((direction > 180) & (direction < 315)).mean()
    assert south_to_northwest > 0.5  # the westerlies prevail


@pytest.mark.parametrize(("celsius", "millibar"), [(0.0, 6.11), (10.0, 12.27), (20.0, 23.37)])
def test_saturation_pressure_is_that_of_the_tables(year, celsius, millibar):
    temperature, saturation = select(year, "T (degC)", "VPmax (mbar)")
    near = np.abs(temperature - celsius) < 0.02
    assert near.any()
    np.testing.assert_allclose(saturation[near], millibar, rtol=0.005)


def test_vapour_columns_follow_from_saturation_and_humidity(year):
    humidity, saturation, vapour, deficit = select(year, "rh (%)", "VPmax (mbar)", "VPact (mbar)", "VPdef (mbar)")
    np.testing.assert_allclose(vapour, saturation * humidity / 100, atol=0.02)
    np.testing.assert_allclose(deficit, saturation - vapour, atol=0.011)


def test_derived_columns_follow_from_pressure_temperature_and_vapour(year):
    pressure, celsius, vapour = select(year, "p (mbar)", "T (degC)", "VPact (mbar)")
    potential, specific, molar, density = select(year, "Tpot (K)", "sh (g/kg)", "H2OC (mmol/mol)", "rho (g/m**3)")
    kelvin = celsius + 273.15
    np.testing.assert_allclose(potential, kelvin * (1000 / pressure) ** 0.286, atol=0.02)
    np.testing.assert_allclose(specific, 622 * vapour / (pressure - 0.378 * vapour), atol=0.01)
    np.testing.assert_allclose(molar, 1000 * vapour / pressure, atol=0.012)
    np.testing.assert_allclose(density, 1e5 * (pressure - 0.378 * vapour) / (287.05 * kelvin), atol=0.05)


def test_same_seed_gives_the_same_bytes():
    first, second = generate_weather(5, 3_000), generate_weather(5, 3_000)
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()


@pytest.mark.parametrize("rows", [1, 7, 1_000])
def test_a_shorter_series_is_the_beginning_of_a_longer_one(rows):
    short, long = generate_weather(5, rows), generate_weather(5, 3_000)
    np.testing.assert_array_equal(short[0], long[0][:rows])
    np.testing.assert_array_equal(short[1], long[1][:rows])


def test_different_seeds_give_unrelated_weather(year):
    one, other = (select(values, "p (mbar)")[0] for values in (year, generate_weather(4, len(year))[1]))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.3


@pytest.mark.parametrize("rows", [0, -1, MAX_ROWS + 1, 10.0, True, None])
def test_an_impossible_length_is_refused(rows):
    with pytest.raises(UsageError, match=f"rows has to be an integer from 1 to 420551, received {rows}"):
        generate_weather(0, rows)


@pytest.mark.parametrize("seed", [-1, 0.5, "0", None])
def test_an_impossible_seed_is_refused(seed):
    with pytest.raises(UsageError, match=f"seed has to be an integer of 0 or more, received {seed!r}"):
        generate_weather(seed, 10)
