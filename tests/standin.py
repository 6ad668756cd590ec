"""A run without a network: weights that walk at random, in the place of training, and the setting around them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rdrop_cli.files import write_json
from rdrop_cli.runs.document import Environment
from rdrop_cli.runs.folder import MODEL_NAME, RunFolder, create_run_folder
from rdrop_cli.runs.metrics import Setting
from rdrop_cli.runs.schema import write_config
from rdrop_cli.series.table import Source
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.training.loop import Callback, TrainingLoop
from rdrop_cli.training.together import run_together

EPOCHS = 4
PROTOCOL = Protocol(
    name="tiny",
    summary="",
    lookback_rows=4,
    step_rows=2,
    horizon_rows=1,
    train_stop_row=50,
    val_stop_row=80,
    steps_per_epoch=3,
    batch_size=2,
    train_windows_measured=5,
)
SOURCE = Source("made", "test", "0" * 64, 100, None)
CONFIG = RunConfig("baseline", 0, 0.0, 0.0, EPOCHS, PROTOCOL, "made", SOURCE.sha256)
SETTING = Setting(
    SOURCE, target_std=8.0, naive_val_mae=0.3, train_windows_per_epoch=6, environment=Environment(), engine="none"
)


class RandomWalk:
    """A trainer whose weights walk at random by seed and step, and whose error is their distance from (1, …, 1)."""

    model_name = MODEL_NAME

    def __init__(self, stop_at_step: int | None = None, diverge_at_step: int | None = None) -> None:
        self.weights = np.zeros(4, np.float32)
        self.stop_at_step, self.diverge_at_step = stop_at_step, diverge_at_step

    def train_epoch(self, epoch, on_step):
        for step in range(1, PROTOCOL.steps_per_epoch + 1):
            number = (epoch - 1) * PROTOCOL.steps_per_epoch + step
            if number == self.stop_at_step:
                raise KeyboardInterrupt
            self.weights = self.weights + np.random.default_rng([7, number]).normal(0.02, 0.1, 4).astype(np.float32)
            on_step(step, float("nan") if number == self.diverge_at_step else self._error())
        return self._error()

    def measure_errors(self, rows):
        return np.full(len(rows), self._error(), np.float32)

    def get_state(self):
        return {"weights": self.weights.copy()}

    def set_state(self, state):
        self.weights = state["weights"]

    def save_model(self, path):
        path.write_bytes(self.weights.tobytes())

    def _error(self):
        return float(np.abs(1 - self.weights).mean())


class Silence(Callback):
    """Keeps the notes and shows nothing."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text):
        self.notes.append(text)


def make_windows() -> Windows:
    """Return windows of a series of a hundred hours in which nothing happens."""
    return Windows(
        matrix=np.zeros((100, 2), np.float32),
        timestamps=np.datetime64("2009-01-01", "s") + 3600 * np.arange(100),
        target=np.zeros(100, np.float32),
        labels=np.zeros(100, np.float32),
        label_size=1.0,
        offsets=np.array([-4, -2], np.int32),
        target_offset=1,
        train=range(4, 50),
        training=range(50),
        validation=range(55, 80),
        test=range(85, 98),
        target_mean=0.0,
        target_std=8.0,
        columns=("a", "b"),
        means=np.zeros(2),
        stds=np.ones(2),
    )


def make_folder(runs_dir: Path, epochs: int = EPOCHS, protocol: Protocol = PROTOCOL) -> RunFolder:
    """Begin a run."""
    return create_run_folder(runs_dir, replace(CONFIG, epochs=epochs, protocol=protocol))


def leave_run(path: Path, config: RunConfig, created_at: str, document: dict[str, Any]) -> RunFolder:
    """Leave the folder of a run, with its configuration and its metrics document."""
    folder = RunFolder(path)
    folder.path.mkdir(parents=True)
    write_config(folder.config_path, config, created_at)
    write_json(folder.metrics_path, document)
    return folder


def run(folder, windows=None, trainer=None, reporter=None, log=None, setting=SETTING):
    """Run to the end, or go on, and return the metrics."""
    windows, trainer, reporter = windows or make_windows(), trainer or RandomWalk(), reporter or Silence()
    (outcome,) = run_together([TrainingLoop(folder, windows, setting, trainer, reporter, log)])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
