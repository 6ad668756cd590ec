"""The command line on a small series: in this process where that is enough, in one of its own where signals matter."""

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.cli.app import run_command
from rdrop_cli.series.synthetic import generate_weather
from rdrop_cli.series.table import WEATHER_COLUMNS

SMALL = [
    "--lookback", "5h", "--every", "1h", "--horizon", "2h", "--train-stop", "400", "--val-stop", "600",
    "--steps-per-epoch", "4", "--batch-size", "8", "--units", "4", "--epochs", "2",
]  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def rdrop(capsys) -> Callable[..., Result]:
    """Run a command in this process."""

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = run_command([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def weather_csv(make_once) -> Path:
    """Nine hundred ten-minute readings in the Jena file's form."""
    return make_once("weather", write_weather) / "weather.csv"


def write_weather(folder: Path) -> None:
    stamps, values = generate_weather(seed=2, rows=900)
    write_csv(folder / "weather.csv", stamps, values)


def write_csv(path: Path, stamps: np.ndarray, values: np.ndarray, columns: tuple[str, ...] = WEATHER_COLUMNS) -> None:
    """Write stamps and values as the Jena file has them."""
    lines = [",".join(f'"{name}"' for name in ("Date Time", *columns))]
    for stamp, row in zip(stamps.tolist(), values, strict=True):
        lines.append(f"{stamp:%d.%m.%Y %H:%M:%S}," + ",".join(f"{value:.2f}" for value in row))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def trained(tmp_path_factory, make_once, weather_csv) -> Path:
    """A runs folder with both variants of the study, trained by the real command."""

    def train(folder: Path) -> None:
        dirs = ["--runs-dir", str(folder / "runs"), "--data-dir", str(folder)]
        assert run_command(["train", "--dataset", str(weather_csv), *SMALL, "--jobs", "1", *dirs]) == 0

    copy = shutil.copytree(make_once("trained", train), tmp_path_factory.mktemp("trained"), dirs_exist_ok=True)
    return copy / "runs"


@contextmanager
def start_in(folder: Path, popen: type["subprocess.Popen[str]"]) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Yield what starts a command in a process of its own; those that are left at the end are killed."""
    started = []

    def run(*arguments: str | Path) -> "subprocess.Popen[str]":
        process = popen(
            [sys.executable, "-m", "rdrop_cli", *map(str, arguments)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def start(tmp_path, warm_processes) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a command in a process that has imported TensorFlow already."""
    with start_in(tmp_path, subprocess.Popen) as run:
        yield run


@pytest.fixture
def cold_start(tmp_path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a command as a shell does."""
    with start_in(tmp_path, subprocess.Popen) as run:
        yield run


# A process may inherit them and they win over the terminal's own size. A worker of pytest-xdist always does: pytest
# imports readline, which sets both.
_SIZE_OF_OUTER_TERMINAL = ("COLUMNS", "LINES")


def run_on_terminal(*arguments, columns=80, answer="", **environment):
    """Run a command on a terminal of its own; return its exit code and all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    outer = {name: value for name, value in os.environ.items() if name not in _SIZE_OF_OUTER_TERMINAL}
    environment = {**outer, "TERM": "xterm-256color", **environment}
    command = [sys.executable, "-m", "rdrop_cli", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    os.write(ours, answer.encode())
    written = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        written += part
    os.close(ours)
    return process.wait(), written.decode()
