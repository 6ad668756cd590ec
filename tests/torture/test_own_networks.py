"""A network of the user's own, trained in parallel and killed, resumes to the bits of one that was left alone."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from rdrop_cli.runs.find import list_run_folders
from tests.cli.conftest import SMALL
from tests.torture.kills import count_epochs, fingerprint, is_complete

ROOT = Path(__file__).parents[2]
EPOCHS, SECONDS_TO_BEGIN = 60, 600
MODULE = """
import keras

def make_network(timesteps, features):
    return keras.Sequential([
        keras.Input((timesteps, features)),
        keras.layers.Dropout(0.1, noise_shape=(None, None, 1)),
        keras.layers.BatchNormalization(),
        keras.layers.GRU(4, dropout=0.2, recurrent_dropout=0.2),
        keras.layers.Dense(1),
    ])
"""


def start(folder: Path, runs_dir: Path, csv: Path) -> "subprocess.Popen[str]":
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from rdrop_cli.__main__ import main; main()"
    options = [*SMALL[:-1], str(EPOCHS), "--protocol", "demo", "--seeds", "0-1", "--jobs", "2"]
    places = ["--dataset", str(csv), "--runs-dir", str(runs_dir), "--data-dir", str(folder / "data")]
    return subprocess.Popen(
        [sys.executable, "-c", program, "train", "my_network:make_network", *options, *places],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> None:
    _, err = process.communicate(timeout=SECONDS_TO_BEGIN)
    assert process.returncode == 0, err


@pytest.mark.slow  # imports TensorFlow in six processes
@pytest.mark.timeout(3 * SECONDS_TO_BEGIN)
def test_networks_of_ones_own_survive_a_kill_of_all_their_jobs(tmp_path: Path, weather_csv: Path) -> None:
    (tmp_path / "my_network.py").write_text(MODULE)
    killed, alone = tmp_path / "killed", tmp_path / "alone"
    process = start(tmp_path, killed, weather_csv)
    deadline = time.monotonic() + SECONDS_TO_BEGIN
    while sum(count_epochs(folder) >= 2 for folder in list_run_folders(killed)) < 2:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()  # its training processes end with it
    process.communicate()
    folders = list_run_folders(killed)
    assert len(folders) == 2
    while any(folder.is_locked() for folder in folders):
        time.sleep(0.01)
    assert not all(map(is_complete, folders)), "the kill came too late to tell anything"
    finish(start(tmp_path, killed, weather_csv))
    assert list_run_folders(killed) == folders, "the same command resumes, and begins nothing anew"
    finish(start(tmp_path, alone, weather_csv))
    by_seed = [{each.read_config().seed: fingerprint(each) for each in list_run_folders(d)} for d in (killed, alone)]
    assert by_seed[0] == by_seed[1]
