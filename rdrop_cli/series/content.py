"""The bytes and the text of a dataset, from a file, an address or standard input, compressed or not."""

import bz2
import gzip
import hashlib
import io
import lzma
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit, urlunsplit

from rdrop_cli.errors import DataError, ValueRefusedError, tell_extra
from rdrop_cli.series.archive import open_table
from rdrop_cli.series.download import fetch

STDIN = "-"
MAX_FETCHED_BYTES = 4 << 30
SNIFFED_BYTES = 1 << 20
PACKED_BYTES = 1 << 10  # of zstd at once: they can unpack to 32 MiB
PACKED = (".gz", ".xz", ".zst", ".bz2", ".zip")
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"PK\x03\x04": "zip",
    b"PAR1": "parquet",
    b"\xd0\xcf\x11\xe0": "excel",
}
UNREAD = {
    b"ARROW1": "Feather", b"FEA1": "Feather", b"ORC": "ORC", b"\x89HDF": "HDF5", b"CDF": "NetCDF", b"SQLite": "SQLite",
}  # fmt: skip
JSON_START = re.compile(rb"\s*(?:\{|\[\s*[\[{])")
BYTE_ORDER_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32", b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16",
}  # fmt: skip


@dataclass(frozen=True)
class Content:
    """An open file and its checksum; it stays open so that the checksum belongs to the data that is read.

    Attributes:
        label: its name in error messages.
        name: the name of the dataset.
        origin: the full path, or the address without credentials.
        kind: `text`, `parquet` or `excel`.
        packing: the compression format; empty if there is none.
        sha256: the checksum of the bytes before unpacking.
    """

    file: BinaryIO
    label: str
    name: str
    origin: str
    kind: str
    packing: str
    sha256: str

    def open_bytes(self) -> IO[bytes]:
        """Return a stream of the unpacked bytes, from the beginning."""
        self.file.seek(0)
        if self.packing == "gzip":
            return cast(IO[bytes], gzip.open(self.file))
        if self.packing == "xz":
            return lzma.open(self.file)
        if self.packing == "bzip2":
            return bz2.open(self.file)
        if self.packing == "zip":
            return open_table(Path(self.label), self.file)
        if self.packing == "zstandard":
            return _open_zstandard(self.label, self.file)
        return io.BufferedReader(_Unclosed(self.file))

    def open_text(self, encoding: str) -> io.TextIOWrapper:
        """Return a stream of the text, from the beginning and with unchanged line endings."""
        return io.TextIOWrapper(self.open_bytes(), encoding, newline="")

    def read_head(self) -> bytes:
        """Return the first unpacked bytes, at most 1 MiB.

        Raises:
            DataError: the file cannot be unpacked.
        """
        with refuse_damage(self.label):
            return self.open_bytes().read(SNIFFED_BYTES)

    def read_foreign(self) -> bytes:
        """Return the beginnings of the first lines that are not ASCII."""
        with self.open_bytes() as stream:
            return b"".join(islice((line[:1000] for line in stream if not line.isascii()), 500))

    def check_unchanged(self) -> None:
        """Check that the file still matches its checksum.

        Raises:
            DataError: the file changed while it was read.
        """
        if _hash(self.file) != self.sha256:
            raise DataError(f"{self.label}: changed while it was read; try again when nothing writes to it")


