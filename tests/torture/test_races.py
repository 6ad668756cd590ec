"""Commands that meet on one runs folder: nothing is lost, doubled or of other bits, and every refusal names a run.

RDROP_RACES says how many rounds of four processes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDS = int(os.environ.get("RDROP_RACES", "8"))
# Faults that were there: a lock that makes its folder anew, and a parsed copy under the checksum of another content.
GHOST = """
from pathlib import Path
import rdrop_cli.locks as locks
opened = locks._open_locked
def make_and_open(path, timeout_s):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return opened(path, timeout_s)
locks._open_locked = make_and_open
"""
LYING_COPY = """
import rdrop_cli.series.load as load
from rdrop_cli.series.content import open_content
read = load._read
def read_again(content, reading):
    with open_content(content.origin) as later:
        return read(later, reading)
load._read = read_again
"""
PLAY = "from tests.torture.races import main\nmain()"


def play(folder: Path, rounds: int, seed: int = 0, before: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", before + PLAY, str(seed), str(rounds), str(folder)]
    return subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)


@pytest.mark.thorough
@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_commands_that_meet_leave_every_run_whole(tmp_path, record_property):
    ended = play(tmp_path, ROUNDS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    counts = json.loads(ended.stdout)
    record_property("actions", sum(counts.values()))
    assert sum(counts.values()) == 4 * ROUNDS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "found"),
    [(GHOST, "nobody made it"), (LYING_COPY, "under the checksum of another")],
    ids=["ghost", "copy"],
)
def test_the_races_that_were_there_are_found(tmp_path, before, found):
    for seed in range(10):
        ended = play(tmp_path / str(seed), 40, seed, before)
        if ended.returncode:
            assert found in ended.stdout, ended.stdout + ended.stderr
            return
    raise AssertionError("found nothing in 400 rounds")
