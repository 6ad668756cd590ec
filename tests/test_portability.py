"""What only some operating systems have is taken away, and the command works all the same."""

import subprocess
import sys
from pathlib import Path

import pytest

TAKE_AWAY = """
import os, signal, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty"):
    sys.modules[name] = None
for name in ("sched_getaffinity", "sched_setaffinity", "getuid", "geteuid", "killpg", "getpgid", "setsid", "sysconf"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGTSTP", "SIGCONT", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGCHLD"):
    if hasattr(signal, name):
        delattr(signal, name)
"""
RUN = "from rdrop_cli.cli.app import run_command; sys.exit(run_command(sys.argv[1:]))"
TINY = "--lookback 6h --horizon 3h --epochs 1 --steps-per-epoch 2 --units 2 --batch-size 8 --engine keras --jobs 1"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = TAKE_AWAY + RUN
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["--version", "variants", "runs", "inspect load.csv --target load_MW"])
def test_a_command_needs_nothing_that_one_system_lacks(tmp_path: Path, command: str) -> None:
    assert run(tmp_path, "download", "--example", "load.csv").returncode == 0
    done = run(tmp_path, *command.split())
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_a_network_is_trained_without_what_one_system_lacks(tmp_path: Path) -> None:
    assert run(tmp_path, "download", "--example", "load.csv").returncode == 0
    done = run(tmp_path, "train", "baseline", "--dataset", "load.csv", "--target", "load_MW", *TINY.split())
    assert (done.returncode, "completed" in done.stdout) == (0, True), done.stderr
    assert "baseline" in run(tmp_path, "runs").stdout
