"""The parsed copy: used when it is whole, read anew when it is not, and never in the way."""

import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.series.cache import read_through_cache
from rdrop_cli.series.csv.read import Table

KEY = "0123456789abcdef" * 4
CENTRAL_RECORD = b"PK\x01\x02"  # of a member, in the list at a zip's end (APPNOTE.TXT 4.3.12)


class Source:
    """A table, and how often it had to be read."""

    def __init__(self) -> None:
        stamps = np.datetime64("2009-01-01", "s") + 600 * np.arange(40)
        values = np.random.default_rng(0).normal(size=(40, 2))
        self.table = Table(stamps.astype("datetime64[us]"), ("T (degC)", "größe"), values, np.arange(40), notes=("a",))
        self.readings = 0

    def read(self) -> Table:
        self.readings += 1
        return self.table

    def is_what_comes_from(self, folder: Path) -> bool:
        table = read_through_cache(folder, KEY, self.read)
        same_types = table.timestamps.dtype == "datetime64[us]" and table.values.dtype == np.float64
        same = all(np.array_equal(getattr(table, f.name), getattr(self.table, f.name)) for f in fields(Table))
        return same_types and same


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def copy(source: Source, tmp_path: Path) -> Path:
    """The copy that the first reading leaves."""
    assert source.is_what_comes_from(tmp_path / "cache")
    (copy,) = (tmp_path / "cache").iterdir()
    return copy


def test_the_second_reading_comes_from_the_copy(source: Source, copy: Path) -> None:
    assert source.is_what_comes_from(copy.parent)
    assert source.readings == 1


def test_another_key_is_another_table(source: Source, copy: Path) -> None:
    read_through_cache(copy.parent, "f" * 64, source.read)
    assert source.readings == 2


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip_a_reading(content: bytes) -> bytes:
    flipped = bytearray(content)
    flipped[content.index(b"values.npy") + 200] ^= 1
    return bytes(flipped)


def set_in_central_record(offset: int, value: int) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[content.index(CENTRAL_RECORD) + offset] = value
        return bytes(changed)

    return change


def hold_one_array(content: bytes) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


DAMAGES = {
    "nothing left": lambda content: b"",
    "cut in half": truncate,
    "an array, no archive of arrays": hold_one_array,
    "text": lambda content: b"no zip at all",
    "a bit of a reading": flip_a_reading,
    "a name": lambda content: content.replace(b"values.npy", b"valuez.npy"),
    "a version of zip to come": set_in_central_record(6, 109),
    "an unknown compression": set_in_central_record(10, 77),
    "a password": set_in_central_record(8, 1),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_copy_is_read_anew_and_replaced(source: Source, copy: Path, damage: Callable[[bytes], bytes]) -> None:
    copy.write_bytes(damage(copy.read_bytes()))
    assert source.is_what_comes_from(copy.parent)
    assert source.readings == 2
    assert source.is_what_comes_from(copy.parent)
    assert source.readings == 2


def test_any_flipped_bit_is_harmless(source: Source, copy: Path) -> None:
    whole, rng = copy.read_bytes(), random.Random(0)
    for bit in rng.sample(range(8 * len(whole)), 60):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        copy.write_bytes(damaged)
        assert source.is_what_comes_from(copy.parent), f"bit {bit}"


def test_a_copy_that_would_run_code_when_read_is_read_anew(source: Source, copy: Path) -> None:
    columns = np.array(["a", {"b": 1}], dtype=object)
    np.savez(copy, stamps=np.arange(40), columns=columns, values=np.zeros((40, 2)))
    assert zipfile.is_zipfile(copy)
    assert source.is_what_comes_from(copy.parent)
    assert source.readings == 2


def test_a_place_that_cannot_be_written_costs_only_time(source: Source, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert source.is_what_comes_from(tmp_path / "cache")
    assert source.is_what_comes_from(tmp_path / "cache")
    assert source.readings == 2


def test_what_goes_wrong_in_reading_is_told_and_leaves_no_copy(tmp_path: Path) -> None:
    def fail() -> Table:
        raise ValueError("line 3")

    with pytest.raises(ValueError, match="line 3"):
        read_through_cache(tmp_path / "cache", KEY, fail)
    assert not (tmp_path / "cache").exists()
