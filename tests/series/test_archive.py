"""Taking the CSV out of honest, damaged and hostile zips."""

import os
import random
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.series.archive import check_csv_archive, extract_csv
from tests.series.limits import largest_file

CSV = b"Date Time,T (degC)\n" + b"01.01.2009 00:10:00,-8.02\n" * 20_000
OLD = b"what was there before"
LIMIT = 1_000_000


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "weather.zip"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "weather.csv"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def pack(
    archive: Path, *members: str | zipfile.ZipInfo, method: int = zipfile.ZIP_DEFLATED, content: bytes = CSV
) -> None:
    with zipfile.ZipFile(archive, "w", method) as opened:
        for member in members:
            opened.writestr(member, b"" if str(member).endswith("/") else content)


def patch(archive: Path, *, after: bytes, offset: int, value: bytes, occurrence: int = 0) -> None:
    """Overwrite bytes at `offset` behind the given occurrence of a signature."""
    packed = bytearray(archive.read_bytes())
    position = -1
    for _ in range(occurrence + 1):
        position = packed.index(after, position + 1)
    packed[position + offset : position + offset + len(value)] = value
    archive.write_bytes(packed)


def fail_to_extract(archive: Path, target: Path) -> str:
    """Return the one-line message of an extraction that must fail and leave the old CSV, and nothing else."""
    with pytest.raises(DataError) as caught:
        extract_csv(archive, target, max_bytes=LIMIT)
    with pytest.raises(DataError):
        check_csv_archive(archive, max_bytes=LIMIT)
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < len(str(archive)) + 250
    assert message.startswith(f"{archive}: ")
    return message


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_one_csv_comes_out_whatever_stands_beside_it(archive: Path, target: Path, method: int) -> None:
    pack(archive, "data/", "data/Jena.CSV", "data/readme.txt", "__MACOSX/", "__MACOSX/data/._Jena.CSV", method=method)
    check_csv_archive(archive, max_bytes=LIMIT)
    assert target.read_bytes() == OLD
    extract_csv(archive, target, max_bytes=LIMIT)
    assert target.read_bytes() == CSV
    assert list(target.parent.iterdir()) == [target]


def test_a_csv_of_just_the_limit_comes_out_and_one_byte_more_does_not(archive: Path, target: Path) -> None:
    pack(archive, "a.csv")
    with pytest.raises(DataError, match=f"'a.csv' unpacks to more than {len(CSV) - 1} bytes"):
        extract_csv(archive, target, max_bytes=len(CSV) - 1)
    extract_csv(archive, target, max_bytes=len(CSV))
    assert target.read_bytes() == CSV


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ([], "found 0 (none)"),
        (["a.txt", "b.csv.gz", "c.csv/"], "found 0 (none)"),
        (["__MACOSX/._a.csv"], "found 0 (none)"),
        (["a.csv", "sub/b.CSV"], "found 2 ('a.csv', 'sub/b.CSV')"),
    ],
)
def test_a_zip_without_exactly_one_csv_is_refused(archive: Path, target: Path, members: list[str], found: str) -> None:
    pack(archive, *members)
    assert found in fail_to_extract(archive, target)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd.csv",
        "../up.csv",
        "a/../../up.csv",
        "..\\up.csv",
        "C:\\up.csv",
        "C:up.csv",
        "\\\\host\\share\\a.csv",
        "..",
    ],
)
@pytest.mark.parametrize("beside", [[], ["good.csv"]])
def test_a_name_that_leads_elsewhere_is_refused(archive: Path, target: Path, name: str, beside: list[str]) -> None:
    pack(archive, *beside, name)
    assert f"its member {name!r} is named to land outside its folder" in fail_to_extract(archive, target)


def test_a_name_that_would_steer_the_terminal_is_shown_escaped_and_short(archive: Path, target: Path) -> None:
    pack(archive, "\x1b[2J\u202e" + "x" * 60_000 + ".csv", "b.csv")
    assert r"'\x1b[2J\u202exxx" in fail_to_extract(archive, target)


def test_a_name_that_goes_on_behind_a_nul_is_refused(archive: Path, target: Path) -> None:
    pack(archive, "a.csv_hidden")
    for occurrence in range(2):  # in the member's header and in the directory
        patch(archive, after=b"a.csv_hidden" if not occurrence else b"a.csv_", offset=5, value=b"\0")
    assert r"'a.csv\x00hidden' has a NUL in its name" in fail_to_extract(archive, target)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_device_is_refused(archive: Path, target: Path, kind: int) -> None:
    member = zipfile.ZipInfo("a.csv")
    member.external_attr = (kind | 0o777) << 16
    pack(archive, member, content=b"/etc/passwd")
    assert "'a.csv' is a link or a device" in fail_to_extract(archive, target)


