"""Extract the single CSV of an untrusted zip; names in the zip never determine where data is written."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, BinaryIO

from rdrop_cli.errors import DataError
from rdrop_cli.files import replace_atomically

CHUNK_BYTES = 1 << 18
ENCRYPTED = 0x1  # bit 0 of the general purpose flags (APPNOTE.TXT 4.4.4)
MAC_METADATA = "__MACOSX/"
TABLE_ENDINGS = (".csv", ".txt", ".tsv", ".tab", ".dat")
SHOWN_CHARACTERS = 60  # of a member's name, which can have 65,535 of them
# Only these two unpack in chunks of bounded size: 4 KiB of LZMA or bzip2 can expand to fill the memory.
BOUNDED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def extract_csv(archive: Path, target: Path, *, max_bytes: int) -> None:
    """Unpack the one CSV of a zip to `target`, which is replaced only after the complete CSV has been unpacked.

    Args:
        archive: the zip; folders and `__MACOSX/` metadata in it are ignored.
        target: the path of the CSV, independent of names in the zip.
        max_bytes: the unpacked size above which the zip is treated as a zip bomb.

    Raises:
        DataError: the file is not a zip, is damaged, contains no CSV or several, has a member that is encrypted, is a
            link or has a path outside its folder, or unpacks to more than `max_bytes`.
        OSError: `target` cannot be written.
    """
    with replace_atomically(target) as temporary, temporary.open("wb") as file:
        for chunk in _unpack_csv(archive, max_bytes):
            file.write(chunk)


def check_csv_archive(archive: Path, *, max_bytes: int) -> None:
    """Check the one CSV of a zip by unpacking it without writing; `extract_csv` accepts a zip that passes.

    Raises:
        DataError: the same reasons as in `extract_csv`.
    """
    for _ in _unpack_csv(archive, max_bytes):
        pass


def open_table(label: Path, file: BinaryIO) -> IO[bytes]:
    """Open the one table in a user's zip: a CSV, or a text file with another common extension.

    Raises:
        DataError: the file is not a zip, contains no table or several, or has a suspicious member.
    """
    try:
        opened = zipfile.ZipFile(file)
        return opened.open(_find_csv(label, opened.infolist(), TABLE_ENDINGS))
    except (zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise DataError(f"{label}: a zip that cannot be read: {_describe(error)}") from error


def _unpack_csv(archive: Path, max_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of the one CSV in chunks; errors of `zipfile` become a DataError."""
    try:
        _refuse_web_page(archive)
        with zipfile.ZipFile(archive) as opened:
            member = _find_csv(archive, opened.infolist())
            if member.file_size > max_bytes:
                raise DataError(f"{archive}: refused: {_quote(member)} unpacks to more than {max_bytes} bytes")
            unpacked = 0
            with opened.open(member) as stream:
                while chunk := stream.read(CHUNK_BYTES):  # never more than declared: longer data fails the checksum
                    unpacked += len(chunk)
                    yield chunk
            if unpacked != member.file_size:  # no data at all passes a checksum of 0
                raise zipfile.BadZipFile(f"{unpacked} of {member.file_size} bytes came out of {_quote(member)}")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{archive}: not a whole zip: {_describe(error)}; fetch it again") from error
    except (RuntimeError, ValueError) as error:  # the header is invalid, or zipfile lacks a feature
        raise DataError(f"{archive}: a zip that cannot be read: {_describe(error)}; fetch it again") from error
    except OSError as error:
        raise DataError(f"{archive}: cannot be read: {error.strerror or error}") from error


def _refuse_web_page(archive: Path) -> None:
    """Refuse an HTML page, which a proxy or a login page may send with status 200 instead of the file."""
    with archive.open("rb") as file:
        head = file.read(512).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"<"):
        raise DataError(f"{archive}: not a zip but a web page; open the address in a browser to see what it says")


def _find_csv(archive: Path, members: list[zipfile.ZipInfo], endings: tuple[str, ...] = (".csv",)) -> zipfile.ZipInfo:
    """Return the one CSV; refuse the zip if any member is suspicious."""
    for member in members:
        _refuse_hostile(archive, member)
    found = [
        member
        for member in members
        if member.filename.lower().endswith(endings) and not member.filename.startswith(MAC_METADATA)
    ]
    if len(found) != 1:
        names = ", ".join(_quote(member) for member in found[:3]) or "none"
        raise DataError(f"{archive}: expected exactly one CSV in the zip, found {len(found)} ({names})")
    return found[0]


def _refuse_hostile(archive: Path, member: zipfile.ZipInfo) -> None:
    name = member.orig_filename  # `filename` ends at the first NUL
    mode = member.external_attr >> 16
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor or ".." in PureWindowsPath(name).parts:
        reason = "is named to land outside its folder"
    elif "\0" in name:
        reason = "has a NUL in its name"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        reason = "is a link or a device, not a file"
    elif member.flag_bits & ENCRYPTED:
        reason = "is encrypted"
    elif member.compress_type not in BOUNDED_METHODS:
        reason = "is not packed by deflate, the only method that is accepted"
    else:
        return
    raise DataError(f"{archive}: refused: its member {_quote(member)} {reason}")


def _quote(member: zipfile.ZipInfo) -> str:
    """Quote a member's name, with control characters escaped for the terminal."""
    return repr(member.orig_filename[:SHOWN_CHARACTERS])


def _describe(error: Exception) -> str:
    return str(error)[:120] or "it ends too early"
