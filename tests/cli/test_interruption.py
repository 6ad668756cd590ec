"""Stopped from outside, a run stays readable, says how to go on, and ends as if nothing had been."""

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import SMALL
from tests.waiting import wait_for

LONG = [*SMALL[:-1], "25"]  # long enough for a busy machine to be stopped in the middle


def wait_for_epoch(runs: Path, epochs: int) -> Path:
    """Wait until a run has committed some epochs, and return its folder."""
    last = f"epoch-{epochs:04d}.ckpt"
    checkpoint: Path = wait_for(
        lambda: next((path for path in runs.glob("*/checkpoints/epoch-*.ckpt") if path.name >= last), None)
    )
    return checkpoint.parent.parent


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, weather_csv):
    """The metrics of the run that nothing stops."""
    from rdrop_cli.cli.app import run_command

    folder = tmp_path_factory.mktemp("uninterrupted")
    arguments = ["train", "dropout", "--dataset", str(weather_csv), *LONG, "--runs-dir", str(folder), "--data-dir"]
    assert run_command([*arguments, str(folder / "data")]) == 0
    return json.loads(next(folder.glob("dropout-*/metrics.json")).read_text())


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_stopped_run_goes_on_to_the_same_end(start, rdrop, weather_csv, tmp_path, uninterrupted, number, code):
    dirs = ("--runs-dir", tmp_path / "my runs", "--data-dir", tmp_path / "data")
    process = start("train", "dropout", "--dataset", weather_csv, *LONG, *dirs)
    folder = wait_for_epoch(tmp_path / "my runs", epochs=1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    command = ["train", "--resume", folder.name, *dirs]
    assert process.returncode == code
    stopped = json.loads((folder / "metrics.json").read_text())
    assert stopped["status"] == "interrupted"
    if number != signal.SIGKILL:
        assert "Traceback" not in err
        (line,) = (line for line in err.splitlines() if line.startswith("resume with: rdrop "))
        assert shlex.split(line.removeprefix("resume with: rdrop ")) == list(map(str, command))
    resumed = rdrop(*command, "--json")
    assert resumed.code == 0, resumed.err
    document = json.loads(resumed.out)[0]
    assert document["run_id"] == folder.name
    assert document["history"] == uninterrupted["history"]
    assert document["test"] == uninterrupted["test"]


def test_a_second_process_is_refused_with_the_name_of_the_first(start, rdrop, weather_csv, tmp_path):
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    process = start("train", "dropout", "--dataset", weather_csv, *LONG[:-1], "500", *dirs)
    folder = wait_for_epoch(tmp_path / "runs", epochs=1)
    result = rdrop("train", "--resume", folder.name, *dirs)
    assert result.code == 1
    assert f"process {process.pid} on " in result.err


def test_a_completed_run_is_left_as_it_is(trained, rdrop):
    folder = next(trained.glob("baseline-*"))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    result = rdrop("train", "--resume", folder.name, "--runs-dir", trained)
    assert result.code == 0
    assert "already complete" in result.err
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_run_does_not_go_on_with_other_data(start, rdrop, weather_csv, tmp_path):
    data = tmp_path / "series.csv"
    data.write_bytes(weather_csv.read_bytes())
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    process = start("train", "baseline", "--dataset", data, *LONG[:-1], "500", *dirs)
    folder = wait_for_epoch(tmp_path / "runs", epochs=1)
    process.kill()
    process.communicate()
    data.write_text(data.read_text().replace("20.0", "20.1"))
    result = rdrop("train", "--resume", folder.name, *dirs)
    assert result.code == 1
    assert "not the data that the run was started on" in result.err


SLOW_TO_SAY = """
import threading, time
from rdrop_cli.cli.signals import end_on_signals, notice_on_signal
def find_out():
    time.sleep(2)
    return ["resume with: ..."]
with end_on_signals(), notice_on_signal(find_out, lambda line: print(line, flush=True)):
    threading.Timer(0.2, print, ["begun"], {"flush": True}).start()
    while True:
        try:
            time.sleep(1)
        except BaseException:
            continue
"""


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
def test_the_line_comes_before_the_end_however_slow_the_machine_is(signals):
    """It takes two seconds to find out, and the main thread never ends: the watcher waits for the line and ends it."""
    with subprocess.Popen([sys.executable, "-c", SLOW_TO_SAY], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        for number in signals:
            process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signals[-1]
    assert out == "resume with: ...\n"
