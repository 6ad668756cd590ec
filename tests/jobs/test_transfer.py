"""What is sent between machines: the series to the bit, a run's files, and no file outside its folder."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.jobs import transfer
from rdrop_cli.jobs.series_file import read_series_file, serialise_series, store_series
from rdrop_cli.jobs.transfer import (
    check_run,
    make_run_folder,
    publish_run,
    read_files,
    read_resume_files,
    write_files,
)
from rdrop_cli.runs.checkpoint import load_checkpoint
from rdrop_cli.runs.comparable import find_same_configurations
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.record import RECORD
from tests import standin

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


@pytest.fixture
def files(tmp_path):
    """The files of a complete run of four epochs, as they come from a worker, and its id."""
    folder = standin.make_folder(tmp_path / "made")
    with folder.lock():
        standin.run(folder)
    return read_files(folder.path), folder.run_id


def change(files, name, old, new):
    return files | {name: files[name].replace(old, new)}


def forge(lie, files, run_id):
    """Return what a worker that is broken, or lies, may send in the place of a run's files."""
    ckpt = "checkpoints/epoch-0004.ckpt"
    return {
        "a name that leads out": files | {"../out": b""},
        "a hidden name": files | {".lock": b""},
        "no bytes": files | {"history.csv": "text"},
        "a checkpoint cut": files | {ckpt: files[ckpt][:-1]},
        "a bit of the model": files | {"model.keras": b"\0" + files["model.keras"][1:]},
        "a figure": change(files, "metrics.json", b'"mae": ', b'"mae": 1'),
        "another run": change(files, "metrics.json", run_id.encode(), b"another-run"),
        "no metrics": {name: files[name] for name in files if name != "metrics.json"},
        "no checkpoint": {name: files[name] for name in files if "epoch" not in name},
        "too much": files | {"large": bytes(2_000_000)},
        "a link": files | {"metrics.json": b"../../metrics.json"},
    }[lie]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("lie", "named"),
    [
        ("a name that leads out", "'../out'"),
        ("a hidden name", "'.lock'"),
        ("no bytes", "'history.csv'"),
        ("a checkpoint cut", "checkpoints/epoch-0004.ckpt: is not what SHA256SUMS says"),
        ("a bit of the model", "model.keras: is not what SHA256SUMS says"),
        ("a figure", "metrics.json: is not what SHA256SUMS says"),
        ("another run", "metrics.json: is not what SHA256SUMS says"),
        ("no metrics", "metrics.json: no such file"),
        ("no checkpoint", "checkpoints/epoch-0003.ckpt: is missing"),
        ("too much", "bytes; at most"),
        ("a link", "metrics.json: cannot be read as JSON"),
    ],
)
def test_what_no_run_can_have_left_is_refused_and_named(files, monkeypatch, lie, named):
    monkeypatch.setattr(transfer, "MAX_BYTES", 1_000_000)
    content, run_id = files
    assert check_run(content, run_id, {}).status == "completed"
    with pytest.raises(DataError) as caught:
        check_run(forge(lie, content, run_id), run_id, {})
    assert named in str(caught.value)


def test_a_run_of_another_version_is_refused(files):
    content, run_id = files
    content = {name: content[name] for name in content if name != RECORD}
    document = json.loads(content["metrics.json"])
    document["environment"]["numpy"] = "1.0"
    content["metrics.json"] = json.dumps(document).encode()
    with pytest.raises(DataError, match=r"metrics\.json: was made with numpy 1\.0, not 2\.0"):
        check_run(content, run_id, {"numpy": "2.0"})
    document["run_id"] = "other"
    content["metrics.json"] = json.dumps(document).encode()
    with pytest.raises(DataError, match=r"metrics\.json: is that of other"):
        check_run(content, run_id, {"keras": "3"})
