"""`rdrop download` against a real server on this machine."""

import json
import zipfile

import pytest

from rdrop_cli.series import jena
from tests.series.servers import offer, serve


@pytest.fixture
def small_jena(monkeypatch, weather_csv, tmp_path):
    """A zip of the small series, which is made to count as the published file's length."""
    monkeypatch.setattr(jena, "ROWS", 900)
    archive = tmp_path / "served" / "jena_climate_2009_2016.csv.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.write(weather_csv, "jena_climate_2009_2016.csv")
    return archive


@pytest.mark.thorough
def test_a_file_is_fetched_checked_and_warned_about(rdrop, small_jena, tmp_path):
    with serve(offer(small_jena.read_bytes())) as server:
        result = rdrop("download", "--from", f"{server.url}?token=secret", "--data-dir", tmp_path / "data", "--json")
    assert result.code == 0, result.err
    record = json.loads(result.out)
    assert record["rows"] == 900
    assert record["verified"] is False
    assert "secret" not in record["origin"]
    assert "WARNING" in result.err
    assert "another checksum" in result.err


def test_what_is_there_is_not_fetched_again_unless_it_was_damaged(rdrop, small_jena, tmp_path, monkeypatch):
    data = tmp_path / "data"
    assert rdrop("download", "--from", small_jena, "--data-dir", data).code == 0
    assert "already in" in rdrop("download", "--data-dir", data).err
    csv = data / "jena_climate_2009_2016.csv"
    csv.write_bytes(csv.read_bytes()[:-10])
    with serve(offer(small_jena.read_bytes())) as server:
        monkeypatch.setattr(jena, "ADDRESSES", (server.url,))
        result = rdrop("download", "--data-dir", data)
    assert result.code == 0, result.err
    assert "fetching again" in result.err
    assert csv.stat().st_size > 1000


def test_the_second_address_is_tried_when_the_first_answers_with_a_web_page(rdrop, small_jena, tmp_path, monkeypatch):
    with serve(offer(b"<html>sign in</html>")) as page, serve(offer(small_jena.read_bytes())) as server:
        monkeypatch.setattr(jena, "ADDRESSES", (page.url, server.url))
        result = rdrop("download", "--data-dir", tmp_path / "data", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["origin"] == server.url


def test_a_plain_csv_is_as_good_as_a_zip(rdrop, small_jena, weather_csv, tmp_path):
    with serve(offer(weather_csv.read_bytes())) as server:
        assert rdrop("download", "--from", server.url, "--data-dir", tmp_path / "data").code == 0


def test_the_example_replaces_no_other_file(rdrop, tmp_path):
    file = tmp_path / "load.csv"
    file.write_text("the user's own")
    refused = rdrop("download", "--example", file)
    assert (refused.code, file.read_text()) == (2, "the user's own")
    assert "exists and is not the example" in refused.err
    assert rdrop("download", "--example", file, "--force").code == 0
    assert rdrop("download", "--example", file).code == 0
    assert rdrop("download", "--example", file, "--from", "elsewhere.csv").code == 2
