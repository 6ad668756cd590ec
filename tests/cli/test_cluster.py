"""`--scheduler`: what is refused before anything starts, and what a stopped command leaves on the cluster."""

import json
import re
import signal
import time

import pytest

from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.verify import verify_run
from tests.cli.conftest import SMALL
from tests.jobs.clusters import STUDY, Cluster, cluster, is_training
from tests.torture.kills import Place, count_epochs, fingerprint
from tests.waiting import wait_for

__all__ = ["cluster"]

NOBODY = "tcp://127.0.0.1:1"


@pytest.fixture
def train(rdrop, weather_csv, tmp_path):
    """Train seeds of the dropout variant through a scheduler."""

    def run(scheduler, *options):
        dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
        return rdrop("train", "dropout", "--dataset", weather_csv, *SMALL, *dirs, "--scheduler", scheduler, *options)

    return run


def test_what_is_no_address_is_wrong_usage(train):
    result = train("head:8786")
    assert result.code == 2
    assert "--scheduler: expected tcp://HOST:PORT or tls://HOST:PORT, received 'head:8786'" in result.err


def test_without_the_extra_it_is_named(train, monkeypatch):
    monkeypatch.setattr("rdrop_cli.jobs.connection.find_spec", lambda name: None)
    result = train(NOBODY)
    assert result.code == 1
    assert "--scheduler: needs the cluster extra: pip install 'dask-jobqueue>=" in result.err


def test_nobody_at_the_address_is_one_line(train, tmp_path, monkeypatch):
    monkeypatch.setattr("rdrop_cli.jobs.connection.SECONDS_TO_ANSWER", 0.3)
    result = train(NOBODY)
    assert result.code == 1
    assert f"rdrop: --scheduler: no Dask scheduler answers at {NOBODY}" in result.err.splitlines()[-1]
    assert list_run_folders(tmp_path / "runs") == []


def test_tls_without_certificates_is_one_line(train):
    result = train(NOBODY.replace("tcp", "tls"))
    assert result.code == 1
    assert "Dask's configuration names no certificates for TLS" in result.err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_trainings_end_with_the_command_and_the_same_command_goes_on(
    cluster, start, train, weather_csv, tmp_path, number, code
):
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    options = ("--dataset", weather_csv, *SMALL[:-1], "1000", "--seeds", "0-2", "--scheduler", cluster.address)
    process = start("train", "dropout", *options, *dirs)
    trainings = wait_for(lambda: (found := cluster.find_trainings()) and len(found) == 2 and found)
    while "epoch  1/" not in process.stderr.readline():
        assert process.poll() is None
    begin = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert ("what has come back is kept" in err) == (number != signal.SIGKILL)
    wait_for(lambda: not any(is_training(training) for training in trainings))
    assert time.monotonic() - begin < 30
    assert list_run_folders(tmp_path / "runs") == []
    result = train(cluster.address, "--seeds", "0-2", "--json")
    assert result.code == 0, result.err
    assert [run["seed"] for run in json.loads(result.out)] == [0, 1, 2]


def read_what_to_resume(err, address):
    """Return the runs that a command proposes to resume which has lost the scheduler at an address."""
    assert "Traceback" not in err
    lines = err.splitlines()
    assert lines[-1] == (
        f"rdrop: the scheduler at {address} is lost; start it and its workers again, or resume without --scheduler"
    )
    assert any("run the same command again" in line for line in lines)
    return re.findall(r"rdrop train --resume (\S+)", err)


OFTEN = "import rdrop_cli.jobs.cluster as cluster; cluster.SECONDS_BETWEEN_CHECKPOINTS = 0.2"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_scheduler_that_is_killed_is_told_and_the_same_command_goes_on_when_it_is_started_again(
    tmp_path, weather_csv, rdrop
):
    study = tmp_path / "study.toml"
    study.write_text(STUDY.format(csv=weather_csv, epochs=60, steps=200, units=16))
    assert rdrop("sweep", study, "--runs-dir", tmp_path / "home", "--data-dir", tmp_path / "data").code == 0
    place = Place(tmp_path, weather_csv)
    before, again = Cluster(tmp_path / "before"), Cluster(tmp_path / "again")
    try:
        before.start(workers=2)
        process = place.start_command("sweep", str(study), "--scheduler", before.address, before=OFTEN)
        wait_for(lambda: len(at_work := list_run_folders(place.runs_dir)) == 2 and all(map(count_epochs, at_work)), 300)
        begin = time.monotonic()
        before.processes[0].kill()
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - begin < 20
        assert process.returncode == 1
        left = {folder.run_id: count_epochs(folder) for folder in list_run_folders(place.runs_dir)}
        assert sorted(read_what_to_resume(err, before.address)) == sorted(left)
        wait_for(lambda: all(each.poll() is not None for each in before.processes))
        again.start(workers=2, port=before.address.rpartition(":")[2])
        assert again.address == before.address
        process = place.start_command("sweep", str(study), "--scheduler", again.address, before=OFTEN)
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
    finally:
        before.stop()
        again.stop()
    runs = list_run_folders(place.runs_dir)
    assert {folder.run_id for folder in runs} == set(left), "the same runs went on"
    assert min(left.values()) > 0
    assert [verify_run(folder).faults for folder in runs] == [[], []]
    at_home = list_run_folders(tmp_path / "home")
    assert {run.read_config().seed: fingerprint(run) for run in runs} == {
        run.read_config().seed: fingerprint(run) for run in at_home
    }