class _Unclosed(io.RawIOBase):
    """A stream of a file's bytes that leaves the file open when it is closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._file.readinto(buffer)  # type: ignore[attr-defined,no-any-return]


class _Zstandard(io.RawIOBase):
    """The unpacked bytes of a zstd file of one or several frames; the library's reader does not tell if one is cut off.

    Raises:
        EOFError: the last frame is cut off.
    """

    def __init__(self, file: BinaryIO, begin: Callable[[], Any]) -> None:
        self._file, self._begin = file, begin
        self._frame: Any = None
        self._packed = self._unpacked = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._unpacked:
            self._packed = self._packed or self._file.read(PACKED_BYTES)
            if not self._packed:
                if self._frame:
                    raise EOFError("its end is missing")
                return 0
            self._frame = self._frame or self._begin()
            self._unpacked = self._frame.decompress(self._packed)
            self._packed = self._frame.unused_data if self._frame.eof else b""
            self._frame = None if self._frame.eof else self._frame
        taken, self._unpacked = self._unpacked[: len(buffer)], self._unpacked[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


@contextmanager
def refuse_damage(label: str) -> Iterator[None]:
    """Turn errors of unpacking and reading into a one-line DataError.

    Raises:
        DataError: the file is damaged or cannot be read.
    """
    try:
        yield
    except (EOFError, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise DataError(f"{label}: the compressed file is damaged or cut off: {error}") from error
    except OSError as error:
        raise DataError(f"{label}: cannot be read: {error.strerror or error}") from error
    except Exception as error:
        if type(error).__name__ in ("ZstdError", "error"):  # of zstandard, which may not be installed, and zlib
            raise DataError(f"{label}: the compressed file is damaged or cut off: {error}") from error
        raise


@contextmanager
def open_content(name: str) -> Iterator[Content]:
    """Open a file by its path, fetch one from its address, or read standard input for `-`.

    Raises:
        UsageError: the file does not exist.
        DataError: the data cannot be fetched or read.
    """
    if name == STDIN:
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            yield _describe(copy, "standard input", "stdin", STDIN)
    elif is_address(name):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "table"  # not the name in the address, which may be a path
            fetch([name], target, max_bytes=MAX_FETCHED_BYTES, advice="check the address")
            origin, file_name = hide_login(name), PurePosixPath(unquote(urlsplit(name).path)).name
            with target.open("rb") as fetched:
                yield _describe(fetched, origin, file_name or target.name, origin)
    else:
        path = Path(name)
        if not path.is_file():
            what = "it is a folder" if path.is_dir() else "there is no such file" if path.suffix else ""
            raise ValueRefusedError("dataset", name, "jena, synthetic or the path of a CSV", what)
        with refuse_damage(str(path)):
            file = path.open("rb")
        with file:
            yield _describe(file, str(path), path.name, str(path.resolve()))


def is_address(name: str) -> bool:
    """Return whether a dataset is fetched from the network."""
    return re.match(r"https?://", name) is not None


def hide_login(address: str) -> str:
    """Return an address without user name and password."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def _describe(file: BinaryIO, label: str, file_name: str, origin: str) -> Content:
    with refuse_damage(label):
        sha256 = _hash(file)
        file.seek(0)
        head = file.read(8)
    packing = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")
    kind = packing if packing in ("parquet", "excel") else "text"
    if packing == "zip" and _is_workbook(file):
        kind = "excel"
    stem = file_name
    while Path(stem).suffix.lower() in PACKED:
        stem = Path(stem).stem
    return Content(file, label, Path(stem).stem, origin, kind, "" if kind != "text" else packing, sha256)


def _hash(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _is_workbook(file: BinaryIO) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _open_zstandard(label: str, file: BinaryIO) -> IO[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise DataError(f"{label}: is packed by zstd; unpack it, or {tell_extra('files')}") from error
    return io.BufferedReader(_Zstandard(file, zstandard.ZstdDecompressor().decompressobj))


def detect_encoding(label: str, head: bytes) -> str:
    """Return the encoding shown by a byte order mark or by NUL bytes (UTF-16), and UTF-8 otherwise.

    Raises:
        DataError: the bytes are not text.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    start = head[:4096]
    if b"\0" in start:
        for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[0::2])):
            if zeros.count(0) > 0.7 * len(zeros) and start.count(0) == zeros.count(0):
                return encoding
        if kind := next((kind for magic, kind in UNREAD.items() if start.startswith(magic)), None):
            raise DataError(f"{label}: holds {kind}, which rdrop cannot read; save the table as CSV or Parquet")
        raise DataError(f"{label}: holds NUL bytes: no text, or in an encoding that ‹encoding› has to name")
    if JSON_START.match(start):
        raise DataError(f"{label}: holds JSON, which rdrop cannot read; save the table as CSV or Parquet")
    return "utf-8"


def guess_code_page(label: str, head: bytes) -> str:
    """Return the code page of bytes that are not UTF-8.

    At most two non-ASCII bytes in a row, as in `Zürich` and `°C`, are Western European (cp1252); longer runs are words
    in another script, which charset-normalizer detects.

    Raises:
        DataError: the encoding cannot be determined.
    """
    if max((len(run) for run in re.findall(rb"[\x80-\xff]+", head)), default=0) <= 2:
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(head[:65536]).best()
    if best is None or best.encoding.startswith("utf"):
        raise DataError(f"{label}: is not UTF-8 text, and its encoding cannot be told; name it with ‹encoding›")
    return best.encoding
