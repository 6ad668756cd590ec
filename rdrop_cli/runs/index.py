"""Read one file of each of many runs, with an index of what was read before.

The folders are authoritative; the index only saves parsing. It is an SQLite table in the user's own cache folder, so
nobody else's runs folder can supply one. An entry is valid while its file has the times, size and inode number that it
had when it was read. A file that changed within the last two seconds is not stored, because it could change again
within one tick of the clock. Every entry has a checksum. A missing, old, damaged or read-only index costs time but
never changes a result. Creating an index removes the indexes of folders that are gone.
"""

import hashlib
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import rdrop_cli
from rdrop_cli.cache import make_cache_folder
from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.fields import Fields
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.reading import Reading
from rdrop_cli.system import pause_collection

if TYPE_CHECKING:
    import sqlite3

FEWEST_RUNS = 100  # fewer are read quickly without an index
SETTLED_NS = 2_000_000_000  # the coarsest clock of any file system: FAT
SECONDS_TO_WAIT = 0.2  # for another process that writes the index
FORMAT = 4  # increase it when the encoding of entries changes

T = TypeVar("T")
Copy = tuple[Any, ...]  # run, stamp, checksum and content of a file; in a damaged index they may be anything
Entry = tuple[str, str, str, int, bytes]  # kind, run, stamp, checksum and content


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of content that is read from one file of each run.

    Attributes:
        name: name of the kind in the index.
        file: name of the file in the run's folder.
        read: reads and checks the file; raises DataError if it cannot be used.
        encode, decode: convert the content to the stored bytes, and back.
    """

    name: str
    file: str
    read: Callable[[Path], T]
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]

    def read_of(self, folder: RunFolder) -> T | DataError:
        try:
            return self.read(folder.path / self.file)
        except DataError as error:
            return error


def read_files(folders: Sequence[RunFolder], kind: Kind[T]) -> list[T | DataError]:
    """Read one file of each run; return its content, or why it cannot be used, in the order of the runs."""
    if len(folders) < FEWEST_RUNS or len({os.path.dirname(folder.place) for folder in folders}) > 1:  # noqa: PTH120
        return [kind.read_of(folder) for folder in folders]
    with closing(_Index(str(folders[0].path.parent))) as index, pause_collection():
        return _read_with_index(folders, kind, index)


def _read_with_index(folders: Sequence[RunFolder], kind: Kind[T], index: "_Index") -> list[T | DataError]:
    copies = index.load(kind.name)
    values: list[T | DataError] = []
    entries: list[Entry] = []
    for folder in folders:
        run_id = folder.run_id
        stamp = _stamp(f"{folder.place}/{kind.file}")
        run = os.fsencode(run_id)
        content = _find_content(copies.get(run), run, stamp)
        if content is not None:
            values.append(kind.decode(content))
            continue
        value = kind.read_of(folder)
        values.append(value)
        if stamp and not isinstance(value, DataError) and _is_settled(stamp):
            content = kind.encode(value)
            entries.append((kind.name, run_id, stamp.decode(), _sum_up(run, stamp, content), content))
    if entries:
        index.store(entries)
    return values


def _find_content(copy: Copy | None, run: bytes, stamp: bytes) -> bytes | None:
    """Return the stored content of a file, or None if it is missing, outdated or damaged."""
    if copy is None or copy[1] != stamp or not isinstance(copy[3], bytes):
        return None
    return copy[3] if copy[2] == _sum_up(run, stamp, copy[3]) else None


def _stamp(path: str) -> bytes:
    """Return a stamp that changes with a file: its times, size and inode number; empty if the file is missing."""
    try:
        status = os.stat(path)  # noqa: PTH116 -- a hundred thousand paths take a second
    except OSError:
        return b""
    return b"%d %d %d %d" % (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _is_settled(stamp: bytes) -> bool:
    """Whether a file has been unchanged for so long that its next change will have a different time."""
    return time.time_ns() - max(map(int, stamp.split()[:2])) > SETTLED_NS


def _sum_up(run: bytes, stamp: bytes, content: bytes) -> int:
    """Return a checksum of an entry to detect disk errors; nobody else writes into the cache folder."""
    return zlib.crc32(content, zlib.crc32(b"%b\n%b\n" % (run, stamp)))


class _Index:
    """The index of a runs folder, created if it is missing; after its first error it is no longer used."""

    def __init__(self, runs_dir: str) -> None:
        self.runs_dir = runs_dir
        self._connection: sqlite3.Connection | None = None
        with suppress(RdropError, OSError, ImportError):  # some Pythons have no SQLite
            self._path = make_cache_folder() / f"runs-{_name_folder(runs_dir)}.sqlite"
            is_new = not self._path.exists()
            with self._pass_over_faults():
                self._connection = _connect(self._path)
                self._prepare(self._connection)
            if is_new:
                _remove_orphans(self._path)

    def close(self) -> None:
        """Close the file."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def load(self, kind: str) -> dict[Any, Copy]:
        """Return the stored entry of each run, by the bytes of the run's name."""
        copies: dict[Any, Copy] = {}
        if self._connection:
            with self._pass_over_faults():
                rows = self._connection.execute(
                    "SELECT run, stamp, checksum, content FROM files WHERE kind = ?", (kind,)
                )
                copies = {row[0]: row for row in rows}
        return copies

    def store(self, entries: "list[Entry]") -> None:
        """Store entries, and delete the entries of runs that no longer exist."""
        if self._connection:
            there = set(os.listdir(os.fsencode(self.runs_dir)))  # noqa: PTH208 -- names alone
            storable = [entry for entry in entries if entry[1].isprintable()]  # SQLite refuses a lone surrogate
            with self._pass_over_faults():
                self._connection.execute("BEGIN IMMEDIATE")
                known = self._connection.execute("SELECT DISTINCT run FROM files").fetchall()
                names = [run for (run,) in known if isinstance(run, bytes)]  # in a damaged index they may be anything
                gone = [(name.decode(errors="replace"),) for name in names if name not in there]
                self._connection.executemany("DELETE FROM files WHERE run = ?", gone)
                self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", storable)
                self._connection.execute("COMMIT")

    def _prepare(self, connection: "sqlite3.Connection") -> None:
        """Create the table; replace one that another version of rdrop created."""
        connection.text_factory = bytes  # in a damaged index, text may not be valid
        connection.execute("PRAGMA synchronous = OFF")  # an index damaged by a power failure is created again
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found != (wanted := _number_format()):
            connection.executescript(
                f"BEGIN IMMEDIATE; DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS folder;"
                f"PRAGMA user_version = {wanted}; CREATE TABLE folder (place BLOB);"
                "CREATE TABLE files (kind TEXT, run TEXT, stamp TEXT, checksum INTEGER, content BLOB,"
                "PRIMARY KEY (kind, run)) WITHOUT ROWID; COMMIT; VACUUM"
            )
            place = os.fsencode(Path(self.runs_dir).resolve())
            connection.execute("INSERT INTO folder VALUES (?)", (place,))

    @contextmanager
    def _pass_over_faults(self) -> Iterator[None]:
        """Stop using the index after its first error; remove it if it is damaged, so a new one is created next time."""
        import sqlite3

        try:
            yield
        except sqlite3.OperationalError:  # read-only, disk full, or another process is writing
            self.close()
        except (sqlite3.DatabaseError, ValueError, MemoryError):  # even SQLite's message may not be valid text
            self.close()
            with suppress(OSError):
                self._path.unlink()


