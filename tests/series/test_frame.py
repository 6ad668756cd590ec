"""Data frames as people have them: names and times in an index, levels of names, and numbers of other types."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.series.load import load_frame
from rdrop_cli.series.table import Series
from rdrop_cli.study.reading import Reading

HOURS = pd.date_range("2014-01-30 22:00", periods=60, freq="h")
READINGS = [round(20 + 7.3 * np.sin(hour / 4), 2) for hour in range(60)]
FRAME = pd.DataFrame({"MW": READINGS}, index=HOURS)


def is_as_made(series: Series, times: pd.DatetimeIndex = HOURS) -> bool:
    return (series.timestamps == times.to_numpy()).all() and series.values[:, 0].tolist() == READINGS


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        ([("Close", "AAPL"), ("Close", "MSFT")], ("Close AAPL", "Close MSFT")),
        ([("T", "degC"), ("load", "MW")], ("T (degC)", "load (MW)")),
        ([("T", "Unnamed: 1_level_1"), ("load", "mean")], ("T", "load mean")),
    ],
)
@pytest.mark.parametrize("as_column", [False, True])
def test_names_of_several_levels_are_joined_as_header_rows_are(
    levels: list[tuple[str, str]], names: tuple[str, ...], as_column: bool
) -> None:
    frame = pd.concat([FRAME, FRAME], axis=1).set_axis(pd.MultiIndex.from_tuples(levels), axis=1)
    series = load_frame(frame.rename_axis("utc").reset_index() if as_column else frame)
    assert is_as_made(series)
    assert series.columns == names


def test_names_of_several_levels_that_are_alike_when_joined_are_refused() -> None:
    alike = pd.MultiIndex.from_tuples([("a b", "c"), ("a", "b c")])
    with pytest.raises(DataError, match="column names must differ; received time, a b c, a b c"):
        load_frame(pd.concat([FRAME, FRAME], axis=1).set_axis(alike, axis=1))


@pytest.mark.parametrize(("period", "start"), [("h", "h"), ("D", "D"), ("W", "W-MON"), ("M", "MS"), ("Q", "QS")])
@pytest.mark.parametrize("as_column", [False, True])
def test_periods_are_their_beginnings(period: str, start: str, as_column: bool) -> None:
    times = pd.date_range("1990-01-01", periods=60, freq=start)
    frame = FRAME.set_axis(times.to_period(period), axis=0)
    assert is_as_made(load_frame(frame.rename_axis("utc").reset_index() if as_column else frame), times)


INDEXES: dict[str, tuple[Callable[[pd.DatetimeIndex], Any], str]] = {
    "texts": (lambda times: times.strftime("%d.%m.%Y"), "time"),
    "named texts": (lambda times: pd.Index(times.strftime("%Y-%m-%d"), name="day"), "day"),
    "dates": (lambda times: [time.date() for time in times], "time"),
    "years": (lambda times: pd.Index(times.year, name="year"), "year"),
    "seconds": (lambda times: pd.Index(times.astype("datetime64[s]").astype(int), name="epoch"), "epoch"),
}


@pytest.mark.parametrize(("make", "name"), INDEXES.values(), ids=INDEXES)
def test_an_index_that_holds_times_is_their_column(make: Callable[[pd.DatetimeIndex], Any], name: str) -> None:
    times = pd.date_range("1990", periods=60, freq="YS")
    series = load_frame(FRAME.set_axis(make(times), axis=0))
    assert is_as_made(series, times)
    assert series.time_column == name


@pytest.mark.parametrize("index", [range(60, 0, -1), [f"row {n}" for n in range(60)], pd.Index(range(60), name="id")])
def test_an_index_that_numbers_the_rows_is_no_column(index: Any) -> None:
    series = load_frame(FRAME.assign(utc=HOURS).set_axis(index, axis=0))
    assert is_as_made(series)
    assert (series.columns, series.time_column, series.excluded) == (("MW",), "utc", {})
    with pytest.raises(DataError, match="no column of timestamps; name it with time, or make it a DatetimeIndex"):
        load_frame(FRAME.set_axis(index, axis=0))


@pytest.mark.parametrize(("names", "where"), [(["station", "utc"], "station=a"), (None, "index 1=a")])
def test_an_index_of_several_levels_is_their_columns(names: list[str] | None, where: str) -> None:
    frame = pd.concat({"a": FRAME, "b": FRAME + 1}, names=names)
    with pytest.raises(DataError, match=f"choose one with where '{where}'"):
        load_frame(frame)
    assert is_as_made(load_frame(frame, Reading(where=(where,))))


@pytest.mark.parametrize("kind", ["text", "category"])
def test_conditions_are_met_by_values_with_blanks_around_them(kind: str) -> None:
    station = pd.Series([" north", "south "] * 60)
    frame = pd.DataFrame({"utc": HOURS.repeat(2), "MW": np.repeat(READINGS, 2), "station": station})
    frame = frame.astype({"station": "category"}) if kind == "category" else frame
    series = load_frame(frame, Reading(where=("station=north",)))
    assert is_as_made(series)
    assert series.source.where == "station=north"


@pytest.mark.parametrize("kind", ["decimal", "object", "Float64", "sparse", "arrow", "arrow decimal"])
def test_numbers_of_any_type_are_readings(kind: str) -> None:
    decimals = [None if n == 7 else Decimal(str(mw)) for n, mw in enumerate(READINGS)]
    floats = [None if mw is None else float(mw) for mw in decimals]
    column: Any = decimals if kind.endswith("decimal") else floats
    if kind.startswith("arrow"):
        pyarrow = pytest.importorskip("pyarrow")
        form = pyarrow.decimal128(8, 3) if kind == "arrow decimal" else pyarrow.float64()
        column = pd.array(column, dtype=pd.ArrowDtype(form))
    else:
        column = pd.Series(column, dtype={"Float64": "Float64", "sparse": pd.SparseDtype(float)}.get(kind, object))
    series = load_frame(pd.DataFrame({"utc": HOURS, "MW": column}))
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [7]
    assert np.delete(series.values[:, 0], 7).tolist() == np.delete(READINGS, 7).tolist()


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("kind", ["timestamp", "date32"])
def test_times_of_arrow_are_read(kind: str, zone: str | None) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    times = pd.date_range("2014-01-30", periods=60, freq="D", tz=zone)
    form = pyarrow.date32() if kind == "date32" else pyarrow.timestamp("us", tz=zone)
    cells = [time.date() for time in times] if kind == "date32" else times
    series = load_frame(pd.DataFrame({"utc": pd.array(cells, dtype=pd.ArrowDtype(form)), "MW": READINGS}))
    zoned = bool(zone) and kind == "timestamp"
    assert is_as_made(series, times.tz_convert("UTC").tz_localize(None) if zoned else times.tz_localize(None))
    assert series.source.utc == zoned
