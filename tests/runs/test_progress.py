"""Of every wanted run it is known whether it is complete, interrupted or new."""

from dataclasses import replace

import pytest

from rdrop_cli.runs.progress import State, find_progress


@pytest.fixture
def configs(tiny_config):
    return [replace(tiny_config, seed=seed) for seed in range(4)]


def test_runs_are_complete_interrupted_or_new(tmp_path, configs, save_run):
    save_run(tmp_path, "dropout-s0-a", config=configs[0], val_loss=[0.3] * 5)
    save_run(tmp_path, "dropout-s1-a", config=configs[1], seed=1, status="interrupted", val_loss=[0.3, 0.2])
    save_run(tmp_path, "dropout-s2-a", config=configs[2], seed=2).metrics_path.unlink()
    lost = save_run(tmp_path, "dropout-s3-a", config=configs[3], seed=3, status="interrupted", val_loss=[0.3])
    lost.checkpoints_path.mkdir()
    (lost.checkpoints_path / "epoch-0001.ckpt").write_text("damaged")
    progress = find_progress(configs, tmp_path)
    assert [(run.state, run.epochs_done, run.epochs_left) for run in progress] == [
        (State.COMPLETE, 5, 0),
        (State.INTERRUPTED, 2, 3),
        (State.INTERRUPTED, 0, 5),
        (State.NEW, 0, 5),
    ]


def test_without_a_runs_folder_all_are_new_and_none_is_made(tmp_path, configs):
    assert {run.state for run in find_progress(configs, tmp_path / "runs")} == {State.NEW}
    assert not (tmp_path / "runs").exists()
