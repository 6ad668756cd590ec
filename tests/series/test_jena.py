"""The Jena data on disk: what is let in, what is recorded, and what is noticed afterwards."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.series import jena
from rdrop_cli.series.jena import CSV_NAME, install_jena, is_installed, load_jena
from rdrop_cli.series.synthetic import generate_weather
from rdrop_cli.series.table import WEATHER_COLUMNS
from tests.series.servers import offer, say, serve
from tests.series.weather_files import ROWS, pack, weather_csv

RECORD = "jena_climate_2009_2016.json"
Folder = dict[str, bytes]


@pytest.fixture(scope="module")
def content() -> bytes:
    return weather_csv()


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the published file have as few rows as the made one."""
    monkeypatch.setattr(jena, "ROWS", ROWS)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def csv_path(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "from elsewhere.csv"
    path.write_bytes(content)
    return path


def read_folder(data_dir: Path) -> Folder:
    """Everything in the folder but the parsed copy, byte by byte."""
    return {path.name: path.read_bytes() for path in data_dir.iterdir() if path.is_file()}


def test_the_published_facts_are_those_of_the_file_that_the_book_uses() -> None:
    assert jena.CSV_MD5 == "959915f05bfafef18e471a97ae679535"
    assert jena.CSV_BYTES == 43_164_220
    assert len(WEATHER_COLUMNS) == 14
    assert jena.MAX_BYTES > jena.CSV_BYTES


def test_a_csv_is_installed_and_read(csv_path: Path, data_dir: Path, content: bytes) -> None:
    assert not is_installed(data_dir)
    series = install_jena(str(csv_path), data_dir)
    stamps, values = generate_weather(0, ROWS)
    assert series.columns == WEATHER_COLUMNS
    assert np.array_equal(series.timestamps, stamps)
    assert np.array_equal(series.values, values)
    assert series.source.to_json() == {
        "name": "jena",
        "origin": str(csv_path.resolve()),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": ROWS,
        "verified": False,
        "where": "",
        "reading": "",
        "utc": False,
    }
    assert is_installed(data_dir)
    assert (data_dir / CSV_NAME).read_bytes() == content
    assert set(read_folder(data_dir)) == {CSV_NAME, RECORD}


def test_a_zip_is_installed_as_the_csv_in_it(tmp_path: Path, data_dir: Path, content: bytes) -> None:
    series = install_jena(str(pack(tmp_path / "jena.zip", content)), data_dir)
    assert series.source.sha256 == hashlib.sha256(content).hexdigest()
    assert series.values.shape == (ROWS, 14)
    assert set(read_folder(data_dir)) == {CSV_NAME, RECORD}


def test_an_address_is_fetched_and_the_zip_not_kept(tmp_path: Path, data_dir: Path, content: bytes) -> None:
    packed = pack(tmp_path / "jena.zip", content).read_bytes()
    told: list[tuple[int, int | None]] = []
    with serve(offer(packed)) as server:
        series = install_jena(server.url, data_dir, lambda done, total: told.append((done, total)))
        assert series.source.origin == server.url
    assert told[-1] == (len(packed), len(packed))
    assert (data_dir / CSV_NAME).read_bytes() == content
    assert not list(data_dir.glob("*.zip"))
    assert not list(data_dir.glob("*.part"))


def test_without_an_address_the_published_ones_are_tried_in_their_order(
    tmp_path: Path, data_dir: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(say(404)) as gone, serve(offer(pack(tmp_path / "jena.zip", content).read_bytes())) as mirror:
        monkeypatch.setattr(jena, "ADDRESSES", (gone.url, mirror.url))
        assert install_jena(None, data_dir).source.origin == mirror.url
        assert len(gone.requests) == 1


def test_the_published_checksum_makes_a_file_the_published_one(
    csv_path: Path, data_dir: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jena, "CSV_MD5", hashlib.md5(content).hexdigest())
    assert install_jena(str(csv_path), data_dir).source.verified is True
    assert load_jena(data_dir).source.verified is True


def test_what_came_is_recorded(csv_path: Path, data_dir: Path, content: bytes) -> None:
    install_jena(str(csv_path), data_dir)
    record = json.loads((data_dir / RECORD).read_bytes())
    assert record["md5"] == hashlib.md5(content).hexdigest()
    assert record["bytes"] == len(content)
    assert (record["rows"], record["columns"], record["verified"]) == (ROWS, 14, False)


WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    "a column less": (lambda: weather_csv(columns=WEATHER_COLUMNS[:-1]), r"missing \['wd \(deg\)'\]"),
    "another order": (lambda: weather_csv(columns=WEATHER_COLUMNS[::-1]), r"in their order, received \['wd \(deg\)'"),
    "a row less": (lambda: weather_csv(ROWS - 1), f"expected {ROWS} rows from 2009-01-01T00:10:00, received 299"),
    "a row more": (lambda: weather_csv(ROWS + 1), f"expected {ROWS} rows from 2009-01-01T00:10:00, received 301"),
    "another start": (lambda: weather_csv(skip=1), "received 300 from 2009-01-01T00:20:00"),
    "text in a cell": (lambda: weather_csv().replace(b"2009 01:00:00,", b"2009 01:00:00,x"), "line 7, column 'p "),
    "a web page": (lambda: b"<!DOCTYPE html><html><body>Sorry</body></html>", "has one column"),
    "no zip": (lambda: b"PK\x03\x04 and no more", "not a whole zip"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_and_the_former_one_stays(
    tmp_path: Path, csv_path: Path, data_dir: Path, make: Callable[[], bytes], message: str
) -> None:
    install_jena(str(csv_path), data_dir)
    before = read_folder(data_dir)
    wrong = tmp_path / "wrong"
    wrong.write_bytes(make())
    with pytest.raises(DataError, match=message):
        install_jena(str(wrong), data_dir)
    assert read_folder(data_dir) == before
    assert len(load_jena(data_dir).values) == ROWS


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_the_refusal_of_a_file_names_where_it_came_from(
    tmp_path: Path, data_dir: Path, make: Callable[[], bytes], message: str
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(make())
    with pytest.raises(DataError) as caught:
        install_jena(str(wrong), data_dir)
    assert str(caught.value).startswith(f"{wrong}: ")
    assert not read_folder(data_dir)


def test_a_wrong_file_from_an_address_leaves_nothing_behind(tmp_path: Path, data_dir: Path) -> None:
    packed = pack(tmp_path / "jena.zip", weather_csv(ROWS - 1)).read_bytes()
    with serve(offer(packed)) as server, pytest.raises(DataError, match="not the whole Jena data"):
        install_jena(server.url, data_dir)
    assert not [path for path in data_dir.iterdir() if path.suffix != ".lock"]


def test_a_source_that_is_no_file_is_refused(tmp_path: Path, data_dir: Path) -> None:
    with pytest.raises(DataError, match="no such file; expected a CSV, a zip that holds one, or an address"):
        install_jena(str(tmp_path / "nowhere.csv"), data_dir)
    assert not is_installed(data_dir)


def test_data_that_are_not_there_are_answered_with_what_to_do(data_dir: Path) -> None:
    with pytest.raises(DataError, match="run `rdrop download`, or train on the synthetic data"):
        load_jena(data_dir)


def test_a_file_changed_after_it_came_is_refused(csv_path: Path, data_dir: Path, content: bytes) -> None:
    install_jena(str(csv_path), data_dir)
    (data_dir / CSV_NAME).write_bytes(content[:-3] + b"1" + content[-2:])
    with pytest.raises(DataError, match=f"{CSV_NAME}: changed since it was downloaded"):
        load_jena(data_dir)


def test_the_second_start_parses_nothing(csv_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = install_jena(str(csv_path), data_dir)
    monkeypatch.setattr(jena, "read_csv", refuse_to_parse)
    second = load_jena(data_dir)
    assert np.array_equal(second.values, first.values)
    assert second.source == first.source


def test_a_damaged_parsed_copy_is_read_anew(csv_path: Path, data_dir: Path) -> None:
    first = install_jena(str(csv_path), data_dir)
    (copy,) = (data_dir / "cache").iterdir()
    damaged = bytearray(copy.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    copy.write_bytes(damaged)
    assert np.array_equal(load_jena(data_dir).values, first.values)


def refuse_to_parse(path: Path) -> Any:
    raise AssertionError(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: "",
        lambda record: "[]",
        lambda record: "{}",
        lambda record: "[" * 100_000,
        lambda record: json.dumps({**record, "sha256": 5}),
        lambda record: json.dumps({key: value for key, value in record.items() if key != "verified"}),
    ],
    ids=["empty", "list", "no fields", "too deep", "number for a checksum", "field missing"],
)
def test_a_record_that_is_none_is_refused(
    csv_path: Path, data_dir: Path, change: Callable[[dict[str, Any]], str]
) -> None:
    install_jena(str(csv_path), data_dir)
    record = data_dir / RECORD
    record.write_text(change(json.loads(record.read_bytes())))
    with pytest.raises(DataError, match="run `rdrop download"):
        load_jena(data_dir)
