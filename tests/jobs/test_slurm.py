"""A sweep on a real Slurm whose jobs run out of time, by the script of the documentation."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.verify import verify_run
from tests.jobs.clusters import STUDY
from tests.jobs.slurm import run_slurm, say_what_is_missing
from tests.torture.kills import MAIN, ROOT, fingerprint

MISSING = say_what_is_missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(MISSING is not None, reason=f"Slurm cannot be tried: {MISSING}"),
]
PAGE = ROOT / "docs" / "cluster.md"
CHANGES = {  # of the documented script: two jobs of one core each, whose time is up after four minutes
    'cores=4, processes=4, memory="8GB", walltime="04:00:00"': 'cores=1, memory="2GB", walltime="00:04:00", '
    'interface="lo", log_directory="jobs"',
    "minimum_jobs=10, maximum_jobs=10": "minimum_jobs=2, maximum_jobs=2",
}
EPOCHS, SECONDS_OF_AN_EPOCH = 80, 4.0  # a run takes more than one of these jobs, even without the time to start
SHORT = {"epochs": 2, "steps": 200}  # to find out how many steps that are


@pytest.fixture(scope="module")
def slurm():
    with run_slurm() as running:
        yield running


@contextmanager
def start_jobs(slurm, folder):
    """Run the script of the page while the block runs; yield the address that it prints."""
    (script,) = re.findall(r"```python\n(from dask_jobqueue.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for before, after in CHANGES.items():
        assert script.count(before) == 1
        script = script.replace(before, after)
    environment = os.environ | slurm.environment
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=folder, env=environment, text=True, **streams) as process:
        try:
            yield re.search(r"tcp://\S+", process.stdout.readline()).group()
        finally:
            process.communicate("\n", timeout=120)
        assert process.returncode == 0


def sweep(folder, study, *options):
    """Run `rdrop sweep` in a folder; return the runs that it has made, and what it says."""
    command = [sys.executable, "-c", MAIN, "sweep", str(study), "--runs-dir", "runs", "--data-dir", "data", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    folder.mkdir()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list_run_folders(folder / "runs"), done.stderr


def write_study(folder, weather_csv, epochs, steps):
    study = folder / f"{epochs}-epochs.toml"
    study.write_text(STUDY.format(csv=weather_csv, epochs=epochs, steps=steps, units=64))
    return study


def choose_steps(folder, weather_csv):
    """Return how many steps an epoch of `SECONDS_OF_AN_EPOCH` has on this machine, as busy as it is."""
    runs, _ = sweep(folder / "short", write_study(folder, weather_csv, **SHORT))
    seconds = max(run.read_metrics().timing.epoch_seconds[-1] for run in runs)
    return round(SHORT["steps"] * SECONDS_OF_AN_EPOCH / seconds)


def test_runs_longer_than_the_time_of_a_job_come_to_the_bits_of_runs_at_home(slurm, tmp_path, weather_csv):
    study = write_study(tmp_path, weather_csv, EPOCHS, choose_steps(tmp_path, weather_csv))
    at_home, _ = sweep(tmp_path / "home", study)
    (tmp_path / "slurm").mkdir()
    with start_jobs(slurm, tmp_path / "slurm") as address:
        runs, err = sweep(tmp_path / "cluster", study, "--scheduler", address)
    went_on = re.findall(r"s(\d)-\S+: its worker was lost; it goes on after epoch (\d+) on another", err)
    print(f"{slurm.count_jobs()} jobs, {slurm.count_jobs_out_of_time()} out of time; seed, epoch: {went_on}")  # noqa: T201
    assert slurm.count_jobs_out_of_time() >= 2
    assert {seed for seed, _ in went_on} == {"0", "1"}
    assert all(int(epoch) > 0 for _, epoch in went_on)
    assert [verify_run(run).faults for run in runs] == [[], []]
    assert read_fingerprints(runs) == read_fingerprints(at_home)


def read_fingerprints(runs):
    return {run.read_config().seed: fingerprint(run) for run in runs}
