"""`rdrop export`: what goes to stdout, what to stderr, and what is refused."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from rdrop_cli.export.tidy import COLUMNS
from tests.analysis.made_runs import save_made_run
from tests.export.conftest import empty_store, uri

__all__ = ["empty_store", "uri"]


@pytest.fixture
def runs_dir(tmp_path):
    """Two complete runs, the younger first by name, one that was stopped, one not begun, and one of rubbish."""
    folder = tmp_path / "runs"
    save_made_run(folder, "baseline-s0", day=2)
    save_made_run(folder, "dropout-s0", "dropout", day=1)
    save_made_run(folder, "stopped", val_loss=[0.3, 0.29], status="interrupted", day=3)
    save_made_run(folder, "unbegun", val_loss=[], status="interrupted", day=4)
    (folder / "rubbish").mkdir()
    (folder / "rubbish" / "config.json").write_text("{}")
    (folder / "rubbish" / "metrics.json").write_text("{")
    return folder


def list_epochs(text):
    """Return the runs of a table with the number of their epochs, in its order."""
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    return {name: sum(row["run_id"] == name for row in rows) for name in dict.fromkeys(row["run_id"] for row in rows)}


def test_all_runs_go_to_stdout_oldest_first_and_the_others_are_named(rdrop, runs_dir):
    result = rdrop("export", "--csv", "--runs-dir", runs_dir)
    assert result.code == 0
    assert list(list_epochs(result.out).items()) == [("dropout-s0", 40), ("baseline-s0", 20), ("stopped", 2)]
    told = sorted(line.split(": ")[1] for line in result.err.splitlines())
    assert told == ["rubbish", "unbegun"]


def test_the_table_can_go_to_a_file_and_hold_some_runs_only(rdrop, runs_dir, tmp_path):
    result = rdrop(
        "export", "baseline", "stopped", "baseline-s0", "--csv", "-o", tmp_path / "t.csv", "--runs-dir", runs_dir
    )
    assert (result.code, result.out, result.err) == (0, f"{tmp_path / 't.csv'}\n", "")
    assert list_epochs((tmp_path / "t.csv").read_text()) == {"baseline-s0": 20, "stopped": 2}


def test_no_runs_are_a_table_without_rows(rdrop, tmp_path):
    assert rdrop("export", "--csv", "--runs-dir", tmp_path).out == ",".join(COLUMNS) + "\n"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "expected one of --csv, --mlflow URI and --archive FILE, received none"),
        (["--csv", "--mlflow", "sqlite:///mlflow.db"], 2, "received --csv and --mlflow"),
        (["--csv", "--json"], 2, "--json needs --mlflow"),
        (["--mlflow", "sqlite:///mlflow.db", "-o", "file"], 2, "--output needs --csv"),
        (["--csv", "rubbish"], 1, "rubbish: metrics.json: cannot be read"),
        (["--csv", "nothing"], 1, "no run 'nothing'"),
        (["--csv", "-o", "no/such/folder.csv"], 1, "no/such: no such folder"),
        (["--mlflow", "sqlite:///mlflow.db", "stopped"], 1, "stopped: interrupted; only complete runs are logged"),
        (["--mlflow", ""], 2, "expected a tracking URI"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(rdrop, runs_dir, arguments, code, message):
    result = rdrop("export", *arguments, "--runs-dir", runs_dir)
    assert (result.code, result.out) == (code, "")
    last = result.err.splitlines()[-1]
    assert last.startswith("rdrop: ")
    assert message in last


def test_without_a_complete_run_nothing_is_logged(rdrop, tmp_path):
    result = rdrop("export", "--mlflow", f"sqlite:///{tmp_path}/mlflow.db", "--runs-dir", tmp_path)
    assert (result.code, result.err) == (1, "rdrop: no complete run to log; start one with `rdrop train`\n")
    assert not (tmp_path / "mlflow.db").exists()


def test_without_the_extra_it_is_named(rdrop, runs_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    result = rdrop("export", "--mlflow", "sqlite:///mlflow.db", "--runs-dir", runs_dir)
    assert result.code == 2
    last = result.err.splitlines()[-1]
    assert last.startswith("rdrop: --mlflow: needs the mlflow extra: pip install 'alembic>=")


def run_python(*arguments, cwd):
    """Run Python in a process of its own; nothing in its environment speaks of tests, in which MLflow is discreet."""
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH")}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.thorough
def test_the_command_logs_complete_runs_once_and_prints_what_became_of_them(runs_dir, uri, tmp_path):
    command = ("-m", "rdrop_cli", "export", "--mlflow", uri, "--runs-dir", runs_dir)
    first = run_python(*command, "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    logged = json.loads(first.stdout)
    assert [(each["run_id"], each["state"]) for each in logged] == [("dropout-s0", "logged"), ("baseline-s0", "logged")]
    assert all(line.startswith("skipped: ") for line in first.stderr.splitlines()), "MLflow's own lines are not ours"
    again = run_python(*command, cwd=tmp_path)
    assert again.stdout.splitlines() == [f"{each['run_id']}: there ({each['mlflow_run_id']})" for each in logged]


PROBE = """
import logging, sys
from rdrop_cli.export.mlflow_store import log_records
list(log_records([], sys.argv[1], "rdrop"))
from mlflow.telemetry.client import get_telemetry_client
print(get_telemetry_client(), logging.getLevelName(logging.getLogger("mlflow").getEffectiveLevel()))
"""


@pytest.mark.thorough
def test_mlflow_reports_nothing_to_its_makers_and_tells_errors_alone(uri, tmp_path):
    probed = run_python("-c", PROBE, uri, cwd=tmp_path)
    assert (probed.returncode, probed.stdout) == (0, "None ERROR\n"), probed.stderr
