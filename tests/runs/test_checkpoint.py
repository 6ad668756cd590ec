"""A checkpoint comes back whole or is passed over."""

import hashlib
import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.runs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from rdrop_cli.runs.history import Epoch, History
from tests.series.limits import largest_file

MakeHistory = Callable[[Sequence[float]], History]


def make_state(seed: int) -> dict[str, Any]:
    """Variables as a network with its optimizer and seeds has them: matrices, scalars, several types, slashes."""
    rng = np.random.default_rng(seed)
    return {
        "gru/kernel": rng.normal(size=(14, 96)).astype(np.float32),
        "gru/bias": np.asfortranarray(rng.normal(size=(2, 96)).astype(np.float32)),
        "optimizer/iteration": np.array(seed, np.int64),
        "seeds/state": rng.integers(0, 2**32, 2, np.uint32),
        "odd": np.array([np.nan, np.inf, -0.0, 5e-324]),
        "empty": np.zeros((0, 3), np.float16),
    }


def assert_same_state(one: Any, other: Any) -> None:
    assert set(one) == set(other)
    for name in one:
        assert one[name].dtype == other[name].dtype
        assert one[name].shape == other[name].shape
        assert one[name].tobytes() == other[name].tobytes()


@pytest.fixture
def checkpoint_of(make_history: MakeHistory) -> Callable[[int], Checkpoint]:
    """Make the checkpoint after some epochs, with the state of the epoch in it."""

    def make(epochs: int) -> Checkpoint:
        return Checkpoint(make_state(epochs), make_state(1), make_history([1 / n for n in range(1, epochs + 1)]))

    return make


@pytest.fixture
def folder(tmp_path: Path, checkpoint_of: Callable[[int], Checkpoint]) -> Path:
    """The checkpoints of a run after three epochs."""
    for epochs in (1, 2, 3):
        save_checkpoint(tmp_path / "checkpoints", checkpoint_of(epochs))
    return tmp_path / "checkpoints"


def newest(folder: Path) -> Path:
    return max(folder.glob("epoch-*.ckpt"))


def epochs_loaded(folder: Path) -> tuple[int, int]:
    """Return how many epochs the loaded checkpoint has, and how many files were passed over."""
    checkpoint, damaged = load_checkpoint(folder)
    assert checkpoint
    assert_same_state(checkpoint.state, make_state(len(checkpoint.history.epochs)))
    return len(checkpoint.history.epochs), len(damaged)


def test_state_best_and_history_come_back_to_the_last_bit(folder: Path) -> None:
    checkpoint, damaged = load_checkpoint(folder)
    assert checkpoint
    assert damaged == []
    assert_same_state(checkpoint.state, make_state(3))
    assert_same_state(checkpoint.best, make_state(1))
    assert checkpoint.history.curve("val_loss") == [1 / 1, 1 / 2, 1 / 3]


def test_no_checkpoint_is_a_run_that_has_not_begun(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "checkpoints") == (None, [])


def test_the_newest_two_are_kept(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["epoch-0002.ckpt", "epoch-0003.ckpt"]


@pytest.mark.parametrize("last", [100, 1_000, 10_000, 100_000])
def test_the_newest_are_kept_when_the_number_grows_a_digit(tmp_path: Path, last: int) -> None:
    for number in (last - 2, last - 1, last, last + 1):
        save_checkpoint(tmp_path, Checkpoint({}, {}, History([Epoch(number, 1.0, 1.0, 1.0, 1.0, 1.0)])))
        checkpoint, _ = load_checkpoint(tmp_path)
        assert checkpoint
        assert checkpoint.history.last.epoch == number
    assert len(list(tmp_path.iterdir())) == 2


def test_every_truncation_of_the_newest_falls_back_to_the_one_before(folder: Path) -> None:
    whole = newest(folder).read_bytes()
    for size in (0, 1, 31, 32, 33, len(whole) // 2, len(whole) - 1):
        newest(folder).write_bytes(whole[:size])
        assert epochs_loaded(folder) == (2, 1)


def test_a_longer_file_is_as_damaged_as_a_shorter_one(folder: Path) -> None:
    newest(folder).write_bytes(newest(folder).read_bytes() + b"\0")
    assert epochs_loaded(folder) == (2, 1)


def test_every_flipped_bit_is_noticed(folder: Path) -> None:
    whole = newest(folder).read_bytes()
    for bit in random.Random(0).sample(range(8 * len(whole)), 100):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        newest(folder).write_bytes(flipped)
        assert epochs_loaded(folder) == (2, 1), f"bit {bit}"


def test_what_is_passed_over_is_named_with_the_reason(folder: Path) -> None:
    newest(folder).write_bytes(b"half of")
    _, (line,) = load_checkpoint(folder)
    assert line == f"{newest(folder)}: its checksum does not match"


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"no readable checkpoint \(.*epoch-0003.ckpt: .*\); start a new run"):
        load_checkpoint(folder)


def test_a_damaged_newest_is_replaced_by_its_epoch_run_again(
    folder: Path, checkpoint_of: Callable[[int], Checkpoint]
) -> None:
    newest(folder).write_bytes(b"damaged")
    save_checkpoint(folder, checkpoint_of(3))
    assert epochs_loaded(folder) == (3, 0)


def test_a_full_disk_leaves_the_earlier_ones_alone(folder: Path, checkpoint_of: Callable[[int], Checkpoint]) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with largest_file(1000), pytest.raises(OSError, match="File too large"):
        save_checkpoint(folder, checkpoint_of(4))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_file_half_written_when_the_process_was_killed_is_no_checkpoint(folder: Path) -> None:
    (folder / ".epoch-0004.0123abcd.tmp.ckpt").write_bytes(b"half of")
    assert epochs_loaded(folder) == (3, 0)


class Exploit:
    """Would run code if it were unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a checkpoint was unpickled",))


def savez(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def history_of(value: Any) -> Any:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def save_one(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def lock_with_password(payload: bytes) -> bytes:
    locked = bytearray(payload)
    locked[payload.index(b"PK\x01\x02") + 8] |= 1
    return bytes(locked)


def zip_text() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("history.npy", "no array")
    return buffer.getvalue()


FIGURES = dict.fromkeys(("loss", "val_loss", "train_mae", "train_seconds", "seconds"), 1.0)
HOSTILE = {
    "no archive": b"PK",
    "a pickle": pickle.dumps(Exploit()),
    "a pickle for a variable": savez(history=history_of([]), **{"state/a": np.array([Exploit()], object)}),
    "a pickle for the history": savez(history=np.array([Exploit()], object)),
    "an array alone": save_one(np.zeros(3)),
    "text for an array": zip_text(),
    "no history": savez(**{"state/a": np.zeros(3)}),
    "a history that is no JSON": savez(history=np.frombuffer(b"[", np.uint8)),
    "a history that is no list": savez(history=history_of(7)),
    "a history without figures": savez(history=history_of([{"epoch": 1}])),
    "a duration below 0": savez(history=history_of([{"epoch": 1, **FIGURES, "seconds": -1.0}])),
    "a history too deep": savez(history=np.frombuffer(b"[" * 100_000, np.uint8)),
    "a password": lock_with_password(savez(history=history_of([]))),
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_a_strangers_checkpoint_with_a_right_checksum_can_at_worst_be_refused(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / "epoch-0001.ckpt").write_bytes(hashlib.sha256(payload).digest() + payload)
    with pytest.raises(DataError, match="no readable checkpoint"):
        load_checkpoint(tmp_path)
