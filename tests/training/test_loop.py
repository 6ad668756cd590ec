"""The runner with a stand-in network that takes a millisecond: what it writes, and that it goes on where it stopped."""

from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import History
from rdrop_cli.runs.verify import verify_run
from rdrop_cli.training.loop import DivergedError, TrainingLoop
from rdrop_cli.training.together import run_together
from tests.standin import PROTOCOL, SETTING, RandomWalk, Silence, make_folder, make_windows, run


@pytest.fixture
def windows():
    return make_windows()


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return make_folder(tmp_path)


def test_a_finished_run_has_every_file_and_figure(folder, windows):
    metrics = run(folder, windows, RandomWalk())
    assert {path.name for path in folder.path.iterdir()} == {
        "config.json", "metrics.json", "history.csv", "daily_errors.csv", "daily_test_errors.csv", "loss.png",
        "SHA256SUMS", "model.keras", "readings.npz", "checkpoints",
    }  # fmt: skip
    assert folder.read_metrics() == metrics
    assert metrics.status == "completed"
    assert len(metrics.history.loss) == 4
    assert metrics.best.val_mae == min(metrics.history.val_loss)
    assert metrics.best.val_mae_in_unit == metrics.best.val_mae * 8.0
    assert metrics.final.val_mae == metrics.history.val_loss[-1]
    assert (metrics.naive.val_mae, metrics.naive.val_mae_in_unit) == (0.3, pytest.approx(2.4))
    assert len(folder.history_path.read_text().splitlines()) == 5


def test_the_test_error_is_that_of_the_best_epoch(folder, windows):
    trainer = RandomWalk()
    metrics = run(folder, windows, trainer)
    assert metrics.best.epoch < 4, "the walk has to turn away from its goal for this test to tell anything"
    assert metrics.test.mae == pytest.approx(metrics.best.val_mae)
    assert folder.model_path.read_bytes() == trainer.weights.tobytes()


@pytest.mark.thorough
@pytest.mark.parametrize("stop_at_step", [1, 4, 8, 12])
def test_a_run_stopped_at_any_step_ends_as_if_it_had_not_been(tmp_path, windows, stop_at_step):
    whole = make_folder(tmp_path)
    expected = run(whole, windows, RandomWalk())
    stopped = make_folder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(stopped, windows, RandomWalk(stop_at_step))
    assert stopped.read_metrics().status == "interrupted"
    resumed = run(stopped, windows, RandomWalk())
    assert resumed.history == expected.history
    assert stopped.model_path.read_bytes() == whole.model_path.read_bytes()
    assert resumed.test == expected.test


def test_a_loss_that_is_not_finite_ends_the_run_as_failed_and_names_epoch_and_step(folder, windows):
    with pytest.raises(DivergedError, match="the loss is nan at epoch 3, step 2"):
        run(folder, windows, RandomWalk(diverge_at_step=8))
    metrics = folder.read_metrics()
    assert metrics.status == "failed"
    assert "epoch 3, step 2" in metrics.failure
    assert len(metrics.history.val_loss) == 2, "the last good epochs are kept"


def test_a_best_network_without_a_finite_test_error_ends_the_run_as_failed(folder, windows):
    run(folder, windows)
    checkpoint, _ = load_checkpoint(folder.checkpoints_path)
    spoilt = {"weights": np.full(4, np.nan, np.float32)}
    save_checkpoint(folder.checkpoints_path, Checkpoint(checkpoint.state, spoilt, checkpoint.history))
    with pytest.raises(DivergedError, match="the validation error is nan after epoch"):
        run(folder, windows)
    assert folder.read_metrics().status == "failed"


def test_a_damaged_checkpoint_costs_an_epoch_and_not_the_run(folder, tmp_path, windows):
    expected = run(make_folder(tmp_path), windows, RandomWalk())
    with pytest.raises(KeyboardInterrupt):
        run(folder, windows, RandomWalk(stop_at_step=11))
    newest = max(folder.checkpoints_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:-20])
    reporter = Silence()
    assert run(folder, windows, RandomWalk(), reporter).history == expected.history
    assert newest.name in reporter.notes[0]


def test_nothing_is_told_to_be_running_when_a_run_has_died(folder, windows):
    with pytest.raises(KeyboardInterrupt):
        run(folder, windows, RandomWalk(stop_at_step=5))
    assert folder.read_metrics().status == "interrupted"
    with folder.lock():
        assert folder.read_metrics().status == "running"


def test_what_a_killed_process_left_half_written_goes_when_the_run_goes_on(folder, windows):
    folder.checkpoints_path.mkdir()
    for path in (folder.path / ".metrics.0a1b2c3d.tmp.json", folder.checkpoints_path / ".epoch-0001.0a1b2c3d.tmp.ckpt"):
        path.write_text("half of")
    with folder.lock():
        run(folder, windows)
    assert [path for path in folder.path.rglob("*") if ".tmp" in path.name] == []


