"""Datasets by name or path."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.series import jena, load
from rdrop_cli.series.jena import install_jena
from rdrop_cli.series.load import load_dataset
from rdrop_cli.series.synthetic import generate_weather
from rdrop_cli.series.table import WEATHER_COLUMNS
from rdrop_cli.study.editions import PROTOCOLS
from rdrop_cli.study.reading import Reading
from tests.series.weather_files import ROWS, weather_csv

CSV = b"time,price,volume\n2020-01-01 00:00:00,1.5,7\n2020-01-01 01:00:00,2.5,8\n"


@pytest.fixture
def short_weather(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the embedded dataset be short."""
    monkeypatch.setattr(load, "SYNTHETIC_ROWS", ROWS)


def test_the_embedded_dataset_is_long_enough_for_every_protocol() -> None:
    needed = [p.val_stop_row + 1 + p.lookback_rows + p.horizon_rows + 2 for p in PROTOCOLS.values()]
    assert max(needed) <= load.SYNTHETIC_ROWS


@pytest.mark.usefixtures("short_weather")
def test_the_embedded_dataset_is_the_generators_first_weather(tmp_path: Path) -> None:
    series = load_dataset("synthetic", tmp_path)
    stamps, values = generate_weather(0, ROWS)
    assert series.columns == WEATHER_COLUMNS
    assert np.array_equal(series.timestamps, stamps)
    assert np.array_equal(series.values, values)
    assert (series.source.name, series.source.rows, series.source.verified) == ("synthetic", ROWS, True)
    assert series.source.sha256 == hashlib.sha256(values.tobytes()).hexdigest()


@pytest.mark.usefixtures("short_weather")
def test_the_embedded_dataset_is_generated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_dataset("synthetic", tmp_path)
    monkeypatch.setattr(load, "SYNTHETIC_ROWS", 10)
    second = load_dataset("synthetic", tmp_path)
    assert second.source == first.source
    assert np.array_equal(second.values, first.values)


def test_one_of_several_series_in_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "stations.csv"
    rows = [f"2026-01-0{day} 00:00,{name},{day}" for day in range(1, 6) for name in ("A", "B")]
    path.write_text("\n".join(["time,station,level", *rows]) + "\n")
    series = load_dataset(str(path), tmp_path / "data", Reading(where=("station=B",)))
    assert (series.source.name, series.source.where, series.rows) == ("stations", "station=B", 5)


def test_a_csv_of_the_users_is_read_and_named_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(CSV)
    series = load_dataset(str(path), tmp_path / "data")
    assert series.columns == ("price", "volume")
    assert series.values.tolist() == [[1.5, 7], [2.5, 8]]
    assert series.sampling_seconds == 3600
    assert series.source.to_json() == {
        "name": "prices",
        "origin": str(path.resolve()),
        "sha256": hashlib.sha256(CSV).hexdigest(),
        "rows": 2,
        "verified": None,
        "where": "",
        "reading": "",
        "utc": False,
    }


def test_a_csv_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(CSV)
    before = load_dataset(str(path), tmp_path / "data")
    path.write_bytes(CSV.replace(b"2.5", b"3.5"))
    after = load_dataset(str(path), tmp_path / "data")
    assert (before.values[1, 0], after.values[1, 0]) == (2.5, 3.5)
    assert before.source.sha256 != after.source.sha256


def test_the_message_of_a_bad_csv_reaches_the_user(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(CSV.replace(b"2.5", b"high"))
    with pytest.raises(DataError, match=r"prices.csv: line 3, column 'price': .*'high'"):
        load_dataset(str(path), tmp_path / "data")


def test_jena_is_what_was_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jena, "ROWS", ROWS)
    (tmp_path / "weather.csv").write_bytes(weather_csv())
    installed = install_jena(str(tmp_path / "weather.csv"), tmp_path / "data")
    assert load_dataset("jena", tmp_path / "data").source == installed.source


@pytest.mark.parametrize("name", ["jenna", "", ".", "nowhere/at/all.csv"])
def test_a_name_that_is_neither_a_dataset_nor_a_file_is_wrong_usage(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="dataset: expected jena, synthetic or the path of a CSV, received "):
        load_dataset(name, tmp_path)


@pytest.mark.parametrize("name", ["a\0b", "\ud800.csv"])
def test_what_can_be_no_path_is_wrong_usage(tmp_path: Path, name: str) -> None:
    for use in (load.locate_dataset, lambda text: load_dataset(text, tmp_path)):
        with pytest.raises(UsageError, match="dataset: expected jena, synthetic or the path of a CSV, received "):
            use(name)
