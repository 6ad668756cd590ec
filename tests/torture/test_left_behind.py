"""What a killed writer leaves half-written goes with the next one in its folder, and a living one's stays."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rdrop_cli.files import replace_atomically, write_text
from rdrop_cli.series import jena
from tests.series.weather_files import ROWS, pack, weather_csv
from tests.standin import make_folder, run
from tests.torture.crash_points import draw_nothing

ROOT = Path(__file__).parents[2]
DIE_WHEN_WRITTEN = f"""
import os, pathlib, signal
import rdrop_cli.files
from rdrop_cli.series import jena
from rdrop_cli.__main__ import main
jena.ROWS = {ROWS}
def die(path):
    if path.absolute().is_relative_to(pathlib.Path.cwd()):  # the report's pictures are drawn in the system's scratch
        os.kill(os.getpid(), signal.SIGKILL)
rdrop_cli.files.sync = die
main()
"""
WRITE_WHEN_TOLD = """
import pathlib, sys
from rdrop_cli.files import replace_atomically
with replace_atomically(pathlib.Path(sys.argv[1])) as temporary:
    temporary.write_text("half of")
    print("begun", flush=True)
    temporary.write_text(sys.stdin.readline())
"""


def list_temporaries(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*") if ".tmp" in path.name]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a complete run, a zip of weather, and the same as a CSV."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rdrop_cli.plots.loss.draw_run", draw_nothing)
        run(make_folder(tmp_path / "runs"))
    (tmp_path / "weather.csv").write_bytes(weather_csv())
    pack(tmp_path / "weather.zip", weather_csv())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jena, "ROWS", ROWS)
    return tmp_path


# The data are too few to train on, which is said after the copy in data/cache was made.
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("command", "folder", "ends_well"),
    [
        (["download", "--from", "weather.zip"], "data", True),
        (["download", "--from", "weather.csv"], "data", True),
        (["train", "baseline", "--dataset", "weather.csv"], "data/cache", False),
        (["plot"], "runs", True),
        (["report"], "runs", True),
    ],
    ids=["data-zip", "data-csv", "cache", "picture", "report"],
)
def test_a_command_removes_what_the_same_one_left_when_it_was_killed(place, rdrop, command, folder, ends_well):
    killed = subprocess.run(
        [sys.executable, "-c", DIE_WHEN_WRITTEN, *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list_temporaries(place / folder) != []
    again = rdrop(*command)
    assert (again.code == 0) == ends_well, again.err
    assert list_temporaries(place) == []


@pytest.fixture
def writer(tmp_path):
    """A process that is writing `tmp_path/file`."""
    command = [sys.executable, "-c", WRITE_WHEN_TOLD, tmp_path / "file"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    yield process
    process.kill()
    process.communicate()


def test_a_living_writers_temporary_stays_and_takes_its_place(tmp_path, writer):
    write_text(tmp_path / "file", "mine")
    write_text(tmp_path / "other", "mine")
    assert len(list_temporaries(tmp_path)) == 1
    writer.communicate("theirs")
    assert writer.returncode == 0
    assert (tmp_path / "file").read_text() == "theirs"
    assert list_temporaries(tmp_path) == []


def test_a_dead_writers_temporary_goes_when_the_last_living_one_is_done(tmp_path, writer):
    with replace_atomically(tmp_path / "living") as living:
        living.write_text("mine")
        writer.kill()
        writer.wait()
        write_text(tmp_path / "file", "while another writes")
        assert len(list_temporaries(tmp_path)) == 2
        assert living.exists()
    write_text(tmp_path / "file", "alone")
    assert list_temporaries(tmp_path) == []


def test_what_only_looks_like_a_temporary_stays(tmp_path):
    names = [".notes.tmp", ".backup.tmp.txt", "a.0123abcd.tmp", ".file.0123ABCD.tmp.txt"]
    for name in names:
        (tmp_path / name).write_text("the user's")
    write_text(tmp_path / "file.txt", "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "file.txt"])


def test_a_stranger_who_keeps_the_folder_locked_holds_nobody_up_for_long(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        begin = time.monotonic()
        write_text(tmp_path / "file", "mine")
        assert time.monotonic() - begin < 5
    finally:
        os.close(descriptor)
    assert (tmp_path / "file").read_text() == "mine"
