"""Inputs found by the branches that they reach: no traceback, no hang, nothing accepted that is not what it says.

For each input that RDROP_FUZZ asks of the other made inputs, ten are tried here; RDROP_FUZZ_SEED takes others.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="guided search takes atheris, which is made for Linux on x86-64")

from tests.torture.fuzz_targets import READERS

INPUTS = 10 * int(os.environ.get("RDROP_FUZZ", "30"))
SEED = 1 + int(os.environ.get("RDROP_FUZZ_SEED", "0"))  # 0 has libFuzzer take one by the clock
SECONDS_FOR_ONE_INPUT = 0.02
INPUTS_FOR_THE_PLANTED_FAULT = 300_000
FAULT = 77  # libFuzzer's exit status where the target raised something
pytestmark = pytest.mark.timeout(60 + int(len(READERS) * INPUTS * SECONDS_FOR_ONE_INPUT))


@dataclass(frozen=True)
class Search:
    """How one target's process ended, and what libFuzzer wrote."""

    status: int
    log: str

    @property
    def inputs(self) -> int:
        done = re.search(r"^Done (\d+) runs", self.log, re.MULTILINE)
        return int(done[1]) if done else 0

    def count_branches(self, when: str) -> int:
        """Return the branches reached when the seeds were through (INITED), or at the end (DONE)."""
        line = re.search(rf"^#\d+\s+{when}\s+cov: (\d+)", self.log, re.MULTILINE)
        return int(line[1]) if line else 0


def search(folder: Path, names: list[str], inputs: int, **environment: str) -> dict[str, Search]:
    """Search the targets one after the other in processes of their own."""
    command = [
        sys.executable,
        "-m",
        "tests.torture.guided",
        folder,
        ",".join(names),
        f"-runs={inputs}",
        f"-seed={SEED}",
    ]
    ended = subprocess.run(
        list(map(str, command)),
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    statuses = dict(line.split() for line in ended.stdout.splitlines())
    logs = {name: (folder / name / "log").read_text(errors="replace") for name in statuses}
    return {name: Search(int(status), logs[name]) for name, status in statuses.items()}


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> dict[str, Search]:
    return search(tmp_path_factory.mktemp("guided"), READERS, INPUTS)


@pytest.mark.thorough
@pytest.mark.parametrize("name", READERS)
def test_no_input_that_is_found_gets_through(searched, name, record_property):
    found = searched[name]
    assert found.status == 0, found.log[-4000:]
    assert found.inputs == INPUTS
    assert found.count_branches("DONE") > found.count_branches("INITED") > 0
    record_property("inputs", found.inputs)
    record_property("branches", f"{found.count_branches('INITED')} -> {found.count_branches('DONE')}")


@pytest.mark.thorough
def test_a_fault_behind_a_magic_word_is_found_by_following_the_branches(tmp_path):
    guided = search(tmp_path, ["planted"], INPUTS_FOR_THE_PLANTED_FAULT)["planted"]
    assert guided.status == FAULT
    assert "ZeroDivisionError" in guided.log
    assert [path for path in (tmp_path / "planted").glob("crash-*") if path.read_bytes().startswith(b"drop")]


def test_the_same_fault_is_not_found_by_chance(tmp_path):
    blind = search(tmp_path, ["planted"], INPUTS_FOR_THE_PLANTED_FAULT, BLIND="1")["planted"]
    assert blind.status == 0
    assert blind.inputs == INPUTS_FOR_THE_PLANTED_FAULT
