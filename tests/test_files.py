"""A file is the old one or the new one, whatever happens in between."""

import hashlib
import json
import math
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdrop_cli.files import find_place, md5_of_file, replace_atomically, sha256_of_file, to_json, write_json, write_text
from tests.series.limits import largest_file

OLD = '{"is": "old"}\n'
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.json"
    path.write_text(OLD)
    return path


def only_the_old_file_is_there(path: Path) -> bool:
    return path.read_text() == OLD and list(path.parent.iterdir()) == [path]


def test_what_was_written_replaces_the_old_file_and_nothing_else_is_left(path: Path) -> None:
    write_text(path, "neu: °C\r\n")
    assert path.read_bytes() == "neu: °C\r\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_half_a_pair_is_written_as_an_escape(path: Path) -> None:
    write_text(path, "caf\udce9 \ud800")
    assert path.read_text() == r"caf\udce9 \ud800"


def test_a_file_that_was_not_there_comes_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "new.json", {"a": 1})
    assert json.loads((tmp_path / "new.json").read_bytes()) == {"a": 1}


def test_a_pipe_or_a_device_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="is no regular file"):
        write_text(pipe, "new")
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_the_place_of_a_file_is_the_target_of_a_link(path: Path) -> None:
    assert find_place(path) == path
    for name, target in (("full", path), ("empty", path.with_name("new.json"))):
        link = path.with_name(name)
        link.symlink_to(target.name)
        assert find_place(link) == target


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no/file", "no such folder"),
        ("folder", "is a folder"),
        ("pipe", "is no regular file"),
        ("link", "regular file"),
    ],
)
def test_a_place_for_no_file_is_refused(tmp_path: Path, name: str, words: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(OSError, match=words):
        find_place(tmp_path / name)


def test_a_folder_that_may_not_be_written_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(PermissionError, match="no file can be written in this folder"):
        find_place(tmp_path / "file")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_in_between_leaves_the_old_file_alone(path: Path, error: type[BaseException]) -> None:
    def write_and_fail() -> None:
        with replace_atomically(path) as temporary:
            temporary.write_text("half of")
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert only_the_old_file_is_there(path)


def test_a_value_that_is_no_json_leaves_the_old_file_alone(path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(path, {"first": 1, "then": object()})
    assert only_the_old_file_is_there(path)


def test_a_writer_that_writes_nothing_leaves_the_old_file_alone(path: Path) -> None:
    with pytest.raises(FileNotFoundError), replace_atomically(path):
        pass
    assert only_the_old_file_is_there(path)


def test_a_full_disk_leaves_the_old_file_alone(path: Path) -> None:
    with largest_file(1000), pytest.raises(OSError, match="File too large"):
        write_text(path, "x" * 2000)
    assert only_the_old_file_is_there(path)


def test_a_kill_in_between_leaves_the_old_file_and_nothing_that_passes_for_content(path: Path) -> None:
    script = (
        "import os, pathlib, signal, sys; from rdrop_cli.files import replace_atomically\n"
        "with replace_atomically(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half of'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_text() == OLD
    strays = [other.name for other in path.parent.iterdir() if other != path]
    assert all(name.startswith(".") and ".tmp" in name for name in strays)
    write_text(path, "new")
    assert path.read_text() == "new"


def test_a_reader_never_sees_a_part(path: Path) -> None:
    texts = {OLD, *(letter * 100_000 for letter in "ab")}
    seen, stop = set(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for letter in "ab" * 20:
        write_text(path, letter * 100_000)
    stop.set()
    reader.join()
    assert seen <= texts
    assert len(seen) > 1


def test_the_bytes_are_on_the_disk_before_the_name_points_to_them(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, str]] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, path.read_text()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    write_text(path, "new")
    assert synced == [("file", OLD), ("folder", "new")]


def test_the_temporary_name_keeps_the_ending_and_stays_in_the_folder(tmp_path: Path) -> None:
    with replace_atomically(tmp_path / "model.keras") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".keras"
        temporary.write_bytes(b"")


@pytest.mark.parametrize("character", ["x", "😀"])
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path, character: str) -> None:
    path = tmp_path / (character * (251 // len(character.encode())) + ".csv")
    write_text(path, "new")
    assert [*tmp_path.iterdir()] == [path]


def test_numbers_that_are_not_finite_become_null() -> None:
    value = {"a": math.nan, "b": [1.5, math.inf, {"c": (-math.inf, 2)}]}
    assert json.loads(to_json(value)) == {"a": None, "b": [1.5, None, {"c": [None, 2]}]}


@given(JSON_VALUES)
def test_every_json_is_strict_and_reads_back_as_it_was(value: object) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = to_json(value)
    assert json.loads(text, parse_constant=refuse) == nulled(value)


def nulled(value: object) -> object:
    """The same with None for NaN and infinities, written without the code under test."""
    return json.loads(json.dumps(value), parse_constant=lambda constant: None)


def test_checksums_are_those_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(os.urandom(300_000))
    assert sha256_of_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert md5_of_file(path) == hashlib.md5(path.read_bytes()).hexdigest()


def test_a_file_that_cannot_be_written_is_named_and_not_its_temporary(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "report.html"
    with pytest.raises(FileNotFoundError) as caught:
        write_text(path, "text")
    assert caught.value.filename == str(path)
