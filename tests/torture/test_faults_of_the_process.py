"""A process that is told to end, whose loss is no number, or whose memory runs out: a clean end, soon, in one line."""

import json
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from rdrop_cli.jobs.task import Task
from rdrop_cli.runs.checkpoint import load_checkpoint
from rdrop_cli.runs.find import list_run_folders
from tests.cli.conftest import SMALL

SECONDS_ALLOWED = 2.0
CODES = [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
# What XLA takes seconds to compile.
LONG = [
    "--lookback", "30h", "--every", "10min", "--horizon", "2h", "--train-stop", "380", "--val-stop", "620",
    "--steps-per-epoch", "100", "--batch-size", "64", "--units", "32", "--epochs", "500", "--engine", "xla",
]  # fmt: skip
DEAF = """
import hashlib, sys
from rdrop_cli.cli.app import run_command
from rdrop_cli.cli import app
def compute(*_, **__):
    print("deaf", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # an hour of native code, in which Python hears nothing
app.build_commands = lambda: compute
sys.exit(run_command([]))
"""


# In the children of a shell's background job Ctrl-C is ignored; here it shall not be.
HEAR_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
MAIN = "from rdrop_cli.__main__ import main; main()"


def start(program, *arguments):
    command = [sys.executable, "-c", f"{HEAR_CTRL_C}\n{program}", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process, number):
    """Send a signal; return the seconds until the end, the exit code and stderr."""
    begin = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return time.monotonic() - begin, process.returncode, err


@pytest.mark.thorough
@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_signal_ends_a_process_that_is_deep_in_native_code(number, code):
    process = start(DEAF)
    assert process.stdout.readline() == "deaf\n"
    time.sleep(0.3)  # until it is
    seconds, returncode, err = end(process, number)
    assert returncode == code
    assert err.startswith("rdrop: stopped")
    assert err.count("\n") == 1
    assert seconds < SECONDS_ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("after", [1.0, 1.5, 2.5, 3.5, 4.5, 6.0])
@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_signal_ends_training_in_two_seconds_whatever_it_is_doing(weather_csv, tmp_path, after, number, code):
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    process = start(MAIN, "train", "dropout", "--dataset", weather_csv, *LONG, *dirs)
    time.sleep(after)
    seconds, returncode, err = end(process, number)
    assert returncode == code, err
    assert "Traceback" not in err
    assert seconds < SECONDS_ALLOWED
    for folder in list_run_folders(tmp_path / "runs"):
        assert not folder.is_locked()
        if folder.metrics_path.exists():
            assert folder.read_metrics().status == "interrupted"


@pytest.mark.slow  # it imports TensorFlow in a process of its own
def test_a_run_without_a_stderr_is_trained(weather_csv, tmp_path):
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    command = [sys.executable, "-m", "rdrop_cli", "train", "baseline", "--dataset", weather_csv, *SMALL, *dirs]
    closed = f"exec {shlex.join(map(str, command))} 2>&-"
    assert subprocess.run(["sh", "-c", closed], stdout=subprocess.DEVNULL, check=False).returncode == 0
    (folder,) = list_run_folders(tmp_path / "runs")
    assert folder.read_metrics().status == "completed"


def test_a_loss_that_is_no_number_ends_the_run_as_failed(rdrop, weather_csv, tmp_path):
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    result = rdrop(
        "train", "baseline", "--dataset", weather_csv, *SMALL, "--loss", "mse", "--learning-rate", "1e38", *dirs
    )
    assert result.code == 1
    (folder,) = list_run_folders(tmp_path / "runs")
    (line,) = [line for line in result.err.splitlines() if line.startswith("rdrop: ")]
    assert line.startswith(f"rdrop: {folder.run_id}: the loss is ")
    assert "at epoch 1, step " in line
    assert folder.read_metrics().status == "failed"
    assert "at epoch 1, step " in folder.read_metrics().failure
    assert load_checkpoint(folder.checkpoints_path) == (None, [])
    listed = rdrop("runs", *dirs[:2])
    assert listed.code == 0
    assert "failed" in listed.out
    assert rdrop("show", folder.run_id, *dirs[:2]).code == 0


HUGE = "Date Time,T (degC),p (mbar)\n" + "".join(
    f"{day:02}.{month:02}.20{year:02} 00:00:00,{(-1) ** day}e{200 + day},{day}\n"
    for year in range(10, 13)
    for month in range(1, 13)
    for day in range(1, 29)
)


def test_a_series_of_values_too_large_to_reckon_with_is_refused_or_fails(rdrop, tmp_path):
    csv = tmp_path / "huge.csv"
    csv.write_text(HUGE)
    rows = ["--lookback", "4", "--every", "1", "--horizon", "1", *SMALL[6:]]
    result = rdrop(
        "train", "baseline", "--dataset", csv, *rows, "--runs-dir", tmp_path / "runs", "--data-dir", tmp_path
    )
    assert result.code == 1, result
    assert len([line for line in result.err.splitlines() if line.startswith("rdrop: ")]) == 1
    for folder in list_run_folders(tmp_path / "runs"):
        assert folder.read_metrics().status == "failed"


@pytest.mark.slow
def test_a_network_too_large_for_the_memory_ends_in_one_line(weather_csv, tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))"
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    options = [*SMALL, "--units", "60000", "--jobs", "1"]  # 43 GB for one matrix
    process = start(f"{limit}\n{MAIN}", "train", "baseline", "--dataset", weather_csv, *options, *dirs)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    assert "memory" in err.splitlines()[-1]


SIDE_BY_SIDE = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
from rdrop_cli.jobs.pool import run_tasks
from rdrop_cli.jobs.task import Task
class Silence:
    def __getattr__(self, name): return lambda *values: None
tasks = [Task.from_json(value) for value in json.loads(sys.argv[1])]
outcomes = run_tasks(tasks, 2, [Silence() for _ in tasks])
print(json.dumps([outcome.failure or outcome.metrics.status for outcome in outcomes]))
"""


@pytest.mark.slow
def test_a_run_that_uses_the_memory_up_does_not_stop_the_one_beside_it(weather_csv, tmp_path, rdrop):
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    assert rdrop("train", "baseline", "--dataset", weather_csv, *SMALL, *dirs).code == 0
    (folder,) = list_run_folders(tmp_path / "runs")
    config = folder.read_config()
    configs = [replace(config, seed=1, protocol=replace(config.protocol, units=60_000)), replace(config, seed=2)]
    tasks = [Task(config, tmp_path / "runs", tmp_path / "data").to_json([]) for config in configs]
    process = start(SIDE_BY_SIDE, json.dumps(tasks))
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    large, small = json.loads(out.splitlines()[-1])
    assert large.startswith("baseline s1: out of memory"), large
    assert small == "completed"