def test_an_encrypted_csv_is_refused(archive: Path, target: Path) -> None:
    pack(archive, "a.csv")
    patch(archive, after=b"PK\x01\x02", offset=8, value=b"\x01")
    assert "'a.csv' is encrypted" in fail_to_extract(archive, target)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_unpacks_in_great_leaps_is_refused(archive: Path, target: Path, method: int) -> None:
    pack(archive, "a.csv", method=method)
    assert "'a.csv' is not packed by deflate" in fail_to_extract(archive, target)


def test_a_bomb_is_refused_by_its_declared_size_before_a_byte_is_written(archive: Path, target: Path) -> None:
    pack(archive, "a.csv", content=bytes(50 * LIMIT))
    with largest_file(0):
        assert "'a.csv' unpacks to more than 1000000 bytes" in fail_to_extract(archive, target)


def test_a_bomb_that_declares_a_small_size_fills_neither_disk_nor_memory(archive: Path, target: Path) -> None:
    pack(archive, "a.csv", content=bytes(50 * LIMIT))
    patch(archive, after=b"PK\x01\x02", offset=24, value=(1000).to_bytes(4, "little"))
    tracemalloc.start()
    with largest_file(LIMIT):
        fail_to_extract(archive, target)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2 * LIMIT


def test_a_member_that_is_longer_than_declared_does_not_pass_as_its_beginning(archive: Path, target: Path) -> None:
    pack(archive, "a.csv")
    patch(archive, after=b"PK\x01\x02", offset=24, value=(1000).to_bytes(4, "little"))
    assert "not a whole zip: Bad CRC-32" in fail_to_extract(archive, target)


def test_a_member_that_is_shorter_than_declared_is_refused_though_its_checksum_fits(
    archive: Path, target: Path
) -> None:
    pack(archive, "a.csv", content=b"")
    patch(archive, after=b"PK\x01\x02", offset=24, value=(1000).to_bytes(4, "little"))
    assert "0 of 1000 bytes came out of 'a.csv'" in fail_to_extract(archive, target)


def test_a_member_that_claims_bytes_beyond_the_end_is_refused(archive: Path, target: Path) -> None:
    pack(archive, "a.csv", method=zipfile.ZIP_STORED)
    patch(archive, after=b"PK\x01\x02", offset=20, value=2 * (900_000).to_bytes(4, "little"))
    assert "not a whole zip" in fail_to_extract(archive, target)


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><html>", b"\n  <html>", b"\xef\xbb\xbf<?xml version='1.0'?><Error>AccessDenied</Error>"]
)
def test_a_web_page_is_called_one(archive: Path, target: Path, page: bytes) -> None:
    archive.write_bytes(page)
    assert "not a zip but a web page" in fail_to_extract(archive, target)


@pytest.mark.parametrize("content", [b"", b"PK", b"a,b\n1,2\n", os.urandom(5000)])
def test_what_is_no_zip_is_refused(archive: Path, target: Path, content: bytes) -> None:
    archive.write_bytes(content)
    assert "not a whole zip" in fail_to_extract(archive, target)


def test_a_zip_that_is_not_there_or_is_a_folder_is_named(archive: Path, target: Path) -> None:
    assert "cannot be read: No such file" in fail_to_extract(archive, target)
    archive.mkdir()
    assert "cannot be read: Is a directory" in fail_to_extract(archive, target)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_zip_is_refused(archive: Path, target: Path, kept: float) -> None:
    pack(archive, "a.csv", content=os.urandom(50_000))
    packed = archive.read_bytes()
    archive.write_bytes(packed[: int(len(packed) * kept)])
    assert "not a whole zip" in fail_to_extract(archive, target)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_is_found(archive: Path, target: Path, method: int) -> None:
    pack(archive, "long" * 1000 + ".csv", method=method)
    patch(archive, after=b".csv", offset=200, value=b"\x55\xaa")
    assert "not a whole zip" in fail_to_extract(archive, target)


def damage_bytes(packed: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 4)):
        packed[rng.randrange(len(packed))] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))


def damage_length(packed: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(packed))
    packed[start : start + rng.randrange(30)] = rng.randbytes(rng.randrange(30))


@pytest.mark.parametrize("damage", [damage_bytes, damage_length])
def test_hundreds_of_damaged_zips_give_the_csv_or_one_line(
    archive: Path, target: Path, damage: Callable[[bytearray, random.Random], None]
) -> None:
    content = CSV[:300]
    pack(archive, "a.csv", "b.txt", content=content)
    good, rng = archive.read_bytes(), random.Random(0)
    messages = []
    for _ in range(300):
        packed = bytearray(good)
        damage(packed, rng)
        archive.write_bytes(packed)
        try:
            extract_csv(archive, target, max_bytes=LIMIT)
        except DataError as error:
            messages.append(str(error))
        else:
            assert target.read_bytes() == content
    assert 100 < len(messages) < 300
    assert all(message.isprintable() for message in messages)


def test_a_full_disk_leaves_the_old_csv_and_nothing_else(archive: Path, target: Path) -> None:
    pack(archive, "a.csv")
    with largest_file(100_000), pytest.raises(OSError, match="File too large"):
        extract_csv(archive, target, max_bytes=LIMIT)
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]
