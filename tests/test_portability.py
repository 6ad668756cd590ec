"""What only some operating systems have is taken away, and the commands work all the same."""

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
from rdrop_cli.cli.app import run_command
for command in sys.stdin.read().splitlines():
    code = run_command(command.split())
    assert code == 0, f"{command}: {code}"
"""
COMMANDS = """\
--version
variants
download --example load.csv
inspect load.csv --target load_MW
train baseline --dataset load.csv --target load_MW --lookback 6h --horizon 3h --epochs 1 --steps-per-epoch 2 --units 2 \
--engine keras --jobs 1
runs
""".replace("\\\n", "")


@pytest.mark.thorough
def test_the_commands_need_nothing_that_one_system_lacks(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", TAKE_AWAY]
    done = subprocess.run(command, input=COMMANDS, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("completed") == 2  # after training, and in the list
    assert "Traceback" not in done.stderr
