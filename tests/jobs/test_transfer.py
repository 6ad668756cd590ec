"""What is sent between machines: the series to the bit, a run's files, and no file outside its folder."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.jobs import transfer
from rdrop_cli.jobs.series_file import read_series_file, serialise_series, store_series
from rdrop_cli.jobs.transfer import make_run_folder, publish_run, read_files, read_resume_files, write_files
from rdrop_cli.runs.checkpoint import load_checkpoint
from rdrop_cli.runs.comparable import find_same_configurations
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder

FIXTURE = next((Path(__file__).parents[1] / "fixtures" / "schema-1" / "runs").glob("dropout-*"))


def test_a_series_is_unpacked_to_the_bit(tiny_series, tmp_path):
    tiny_series.values[3, 1] = np.nan
    series = replace(tiny_series, time_column="when", excluded={"note": "text"})
    unpacked = read_series_file(store_series(serialise_series(series), tmp_path))
    for field in fields(series):
        was, now = getattr(series, field.name), getattr(unpacked, field.name)
        if isinstance(was, np.ndarray):
            assert (was.dtype, was.shape, was.tobytes()) == (now.dtype, now.shape, now.tobytes())
        else:
            assert was == now, field.name


def test_a_damaged_parcel_is_told(tiny_series, tmp_path):
    path = store_series(serialise_series(tiny_series), tmp_path)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="its checksum does not match"):
        read_series_file(path)


@pytest.mark.parametrize(
    "name",
    [
        "../out",
        "/etc/passwd",
        "a/../../out",
        ".lock",
        "a/.hidden",
        "a//b",
        "./a",
        "",
        "a\\b",
        "a\nb",
        "a/b/c/d/e",
        "a/",
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused_before_anything_is_written(name, tmp_path):
    with pytest.raises(DataError, match="only plain names within its folder"):
        write_files({"config.json": b"{}", name: b""}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_more_than_a_run_has_is_neither_read_nor_written(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "MAX_BYTES", 10)
    (tmp_path / "large").write_bytes(b"12345678901")
    with pytest.raises(DataError, match="larger than 10 bytes"):
        read_files(tmp_path)
    with pytest.raises(DataError, match="11 bytes; at most 10"):
        write_files({"large": b"12345678901"}, tmp_path / "run")


def test_locks_links_and_half_written_files_stay_where_they_are(tmp_path):
    for name in (".lock", ".model.1a2b.tmp.keras", "history.csv"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "history.csv")
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "first").write_bytes(b"y")
    assert read_files(tmp_path) == {"history.csv": b"x", "events/first": b"y"}


def test_only_what_cannot_be_made_again_travels_to_go_on():
    assert set(read_resume_files(RunFolder(FIXTURE))) == {
        "config.json",
        "checkpoints/epoch-0002.ckpt",
        "checkpoints/epoch-0003.ckpt",
    }


@pytest.mark.parametrize("begun", [False, True])
def test_a_stop_at_any_file_leaves_nothing_or_a_run_to_go_on_with(begun, tmp_path, monkeypatch):
    files = read_files(FIXTURE)
    config = RunFolder(FIXTURE).read_config()
    replace_atomically = transfer.replace_atomically
    assert len(files) > 5
    for stop in range(len(files) + 1):
        runs_dir = tmp_path / f"stopped-{stop}"
        folder = make_run_folder(runs_dir / FIXTURE.name)
        if begun:
            write_files(read_resume_files(RunFolder(FIXTURE)), folder.path)
        left = [stop]

        def replace_or_stop(path, left=left):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return replace_atomically(path)

        monkeypatch.setattr(transfer, "replace_atomically", replace_or_stop)
        with folder.lock():
            try:
                publish_run(files, folder)
            except KeyboardInterrupt:
                assert not folder.metrics_path.exists(), "the metrics, which say that it is complete, come last"
        monkeypatch.setattr(transfer, "replace_atomically", replace_atomically)
        if list_run_folders(runs_dir):
            assert find_same_configurations([config], runs_dir)[config].path == folder.path
            checkpoint, damaged = load_checkpoint(folder.checkpoints_path)
            assert damaged == []
            assert checkpoint is not None or not begun
        else:
            assert stop == 0
    assert read_files(folder.path) == files