def _connect(path: Path) -> "sqlite3.Connection":
    import sqlite3

    return sqlite3.connect(path, timeout=SECONDS_TO_WAIT, isolation_level=None)


def _remove_orphans(own: Path) -> None:
    """Remove the other indexes in the cache whose folder is gone or not recorded."""
    import sqlite3

    for path in own.parent.glob("runs-*.sqlite"):
        with suppress(OSError, sqlite3.OperationalError):  # another process uses it
            if path != own and not _has_folder(path):
                path.unlink()


def _has_folder(path: Path) -> bool:
    import sqlite3

    try:
        with closing(_connect(path)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'folder'").fetchone():
                return False
            return any(os.path.isdir(place) for (place,) in connection.execute("SELECT place FROM folder"))  # noqa: PTH112
    except sqlite3.OperationalError:
        raise
    except (sqlite3.DatabaseError, TypeError, ValueError):  # it is damaged
        return False


def _name_folder(runs_dir: str) -> str:
    return hashlib.sha256(os.fsencode(Path(runs_dir).resolve())).hexdigest()[:32]


def _number_format() -> int:
    """Return a number that changes with the fields of the documents and the version of rdrop."""
    parts: list[tuple[str, object]] = [("format", FORMAT)]
    parts += [(part.__name__, part.__struct_fields__) for part in Fields.__subclasses__()]
    parts += [(part.__name__, tuple(each.name for each in fields(part))) for part in (RunConfig, Protocol, Reading)]
    digest = hashlib.sha256(repr((rdrop_cli.__version__, parts)).encode()).digest()
    return int.from_bytes(digest[:4]) & 0x7FFF_FFFF
