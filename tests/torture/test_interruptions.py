"""Ctrl-C and SIGTERM at random moments of the real command: its end comes soon, with the line that says how to resume.

RDROP_INTERRUPTIONS says how often.
"""

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rdrop_cli.runs.find import list_run_folders
from tests.cli.conftest import SMALL

MOMENTS = int(os.environ.get("RDROP_INTERRUPTIONS", "50"))
SECONDS_ALLOWED = 2.0
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
ENGINES = ("native", "xla", "keras")
ENDLESS = [*SMALL[:-1], "100000"]
BUSY = "while True: pass"


@dataclass(frozen=True)
class Interruption:
    """How a process ended after a signal."""

    number: signal.Signals
    after_seconds: float
    engine: str
    seconds: float
    code: int
    err: str
    folder: Path | None


def wait_until_listening(process: "subprocess.Popen[str]") -> None:
    """Wait until a process has a handler for SIGTERM: before, a signal ends it as it does any other program."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt"))
        if caught & 1 << (signal.SIGTERM - 1):
            return
        time.sleep(0.001)
    raise AssertionError(process.communicate())


def wait_for_epoch(process: "subprocess.Popen[str]", runs_dir: Path) -> None:
    while not any(runs_dir.glob("*/checkpoints/epoch-*.ckpt")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def interrupt(process, number, after_seconds, engine, runs_dir) -> Interruption:
    """Send a signal after some time, and wait for the end."""
    time.sleep(after_seconds)
    assert process.poll() is None, process.communicate()
    begin = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    seconds = time.monotonic() - begin
    folder = next((folder.path for folder in list_run_folders(runs_dir)), None)
    return Interruption(number, after_seconds, engine, seconds, process.returncode, err, folder)


def check(ended: Interruption, seconds_allowed: float = SECONDS_ALLOWED) -> None:
    assert ended.code == CODES[ended.number], ended
    assert "Traceback" not in ended.err, ended
    assert "Exception" not in ended.err, ended
    lines = ended.err.splitlines()
    resume = [line for line in lines if line.startswith("resume with: ")]
    if ended.folder:
        assert lines[-1].startswith("rdrop: stopped"), ended
        command = f"rdrop train --resume {ended.folder.name} --runs-dir {shlex.quote(str(ended.folder.parent))} "
        assert [line.startswith(f"resume with: {command}") for line in resume] == [True], ended
    else:
        assert resume == [], ended
    assert ended.seconds < seconds_allowed, ended


@contextmanager
def busy_machine(processes: int):
    """Keep processors busy beside the block."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.fixture
def train(tmp_path, weather_csv, start):
    """Start an endless training in a folder of its own."""

    def train(name: str, engine: str):
        dirs = ("--runs-dir", tmp_path / name, "--data-dir", tmp_path / "data")
        return start("train", "dropout", "--dataset", weather_csv, *ENDLESS, "--engine", engine, *dirs)

    return train


@pytest.mark.parametrize("number", CODES)
def test_a_signal_at_any_moment_of_training_ends_it_with_the_line(train, tmp_path, number, record_property):
    rng = random.Random(number)
    after = [0.0, *(rng.uniform(0, 1.5) for _ in range(2))]
    for moment, seconds in enumerate(after):
        runs_dir = tmp_path / f"runs {moment}"
        process = train(runs_dir.name, "native")
        wait_until_listening(process)
        if moment == 2:
            wait_for_epoch(process, runs_dir)
        check(interrupt(process, number, seconds, "native", runs_dir))
    record_property("moments", len(after))


@pytest.mark.slow
@pytest.mark.parametrize("busy", [0, 2])
@pytest.mark.timeout(60 * MOMENTS + 300)
def test_a_signal_at_a_random_moment_ends_the_command_in_two_seconds_with_the_line(
    cold_start, weather_csv, tmp_path, busy, record_property
):
    """Every other moment lies between the start and the first epochs, while TensorFlow is imported and compiles."""
    rng, ended, startup_seconds = random.Random(busy), [], 0.0
    with busy_machine(busy):
        for moment in range(MOMENTS // 2 if busy else MOMENTS):
            engine, runs_dir = ENGINES[moment // 2 % 3], tmp_path / str(moment)
            dirs = ("--runs-dir", runs_dir, "--data-dir", tmp_path / "data")
            process = cold_start("train", "dropout", "--dataset", weather_csv, *ENDLESS, "--engine", engine, *dirs)
            wait_until_listening(process)
            begin, after_seconds = time.monotonic(), rng.uniform(0, startup_seconds)
            if moment % 2 == 0:
                wait_for_epoch(process, runs_dir)
                startup_seconds, after_seconds = time.monotonic() - begin, rng.uniform(0, 2)
            ended.append(interrupt(process, rng.choice(list(CODES)), after_seconds, engine, runs_dir))
            check(ended[-1])
    record_property("moments", len(ended))
    record_property("with a run begun", sum(one.folder is not None for one in ended))
    record_property("slowest end", f"{max(one.seconds for one in ended):.2f} s")
    assert len({one.folder is None for one in ended}) == 2, "all came at one stage"


def test_a_second_signal_ends_the_command_at_once(train, tmp_path):
    process = train("runs", "native")
    wait_until_listening(process)
    wait_for_epoch(process, tmp_path / "runs")
    os.kill(process.pid, signal.SIGSTOP)  # so that it finds both
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in CODES.values()
    assert err.count("resume with: ") == 1
    assert "Traceback" not in err
    assert time.monotonic() - begin < SECONDS_ALLOWED
