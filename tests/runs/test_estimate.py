"""Estimates scale what earlier runs took, and say what they rest on."""

import json
from dataclasses import replace

import pytest

from rdrop_cli.runs.estimate import (
    NOMINAL_FOLDER_BYTES,
    NOMINAL_STEP_SECONDS,
    START_SECONDS,
    estimate_work,
)
from rdrop_cli.runs.progress import Progress, State
from rdrop_cli.study.config import AUTO, ENGINES
from rdrop_cli.study.editions import find_edition

ROWS = 300


def edit_metrics(folder, change):
    document = json.loads(folder.metrics_path.read_text())
    change(document)
    folder.metrics_path.write_text(json.dumps(document))


@pytest.fixture
def estimate(tmp_path):
    """Estimate progress by the runs in `tmp_path`."""

    def estimate(*progress, jobs=1, threads=1):
        return estimate_work(progress, ROWS, tmp_path, jobs, threads)

    return estimate


def test_a_run_like_an_earlier_one_takes_as_long(tmp_path, estimate, save_run, tiny_config):
    # Each of five epochs took 2 s to train 32 windows and 1 s to measure 67 + 20; the end measures 67 + 81.
    save_run(tmp_path, "dropout-s0-a", config=tiny_config, variant="dropout", val_loss=[0.3] * 5)
    found = estimate(Progress(replace(tiny_config, seed=1), State.NEW))
    assert found.seconds == pytest.approx(START_SECONDS + 5 * 3 + (67 + 81) / 87)
    assert [str(basis) for basis in found.bases] == ["dropout: 1 run of the same network here"]


def test_work_scales_with_epochs_windows_timesteps_and_units(tmp_path, estimate, save_run, tiny_config):
    save_run(tmp_path, "dropout-s0-a", config=tiny_config, variant="dropout", val_loss=[0.3] * 5)
    interrupted = estimate(Progress(tiny_config, State.INTERRUPTED, epochs_done=3))
    assert interrupted.seconds == pytest.approx(START_SECONDS + 2 * 3 + 148 / 87)
    steps = replace(tiny_config, protocol=replace(tiny_config.protocol, steps_per_epoch=8))
    assert estimate(Progress(steps, State.NEW)).seconds == pytest.approx(START_SECONDS + 5 * 5 + 148 / 87)
    finer = replace(tiny_config, protocol=replace(tiny_config.protocol, step_rows=1))
    assert estimate(Progress(finer, State.NEW)).seconds == pytest.approx(START_SECONDS + 3 * (15 + 148 / 87))
    wider = replace(tiny_config, protocol=replace(tiny_config.protocol, units=8))
    ratio = 8 * (8 + 14) / (4 * (4 + 14))
    assert estimate(Progress(wider, State.NEW)).seconds == pytest.approx(START_SECONDS + ratio * (15 + 148 / 87))


def test_a_reference_forecast_tells_nothing_of_the_speed_of_a_network(estimate, save_run, tmp_path, tiny_config):
    new = Progress(replace(tiny_config, seed=1), State.NEW)
    alone = estimate(new).seconds
    ridge = replace(tiny_config, variant="ridge", dropout=0.0, recurrent_dropout=0.0)
    save_run(tmp_path, "ridge-s0-a", config=ridge, variant="ridge")
    assert estimate(new).seconds == alone
    assert estimate(Progress(ridge, State.NEW)).seconds == START_SECONDS


def test_every_engine_has_its_nominal_speed():
    assert {AUTO, *NOMINAL_STEP_SECONDS} == set(ENGINES)


def test_a_slow_first_epoch_does_not_count(tmp_path, estimate, save_run, tiny_config):
    folder = save_run(tmp_path, "dropout-s0-a", config=tiny_config, variant="dropout", val_loss=[0.3] * 5)
    before = estimate(Progress(replace(tiny_config, seed=1), State.NEW)).seconds

    def slow_down(document):
        document["timing"]["epoch_seconds"][0] = 30.0
        document["timing"]["train_windows_per_second"] = 32 * 5 / (2 / 3 * (30 + 4 * 3))

    edit_metrics(folder, slow_down)
    assert estimate(Progress(replace(tiny_config, seed=1), State.NEW)).seconds == pytest.approx(before)


