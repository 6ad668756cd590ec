"""The runner with a stand-in network that takes a millisecond: what it writes, and that it goes on where it stopped."""

import json
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.runner import DivergedError, Runner
from rdrop_cli.runs.folder import RunFolder, create_run_folder
from rdrop_cli.runs.metrics import Setting
from rdrop_cli.series.table import Source
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol

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
SETTING = Setting(
    SOURCE, degc_per_unit=8.0, naive_val_mae=0.3, train_windows_per_epoch=6, environment={}, engine="none"
)


class RandomWalk:
    """A learner whose weights walk at random by seed and step, and whose error is their distance from (1, …, 1)."""

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


class Silence:
    """A reporter that keeps the notes and shows nothing."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def begin(self, run_id, config, epochs_done, degc_per_unit): ...
    def step(self, epoch, step, loss): ...
    def measure(self, what): ...
    def epoch(self, epoch): ...

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def windows() -> Windows:
    return Windows(
        matrix=np.zeros((100, 2), np.float32),
        stamps=np.datetime64("2009-01-01", "s") + 3600 * np.arange(100),
        target_column=0,
        offsets=np.array([-4, -2], np.int32),
        horizon_rows=1,
        train=range(4, 50),
        validation=range(55, 80),
        test=range(85, 98),
        target_mean=0.0,
        target_std=8.0,
    )


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return make_folder(tmp_path)


def make_folder(runs_dir: Path) -> RunFolder:
    config = RunConfig("baseline", 0, 0.0, 0.0, 4, PROTOCOL, "made", SOURCE.sha256)
    return create_run_folder(runs_dir, config)


def run(folder, windows, learner, reporter=None):
    return Runner(folder, windows, SETTING, learner, reporter or Silence()).run()


def test_a_finished_run_has_every_file_and_figure(folder, windows):
    metrics = run(folder, windows, RandomWalk())
    assert {path.name for path in folder.path.iterdir()} == {
        "config.json", "metrics.json", "history.csv", "daily_errors.csv", "loss.png", "model.keras", "checkpoints",
    }  # fmt: skip
    assert json.loads(folder.metrics_path.read_text()) == metrics
    assert metrics["status"] == "completed"
    assert [len(curve) for curve in metrics["history"].values()] == [4, 4, 4]
    assert metrics["best"]["val_mae"] == min(metrics["history"]["val_loss"])
    assert metrics["best"]["val_mae_degc"] == metrics["best"]["val_mae"] * 8.0
    assert metrics["final"]["val_mae"] == metrics["history"]["val_loss"][-1]
    assert metrics["naive"] == {"val_mae": 0.3, "val_mae_degc": pytest.approx(2.4)}
    assert len(folder.history_path.read_text().splitlines()) == 5


def test_the_test_error_is_that_of_the_best_epoch(folder, windows):
    learner = RandomWalk()
    metrics = run(folder, windows, learner)
    assert metrics["best"]["epoch"] < 4, "the walk has to turn away from its goal for this test to tell anything"
    assert metrics["test"]["mae"] == pytest.approx(metrics["best"]["val_mae"])
    assert folder.model_path.read_bytes() == learner.weights.tobytes()


@pytest.mark.parametrize("stop_at_step", [1, 4, 8, 12])
def test_a_run_stopped_at_any_step_ends_as_if_it_had_not_been(tmp_path, windows, stop_at_step):
    whole = make_folder(tmp_path)
    expected = run(whole, windows, RandomWalk())
    stopped = make_folder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(stopped, windows, RandomWalk(stop_at_step))
    assert json.loads(stopped.metrics_path.read_text())["status"] == "interrupted"
    resumed = run(stopped, windows, RandomWalk())
    assert resumed["history"] == expected["history"]
    assert stopped.model_path.read_bytes() == whole.model_path.read_bytes()
    assert resumed["test"] == expected["test"]


def test_a_loss_that_is_not_finite_ends_the_run_as_failed_and_names_epoch_and_step(folder, windows):
    with pytest.raises(DivergedError, match="the loss is nan at epoch 3, step 2"):
        run(folder, windows, RandomWalk(diverge_at_step=8))
    metrics = json.loads(folder.metrics_path.read_text())
    assert metrics["status"] == "failed"
    assert "epoch 3, step 2" in metrics["failure"]
    assert len(metrics["history"]["val_loss"]) == 2, "the last good epochs are kept"


def test_a_damaged_checkpoint_costs_an_epoch_and_not_the_run(folder, tmp_path, windows):
    expected = run(make_folder(tmp_path), windows, RandomWalk())
    with pytest.raises(KeyboardInterrupt):
        run(folder, windows, RandomWalk(stop_at_step=11))
    newest = max(folder.checkpoints_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:-20])
    reporter = Silence()
    assert run(folder, windows, RandomWalk(), reporter)["history"] == expected["history"]
    assert newest.name in reporter.notes[0]


def test_nothing_is_told_to_be_running_when_a_run_has_died(folder, windows):
    with pytest.raises(KeyboardInterrupt):
        run(folder, windows, RandomWalk(stop_at_step=5))
    assert folder.read_metrics()["status"] == "interrupted"
    with folder.lock():
        assert folder.read_metrics()["status"] == "running"
