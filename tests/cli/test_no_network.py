"""No command but `download`, and those that name a server, uses the network: they work where there is none.

A process without any network device, not even the loopback one, runs them one after the other. What Python code
looks up or connects to is heard besides, so that an attempt that is given up in silence is found as well.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.cli.conftest import SMALL
from tests.torture.kills import ROOT

CUT = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
PROGRAM = """
import json, sys
attempts, codes = [], {}
def hear(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        attempts.append(str(arguments[-1] if event == "socket.connect" else arguments[0]))
sys.addaudithook(hear)
from rdrop_cli.cli.app import run_command
for command in json.loads(sys.argv[1]):
    codes[" ".join(command[:2])] = run_command(command)
print(json.dumps([codes, attempts]))
"""


def can_cut() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*CUT, "true"], check=False).returncode == 0


@pytest.fixture
def run_cut(tmp_path):
    """Run commands in one process without a network; return their exit codes, what was looked up, and stderr."""
    if not can_cut():
        pytest.skip("this user may not cut the network (unshare --net)")

    def run(*commands):
        program = [*CUT, sys.executable, "-c", PROGRAM, json.dumps([[*map(str, command)] for command in commands])]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return *json.loads(done.stdout.splitlines()[-1]), done.stderr

    return run


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_needs_no_server_works_without_a_network_and_looks_for_none(run_cut, weather_csv):
    reading = ("--dataset", weather_csv, *SMALL)
    codes, attempts, err = run_cut(
        ["inspect", weather_csv],
        ["train", "--seeds", "0-1", *reading, "--jobs", "1"],
        ["train", "dropout", "--seeds", "2-3", *reading, "--jobs", "2"],
        ["runs"],
        ["show", "dropout-s0"],
        ["verify"],
        ["verdict"],
        ["plot"],
        ["report"],
        ["forecast", "dropout-s0"],
        ["calibrate", "dropout-s0"],
        ["export", "--csv"],
        ["anatomy", "dropout"],
        ["variants"],
        ["config"],
    )
    assert set(codes.values()) == {0}, (codes, err)
    assert attempts == []


@pytest.mark.thorough
def test_download_says_in_one_line_that_there_is_none(run_cut, tmp_path):
    codes, attempts, err = run_cut(["download", "--data-dir", tmp_path / "data"])
    assert codes == {"download --data-dir": 1}
    assert attempts, "the ear hears"
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("rdrop: ")