def test_another_network_of_the_cell_is_next_best_and_then_it_is_a_guess(tmp_path, estimate, save_run, tiny_config):
    baseline = replace(tiny_config, variant="baseline")
    save_run(tmp_path, "baseline-s0-a", config=baseline, val_loss=[0.3] * 5)
    lstm = replace(tiny_config, cell="lstm")
    found = estimate(Progress(tiny_config, State.NEW), Progress(lstm, State.NEW))
    assert [str(basis) for basis in found.bases] == [
        "dropout: 1 run of the same cell (gru) here",
        "dropout-lstm: no comparable run; default speed used",
    ]


def test_runs_of_another_engine_do_not_count_and_those_on_as_many_cores_are_preferred(
    tmp_path, estimate, save_run, tiny_config
):
    for seed, (threads, factor) in enumerate([(1, 1), (2, 10)]):
        config = replace(tiny_config, seed=seed)
        folder = save_run(tmp_path, f"dropout-s{seed}-a", config=config, variant="dropout", val_loss=[0.3] * 5)

        def change(document, threads=threads, factor=factor):
            document["environment"]["threads"] = threads
            document["timing"]["train_windows_per_second"] *= factor
            document["timing"]["epoch_seconds"] = [each / factor for each in document["timing"]["epoch_seconds"]]

        edit_metrics(folder, change)
    wanted = Progress(replace(tiny_config, seed=5), State.NEW)
    slow, fast = (estimate(wanted, threads=threads).seconds - START_SECONDS for threads in (1, 2))
    assert slow == pytest.approx(10 * fast)
    by_keras = Progress(replace(tiny_config, engine="keras"), State.NEW)
    by_kernel = Progress(replace(tiny_config, engine="native"), State.NEW)
    assert [estimate(each).bases[0].runs for each in (by_keras, by_kernel)] == [0, 1]


def test_the_guess_for_the_book_is_the_documented_speed(tmp_path, tiny_config):
    config = replace(tiny_config, protocol=find_edition("book").protocol, epochs=1)
    found = estimate_work([Progress(config, State.NEW)], 420_551, tmp_path, jobs=1, threads=1)
    measured = 98_559 + 10_240 + 98_559 + (420_551 - 300_000 - 1_440 - 144 - 2)
    assert found.seconds == pytest.approx(START_SECONDS + 500 * 0.008 + measured * 0.008 / 128 / 3)


def test_runs_side_by_side_end_with_the_last(estimate, tiny_config):
    progress = [Progress(replace(tiny_config, seed=seed), State.NEW) for seed in range(3)]
    one = estimate(progress[0]).seconds
    assert estimate(*progress, jobs=1).seconds == pytest.approx(3 * one)
    assert estimate(*progress, jobs=2).seconds == pytest.approx(2 * one)


def test_what_is_complete_takes_neither_time_nor_disk(estimate, tiny_config):
    found = estimate(Progress(tiny_config, State.COMPLETE, 5))
    assert (found.seconds, found.new_bytes, found.bases) == (0, 0, ())


def test_disk_is_that_of_complete_runs_for_new_ones_only(tmp_path, estimate, save_run, tiny_config):
    new, interrupted = Progress(tiny_config, State.NEW), Progress(tiny_config, State.INTERRUPTED, 1)
    assert estimate(new, interrupted).new_bytes == NOMINAL_FOLDER_BYTES
    assert estimate(new).folders_measured == 0
    for size, status in ((1_000_000, "completed"), (3_000_000, "completed"), (9_000_000, "interrupted")):
        folder = save_run(tmp_path, f"dropout-s0-{size}", config=tiny_config, val_loss=[0.3] * 5, status=status)
        (folder.path / "checkpoints").mkdir()
        (folder.path / "checkpoints" / "state").write_bytes(bytes(size))
    assert estimate(new).new_bytes == pytest.approx(2_000_000, abs=10_000)
    assert estimate(new).folders_measured == 2


@pytest.mark.parametrize(
    "timing",
    [
        None, "fast", {}, {"train_windows_per_second": 16.0}, {"train_windows_per_second": 0.0, "epoch_seconds": [3.0]},
        {"train_windows_per_second": 16.0, "epoch_seconds": [3.0, "slow"]},
        {"train_windows_per_second": 1e-300, "epoch_seconds": [1e300]},
        {"train_windows_per_second": 16.0, "epoch_seconds": []},
    ],
)  # fmt: skip
def test_a_run_whose_times_cannot_be_told_is_passed_over(tmp_path, estimate, save_run, tiny_config, timing):
    folder = save_run(tmp_path, "dropout-s0-a", config=tiny_config, val_loss=[0.3] * 5)
    edit_metrics(folder, lambda document: document.update(timing=timing))
    assert estimate(Progress(tiny_config, State.NEW)).bases[0].runs == 0
