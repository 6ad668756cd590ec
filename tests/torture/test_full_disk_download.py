"""A download onto a full disk: one line, nothing that is not whole is taken for data, and it goes on later."""

import shutil
from pathlib import Path

import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.series import jena
from tests.series.servers import offer, serve
from tests.series.weather_files import ROWS, pack, weather_csv
from tests.torture.disks import PAGE_BYTES, nearly_full, small_disk

SPARE_PAGES = 10  # for the record, the parsed copy, and the folders


def find_installed(data_dir: Path) -> str | None:
    """Return the checksum of what a run would read, None where it would be refused."""
    try:
        return jena.load_jena(data_dir).source.sha256
    except DataError:
        return None


def list_unfinished(data_dir: Path) -> list[str]:
    return [path.name for path in data_dir.rglob("*") if ".tmp" in path.name or path.suffix == ".zip"]


@pytest.mark.parametrize("before", ["nothing", "older data"])
def test_a_download_onto_a_disk_that_is_full_after_any_page(rdrop, tmp_path, monkeypatch, before):
    monkeypatch.setattr(jena, "ROWS", ROWS)
    whole, older = weather_csv(), tmp_path / "older.csv"
    older.write_bytes(whole.replace(b"0\n", b"1\n"))
    archive = pack(tmp_path / "jena.zip", whole).read_bytes()
    refused = kept = resumed = 0
    with small_disk(tmp_path / "disk", 1 << 20) as disk, serve(offer(archive)) as server:
        for pages in range((len(archive) + len(whole)) // PAGE_BYTES + SPARE_PAGES):
            data_dir = disk / "data"
            data_dir.mkdir()
            if before == "older data":
                assert rdrop("download", "--from", older, "--data-dir", data_dir).code == 0
            installed = find_installed(data_dir)
            assert bool(installed) == (before == "older data")
            with nearly_full(disk, pages * PAGE_BYTES):
                full = rdrop("download", "--from", server.url, "--data-dir", data_dir)
            if full.code == 0:
                break
            assert full.code == 1
            (line,) = full.err.splitlines()
            assert f"rdrop: {data_dir}/" in line
            assert "No space left on device" in line
            assert find_installed(data_dir) == installed
            assert list_unfinished(data_dir) == []
            refused += 1
            kept += any(path.stat().st_size for path in data_dir.glob("*.part"))
            asked = len(server.requests)
            assert rdrop("download", "--from", server.url, "--data-dir", data_dir).code == 0
            resumed += any(request["Range"] not in (None, "bytes=0-") for request in server.requests[asked:])
            assert (data_dir / jena.CSV_NAME).read_bytes() == whole
            assert list_unfinished(data_dir) == []
            shutil.rmtree(data_dir)
        assert full.code == 0
    assert refused > 5
    assert kept == resumed > 1