def test_no_run_is_written_through_a_link(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.checkpoints_path.symlink_to(elsewhere)
    with pytest.raises(RdropError, match="checkpoints: is a link"), folder.lock():
        raise AssertionError("the run was begun")


FOREIGN = {
    "of another network": lambda c: Checkpoint({"kernel": np.zeros(4, np.float32)}, c.best, c.history),
    "of another shape": lambda c: Checkpoint({"weights": np.zeros(5, np.float32)}, c.best, c.history),
    "of another type": lambda c: Checkpoint({"weights": np.zeros(4)}, c.best, c.history),
    "without the best epoch": lambda c: Checkpoint(c.state, {}, c.history),
    "with more epochs than planned": lambda c: Checkpoint(c.state, c.best, extend(c.history, range(4, 7))),
    "with an epoch twice": lambda c: Checkpoint(c.state, c.best, extend(c.history, [3])),
}


def extend(history, numbers):
    return History(history.epochs + [replace(history.last, epoch=number) for number in numbers])


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_a_whole_checkpoint_of_another_configuration_is_refused(folder, windows, change):
    with pytest.raises(KeyboardInterrupt):
        run(folder, windows, RandomWalk(stop_at_step=11))
    checkpoint, _ = load_checkpoint(folder.checkpoints_path)
    for path in folder.checkpoints_path.iterdir():
        path.unlink()
    save_checkpoint(folder.checkpoints_path, change(checkpoint))
    with pytest.raises(DataError, match=r"checkpoint does not match config\.json"):
        run(folder, windows)


@pytest.mark.thorough
@pytest.mark.parametrize("stop_at_step", [None, 13, 16])
def test_patience_ends_a_run_as_completed_and_a_resumed_one_at_the_same_epoch(tmp_path, windows, stop_at_step):
    whole = run(make_folder(tmp_path, epochs=30), windows, RandomWalk())
    val_loss = whole.history.val_loss
    patient = make_folder(tmp_path, epochs=30, protocol=replace(PROTOCOL, patience=2))
    if stop_at_step:
        with pytest.raises(KeyboardInterrupt):
            run(patient, windows, RandomWalk(stop_at_step))
    metrics = run(patient, windows, RandomWalk())
    done = next(n for n in range(3, 31) if min(val_loss[:n]) not in val_loss[n - 2 : n])
    assert done < 30, "the walk has to turn away from its goal for this test to tell anything"
    assert metrics.history.val_loss == val_loss[:done]
    assert metrics.status == "completed"
    assert (metrics.epochs.done, metrics.epochs.planned, metrics.epochs.ended_by) == (done, 30, "patience")
    assert (whole.epochs.done, whole.epochs.ended_by) == (30, "plan")


def make_loop(folder, windows, trainer):
    return TrainingLoop(folder, windows, SETTING, trainer, Silence())


def test_runs_together_are_the_runs_alone_and_one_that_fails_stops_no_other(tmp_path, windows):
    alone = run(make_folder(tmp_path), windows, RandomWalk())
    lagging, failing, whole = (make_folder(tmp_path) for _ in range(3))
    with pytest.raises(KeyboardInterrupt):
        run(lagging, windows, RandomWalk(stop_at_step=7))
    trainers = RandomWalk(), RandomWalk(diverge_at_step=8), RandomWalk()
    folders = lagging, failing, whole
    outcomes = run_together([make_loop(*each) for each in zip(folders, [windows] * 3, trainers, strict=True)])
    assert isinstance(outcomes[1], DivergedError)
    assert failing.read_metrics().status == "failed"
    for outcome in (outcomes[0], outcomes[2]):
        assert outcome.status == "completed"
        assert (outcome.history, outcome.best) == (alone.history, alone.best)


def test_a_run_without_a_readable_checkpoint_stops_no_other_that_is_computed_with_it(tmp_path, windows):
    damaged, whole = (make_folder(tmp_path) for _ in range(2))
    with pytest.raises(KeyboardInterrupt):
        run(damaged, windows, RandomWalk(stop_at_step=7))
    for path in damaged.checkpoints_path.iterdir():
        path.write_bytes(b"damaged")
    outcomes = run_together([make_loop(folder, windows, RandomWalk()) for folder in (damaged, whole)])
    assert str(outcomes[0]).startswith("no readable checkpoint")
    assert outcomes[1].status == "completed"


class Unwritable(RandomWalk):
    """A trainer whose model cannot be written."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def save_model(self, path):
        raise self.error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RdropError("the clock says 2120")])
def test_a_run_whose_files_cannot_be_written_stops_no_other_that_is_computed_with_it(tmp_path, windows, error):
    stopped, whole = (make_folder(tmp_path) for _ in range(2))
    trainers = Unwritable(error), RandomWalk()
    outcomes = run_together([make_loop(*each) for each in zip((stopped, whole), [windows] * 2, trainers, strict=True)])
    assert outcomes[0] is error
    assert (stopped.read_metrics().status, outcomes[1].status) == ("interrupted", "completed")
    assert run(stopped, windows).history == outcomes[1].history


def test_a_run_in_a_folder_whose_name_cannot_be_printed_can_be_read(tmp_path, windows):
    folder = RunFolder(make_folder(tmp_path).path.rename(tmp_path / "a\nb"))
    run(folder, windows, RandomWalk())
    assert folder.read_metrics().run_id == "a\\nb"
    assert verify_run(folder).faults == verify_run(folder).notes == []
