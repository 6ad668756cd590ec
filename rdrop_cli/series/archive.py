"""Take the one CSV out of a zip that may come from anybody; nothing is ever written under a name the zip chose."""

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
SHOWN_CHARACTERS = 60  # of a member's name, which may be 65535 long
# Only these two unpack in steps of bounded size: 4 KiB of LZMA or bzip2 can fill the memory at once.
BOUNDED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def extract_csv(archive: Path, target: Path, *, max_bytes: int) -> None:
    """Unpack the one CSV of a zip to `target`, which is replaced only when the whole member has come out.

    Args:
        archive: the zip; folders and the `__MACOSX/` metadata in it are ignored.
        target: the CSV's place; its name owes nothing to the zip.
        max_bytes: the unpacked size above which the zip is taken for a bomb.

    Raises:
        DataError: it is no zip, is damaged, holds no or several CSVs, has a member that is encrypted, a link, or
            named to land elsewhere, or unpacks to more than `max_bytes`.
        OSError: `target` cannot be written.
    """
    with replace_atomically(target) as temporary, temporary.open("wb") as file:
        for chunk in _unpack_csv(archive, max_bytes):
            file.write(chunk)


def check_csv_archive(archive: Path, *, max_bytes: int) -> None:
    """Unpack the one CSV of a zip to nowhere: what passes, `extract_csv` will write.

    Raises:
        DataError: as `extract_csv` does.
    """
    for _ in _unpack_csv(archive, max_bytes):
        pass


def open_table(label: Path, file: BinaryIO) -> IO[bytes]:
    """Open the one table of a user's zip, a CSV or a text by another usual ending.

    Raises:
        DataError: it is no zip, or holds none, several, or what no honest zip has.
    """
    try:
        opened = zipfile.ZipFile(file)
        return opened.open(_find_csv(label, opened.infolist(), TABLE_ENDINGS))
    except (zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise DataError(f"{label}: a zip that cannot be read: {_describe(error)}") from error


def _unpack_csv(archive: Path, max_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of the one CSV in pieces; whatever `zipfile` trips over becomes a DataError."""
    try:
        _refuse_web_page(archive)
        with zipfile.ZipFile(archive) as opened:
            member = _find_csv(archive, opened.infolist())
            if member.file_size > max_bytes:
                raise DataError(f"{archive}: refused: {_quote(member)} unpacks to more than {max_bytes} bytes")
            unpacked = 0
            with opened.open(member) as stream:
                while chunk := stream.read(CHUNK_BYTES):  # never more than declared: what is longer fails its checksum
                    unpacked += len(chunk)
                    yield chunk
            if unpacked != member.file_size:  # a checksum of nothing, too, fits nothing
                raise zipfile.BadZipFile(f"{unpacked} of {member.file_size} bytes came out of {_quote(member)}")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{archive}: not a whole zip: {_describe(error)}; fetch it again") from error
    except (RuntimeError, ValueError) as error:  # of a header that promises what zipfile cannot do, or is nonsense
        raise DataError(f"{archive}: a zip that cannot be read: {_describe(error)}; fetch it again") from error
    except OSError as error:
        raise DataError(f"{archive}: cannot be read: {error.strerror or error}") from error


def _refuse_web_page(archive: Path) -> None:
    """A proxy or a login page likes to answer in a file's place, with status 200."""
    with archive.open("rb") as file:
        head = file.read(512).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"<"):
        raise DataError(f"{archive}: not a zip but a web page; open the address in a browser to see what it says")


def _find_csv(archive: Path, members: list[zipfile.ZipInfo], endings: tuple[str, ...] = (".csv",)) -> zipfile.ZipInfo:
    """Return the one CSV, after refusing the whole zip for any member that no honest one has."""
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
    """Show a member's name so that it cannot steer the terminal."""
    return repr(member.orig_filename[:SHOWN_CHARACTERS])


def _describe(error: Exception) -> str:
    return str(error)[:120] or "it ends too early"
