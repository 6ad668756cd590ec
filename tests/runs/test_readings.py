"""What a run keeps of its readings are the windows that it was measured on, and the newest."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.runs.readings import keep_newest, load_readings, save_readings
from rdrop_cli.study.protocol import IN_UNIT
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows

CLIMATOLOGY = np.zeros((366, 24))
LAYOUTS = [
    {},
    {"horizon_rows": 9},  # not a multiple of the step
    {"horizon_from": "newest reading", "horizon_rows": 4},
    {"step_rows": 1, "lookback_rows": 5},
    {"target_scale": IN_UNIT, "layout": "dataset"},
    {"earlier_horizon_rows": (3, 8)},
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("most", [7, 10_000])
def test_kept_windows_are_those_of_the_series(layout, most):
    windows = make_tiny_windows(replace(TINY_PROTOCOL, **layout))
    readings = keep_newest(windows, CLIMATOLOGY, most)
    kept = readings.windows
    assert readings.is_cut == (most == 7)
    by_time = {stamp: row for row, stamp in enumerate(windows.timestamps)}
    for period in ("validation", "test"):
        ends = getattr(kept, period)
        assert 1 <= len(ends) <= most
        newest = [by_time[kept.timestamps[end - kept.step_rows]] for end in ends]
        rows = np.array(newest) + windows.step_rows
        assert set(rows) <= set(getattr(windows, period))
        assert np.array_equal(
            kept.matrix[ends[:, None] + kept.offsets], windows.matrix[rows[:, None] + windows.offsets]
        )
        assert np.array_equal(kept.get_labels(ends), windows.get_labels(rows))
        assert np.array_equal(kept.timestamps[kept.find_targets(ends)], windows.timestamps[windows.find_targets(rows)])
        assert np.array_equal(np.diff(rows), np.full(len(rows) - 1, windows.step_rows))
    newest = len(kept.matrix) - 1 + kept.step_rows
    assert np.array_equal(
        kept.matrix[newest + kept.offsets], windows.matrix[700 - 1 + windows.step_rows + windows.offsets]
    )


def test_readings_come_back_as_they_were_written(tmp_path):
    written = keep_newest(make_tiny_windows(), np.random.default_rng(0).normal(size=(366, 24)))
    kept = written.windows
    save_readings(tmp_path / "readings.npz", written)
    first = (tmp_path / "readings.npz").read_bytes()
    read = load_readings(tmp_path / "readings.npz")
    assert read is not None
    for name in ("matrix", "target", "labels", "timestamps", "offsets", "validation", "test", "means", "stds"):
        assert np.array_equal(getattr(read.windows, name), getattr(kept, name)), name
    assert (read.windows.columns, read.windows.target_std) == (kept.columns, kept.target_std)
    assert np.array_equal(read.climatology, written.climatology)
    save_readings(tmp_path / "readings.npz", written)
    assert (tmp_path / "readings.npz").read_bytes() == first
    assert load_readings(tmp_path / "nothing.npz") is None


@pytest.mark.parametrize("older", [False, True])
def test_a_test_of_just_as_many_windows_as_are_kept_is_whole_unless_an_older_run_does_not_say(
    tmp_path, monkeypatch, older
):
    windows, path = make_tiny_windows(), tmp_path / "readings.npz"
    whole = keep_newest(windows, CLIMATOLOGY)
    count = len(whole.windows.test)
    monkeypatch.setattr("rdrop_cli.runs.readings.MOST_WINDOWS", count)
    assert keep_newest(windows, CLIMATOLOGY, count - 1).is_cut
    save_readings(path, keep_newest(windows, CLIMATOLOGY, count))
    if older:
        with np.load(path) as archive:
            numbers = json.loads(archive["numbers"].tobytes())
        del numbers["is_cut"]
        spoil_arrays(path, numbers=np.frombuffer(json.dumps(numbers).encode(), np.uint8))
    assert load_readings(path).is_cut == older


def spoil_arrays(path, **changes):
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive} | changes
    np.savez(path, **arrays)


def spoil_bytes(path):
    content = bytearray(path.read_bytes())
    content[200:220] = bytes(20)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_bytes,
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no zip"),
        lambda path: spoil_arrays(path, target=np.zeros(3, np.float32)),
        lambda path: spoil_arrays(path, test=np.array([10**6])),
        lambda path: spoil_arrays(path, validation=np.array([-10])),
        lambda path: spoil_arrays(path, numbers=np.frombuffer(b"[]", np.uint8)),
        lambda path: spoil_arrays(path, matrix=np.zeros((4, 14))),
        lambda path: spoil_arrays(path, offsets=np.zeros(0, np.int32)),
    ],
)
def test_damaged_readings_are_refused(tmp_path, spoil):
    path = tmp_path / "readings.npz"
    save_readings(path, keep_newest(make_tiny_windows(), CLIMATOLOGY))
    spoil(path)
    with pytest.raises(DataError, match=r"readings\.npz: damaged, or not a run's readings"):
        load_readings(path)


def test_readings_that_may_not_be_read_are_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "readings.npz"
    path.touch()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(DataError, match=r"readings\.npz: cannot be read: Permission denied"):
        load_readings(path)
