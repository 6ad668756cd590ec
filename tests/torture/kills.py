"""Kill the real command at random moments, again and again, until it has had the chance to finish."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rdrop_cli.runs.checkpoint import load_checkpoint
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from tests.cli.conftest import SMALL

ROOT = Path(__file__).parents[2]
EPOCHS = 40
OPTIONS = [*SMALL[:-1], str(EPOCHS)]
SECONDS_TO_BEGIN = 120
SECONDS_TO_FINISH = 3.0  # after the last epoch: test, picture, the process's end; on a slow machine
SECONDS_TO_WRITE = 0.7
WRITTEN = (".epoch", ".epoch", ".model", ".metrics", ".history", ".loss")
MAIN = "from rdrop_cli.__main__ import main; main()"


@dataclass(frozen=True)
class Place:
    """Where runs and data are, and the series to train on."""

    scratch: Path
    csv: Path

    @property
    def runs_dir(self) -> Path:
        return self.scratch / "runs"

    def start(self, *arguments: str, before: str = "") -> subprocess.Popen[str]:
        """Start `rdrop train`; `before` is a program that changes rdrop first, for what must not pass."""
        return self.start_command("train", *arguments, before=before)

    def start_command(self, *arguments: str, before: str = "") -> subprocess.Popen[str]:
        """Start a command that has these folders."""
        dirs = ["--runs-dir", str(self.runs_dir), "--data-dir", str(self.scratch / "data")]
        return subprocess.Popen(
            [sys.executable, "-c", f"{before}\n{MAIN}", *arguments, *dirs],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def begin(self, before: str = "") -> subprocess.Popen[str]:
        return self.start("dropout", "--dataset", str(self.csv), *OPTIONS, before=before)

    def go_on(self, folder: RunFolder, before: str = "") -> subprocess.Popen[str]:
        return self.start("--resume", folder.run_id, before=before)


@dataclass
class Tally:
    """What was hit: how many kills came while which file was being written, and how far the runs were."""

    kills: int = 0
    finished: int = 0
    during: Counter[str] = field(default_factory=Counter)
    epochs_done: set[int] = field(default_factory=set)

    def count(self, folder: RunFolder) -> None:
        self.kills += 1
        writing = [path.name.strip(".").split(".")[0] for path in folder.path.rglob(".*.tmp*")]
        self.during[writing[0].split("-")[0] if writing else "computing"] += 1
        assert load_checkpoint(folder.checkpoints_path)[1] == []
        self.epochs_done.add(count_epochs(folder))

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.kills + other.kills,
            self.finished + other.finished,
            self.during + other.during,
            self.epochs_done | other.epochs_done,
        )


def is_complete(folder: RunFolder) -> bool:
    return folder.metrics_path.exists() and folder.read_metrics().status == "completed"


def count_epochs(folder: RunFolder) -> int:
    """Return the epochs that are safe, by the names of the checkpoints."""
    return max((int(path.stem[-4:]) for path in folder.checkpoints_path.glob("epoch-*.ckpt")), default=0)


def wait_until_at_work(process: subprocess.Popen[str], runs_dir: Path) -> RunFolder:
    """Wait until a process holds its run and has noted so, and return the run's folder."""
    deadline = time.monotonic() + SECONDS_TO_BEGIN
    while time.monotonic() < deadline and process.poll() is None:
        for folder in list_run_folders(runs_dir):
            owner = folder.path / ".owner.json"
            if owner.exists() and json.loads(owner.read_text())["pid"] == process.pid:
                return folder
        time.sleep(0.002)
    raise AssertionError(f"the run did not begin: {process.communicate()[1]}")


def wait_for_writing(folder: RunFolder, kind: str) -> None:
    """Wait a moment until a file of a kind is being written; the moments in which one is are few."""
    where = folder.checkpoints_path if kind == ".epoch" else folder.path
    deadline = time.monotonic() + SECONDS_TO_WRITE
    while time.monotonic() < deadline:
        if any(where.glob(f"{kind}*.tmp*")):
            return


