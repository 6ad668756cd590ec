"""A target's quantity and unit are read from its column's name."""

import numpy as np
import pytest

from rdrop_cli.study.units import (
    format_count,
    format_digits,
    format_error,
    format_reading,
    format_stamp,
    is_unit,
    name_target,
)


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ("T (degC)", ("temperature", "°C")),
        ("Tpot (K)", ("Tpot", "K")),
        ("max. wv (m/s)", ("max. wv", "m/s")),
        ("a (b) (c)", ("a (b)", "c")),
        ("load [MW]", ("load", "MW")),
        ("load_MW", ("load", "MW")),
        ("indoor_degC", ("indoor", "°C")),
        ("humidity_pct", ("humidity", "%")),
        ("price", ("price", "")),
        ("main_k", ("main_k", "")),
        ("_MW", ("_MW", "")),
        ("a [b", ("a [b", "")),
        ("Open(USD)", ("Open(USD)", "")),
        ("a (b) c", ("a (b) c", "")),
        ("", ("", "")),
    ],
)
def test_a_column_tells_its_quantity_and_unit(column, named):
    assert name_target(column) == named


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        ("2014-01-01T00:10:00", "2014-01-01 00:10"),
        ("2014-01-01T00:10:30", "2014-01-01 00:10:30"),
        ("2014-01-01T00:10:00.000000", "2014-01-01 00:10"),
        ("2014-01-01T00:10:00.500000", "2014-01-01 00:10:00.5"),
        ("2014-01-01", "2014-01-01"),
    ],
)
def test_a_timestamp_is_told_with_the_digits_that_it_has(stamp, told):
    assert format_stamp(np.datetime64(stamp)) == told


@pytest.mark.parametrize(
    ("value", "told"), [(0.4149, "0.41"), (7.0, "7"), (99.7, "100"), (100.0, "100"), (1280.4, "1300"), (0.0, "0")]
)
def test_a_large_number_is_told_without_an_exponent(value, told):
    assert format_digits(value, 2) == told


@pytest.mark.parametrize(
    ("error", "unit", "told"),
    [
        (2.349, "°C", "2.35 °C"),
        (2607.37, "MW", "2607 MW"),
        (2.349, "", "2.35"),
        (0.00123, "m", "0.00123 m"),
        (0.0, "m", "0.00 m"),
    ],
)
def test_an_error_is_told_with_its_unit_and_the_digits_that_it_has(error, unit, told):
    assert format_error(error, unit) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0.00"), (5.1234, "5.12"), (-15321.4, "-15321.40"), (5.1234e-13, "5.12e-13"), (-0.01234, "-0.0123")],
)
def test_small_readings_keep_their_digits(value: float, told: str) -> None:
    assert format_reading(value) == told


def test_one_is_counted_in_the_singular() -> None:
    assert [format_count(number, "seed") for number in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]


@pytest.mark.parametrize(
    "text", ["°C", "Deg C", "DEG C", "W/m^2", "W m-2", "g/m**3", "kWh/m²", "EUR/MWh", "MBAR", "%", "1/min"]
)
def test_units_that_are_in_use_are_known(text):
    assert is_unit(text)


@pytest.mark.parametrize("text", ["Avg", "Smp", "Out", "AAPL", "Temp", "load", "", "-", "1000"])
def test_other_words_are_no_units(text):
    assert not is_unit(text)


def test_a_unit_may_stand_behind_a_comma():
    assert name_target("Temperatur, °C") == ("Temperatur", "°C")
    assert name_target("load, north") == ("load, north", "")