def wait_for_epoch(process: subprocess.Popen[str], folder: RunFolder, epoch: int) -> None:
    """Wait until a run has done so many epochs, however long its start takes, or its process has ended."""
    while process.poll() is None and count_epochs(folder) < epoch:
        time.sleep(0.002)


def finish(process: subprocess.Popen[str], runs_dir: Path) -> RunFolder:
    """Let a process end of itself, and return its run."""
    folder = wait_until_at_work(process, runs_dir)
    _, err = process.communicate(timeout=SECONDS_TO_BEGIN)
    assert process.returncode == 0, err
    return folder


def measure_work(place: Place) -> tuple[RunFolder, float]:
    """Do the run that nothing stops; return it, and the seconds between its begin and its end."""
    process = place.begin()
    folder = wait_until_at_work(process, place.runs_dir)
    start = time.monotonic()
    while process.poll() is None and not folder.plot_path.exists():  # the last but one that is written
        time.sleep(0.002)
    seconds = time.monotonic() - start
    _, err = process.communicate(timeout=SECONDS_TO_BEGIN)
    assert process.returncode == 0, err
    return folder, seconds


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a `.keras` file by name."""
    import h5py

    arrays = {}
    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as file, h5py.File(file, "r") as weights:
        weights.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return arrays


def fingerprint(folder: RunFolder) -> dict[str, object]:
    """Return what must be the same to the bit: curves, test error, and SHA-256 of weights and optimizer slots."""
    metrics = folder.read_metrics()
    assert metrics.status == "completed"
    checkpoint, damaged = load_checkpoint(folder.checkpoints_path)
    assert checkpoint
    assert damaged == []
    prints: dict[str, object] = {
        name: [value.hex() for value in getattr(metrics.history, name)] for name in ("loss", "val_loss", "train_mae")
    }
    prints["test"] = metrics.test.mae.hex()
    groups = {"model": read_weights(folder.model_path), "state": checkpoint.state, "best": checkpoint.best}
    for group, arrays in groups.items():
        digest = hashlib.sha256()
        for name in sorted(arrays):
            if "seed_generator" not in name:  # Keras's own counter in the file is not the state that masks come from
                digest.update(name.encode() + arrays[name].tobytes())
        prints[group] = digest.hexdigest()
    return prints


def assert_every_json_parses(runs_dir: Path) -> None:
    for path in runs_dir.rglob("*.json"):
        if ".tmp" not in path.name:
            json.loads(path.read_text())


def torture(place: Place, kills: int, work_seconds: float, seed: int) -> tuple[Tally, list[RunFolder]]:
    """Kill runs at random moments of their work until `kills` is reached; return the runs, all finished."""
    rng, tally, finished = random.Random(seed), Tally(), []
    folder: RunFolder | None = None
    while tally.kills < kills:
        process = place.go_on(folder) if folder else place.begin()
        folder = wait_until_at_work(process, place.runs_dir)
        epoch = count_epochs(folder)
        seconds = (1 - epoch / EPOCHS) * work_seconds + SECONDS_TO_FINISH
        if by_epoch := tally.kills % 2 == 1:
            epoch = rng.randint(epoch, EPOCHS)
            wait_for_epoch(process, folder, epoch)
            seconds = SECONDS_TO_FINISH if epoch == EPOCHS else work_seconds / EPOCHS
        try:
            _, err = process.communicate(timeout=rng.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            if by_epoch:
                wait_for_writing(folder, rng.choice(WRITTEN))
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            assert_every_json_parses(place.runs_dir)
            tally.count(folder)
        else:
            assert process.returncode == 0, err
        if is_complete(folder):
            finished.append(folder)
            folder = None
    if folder:
        finished.append(finish(place.go_on(folder), place.runs_dir))
    tally.finished = len(finished)
    return tally, finished
