"""Read a file of many runs at once, with an index of what was read before.

The folders are the truth, and the index saves only the parsing. It is a table in SQLite of the user's own cache folder,
so that no stranger's runs folder can bring one along. What it holds of a file counts while the file has the times, the
size and the number that it had when it was read; a file that changed within the last two seconds is not kept, because
it could change again within one tick of the clock. Every entry has a checksum. A missing, old, damaged or read-only
index costs time and never an answer. Who makes one removes those of folders that are gone.
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

FEWEST_RUNS = 100  # fewer are read in a moment
SETTLED_NS = 2_000_000_000  # the coarsest clock of a file system, that of FAT
SECONDS_TO_WAIT = 0.2  # for another process that writes the index
FORMAT = 4  # raise it where an entry is encoded in another way

T = TypeVar("T")
Copy = tuple[Any, ...]  # run, stamp, checksum and content of a file; of a damaged index they may be anything
Entry = tuple[str, str, str, int, bytes]  # kind and run before them


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What is read of a file of a run.

    Attributes:
        name: of the kind, in the index.
        file: of the run.
        read: reads and checks it, and raises DataError where it cannot be used.
        encode, decode: to the bytes that are kept, and back.
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
    """Read a file of each run; return what it says, or why it cannot be used, in the order of the runs."""
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
    """Return what is kept of a file that is still the same, and whole."""
    if copy is None or copy[1] != stamp or not isinstance(copy[3], bytes):
        return None
    return copy[3] if copy[2] == _sum_up(run, stamp, copy[3]) else None


def _stamp(path: str) -> bytes:
    """Return what changes with a file: its times, size and number; empty where it is not there."""
    try:
        status = os.stat(path)  # noqa: PTH116 -- a hundred thousand paths take a second
    except OSError:
        return b""
    return b"%d %d %d %d" % (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _is_settled(stamp: bytes) -> bool:
    """Whether a file has been the same for so long that its next change will have another time."""
    return time.time_ns() - max(map(int, stamp.split()[:2])) > SETTLED_NS


def _sum_up(run: bytes, stamp: bytes, content: bytes) -> int:
    """Return a checksum of an entry, which tells damage by the disk: nobody else writes into the cache folder."""
    return zlib.crc32(content, zlib.crc32(b"%b\n%b\n" % (run, stamp)))


class _Index:
    """The index of a runs folder, made where it is missing; from its first fault on it keeps nothing."""

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
        """Return what is kept of each run's file, by the bytes of its name."""
        copies: dict[Any, Copy] = {}
        if self._connection:
            with self._pass_over_faults():
                rows = self._connection.execute(
                    "SELECT run, stamp, checksum, content FROM files WHERE kind = ?", (kind,)
                )
                copies = {row[0]: row for row in rows}
        return copies

    def store(self, entries: "list[Entry]") -> None:
        """Keep what was read, and forget runs that are no more."""
        if self._connection:
            there = set(os.listdir(os.fsencode(self.runs_dir)))  # noqa: PTH208 -- names alone
            storable = [entry for entry in entries if entry[1].isprintable()]  # SQLite takes no half of a pair
            with self._pass_over_faults():
                self._connection.execute("BEGIN IMMEDIATE")
                known = self._connection.execute("SELECT DISTINCT run FROM files").fetchall()
                names = [run for (run,) in known if isinstance(run, bytes)]  # of a damaged index they may be anything
                gone = [(name.decode(errors="replace"),) for name in names if name not in there]
                self._connection.executemany("DELETE FROM files WHERE run = ?", gone)
                self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", storable)
                self._connection.execute("COMMIT")

    def _prepare(self, connection: "sqlite3.Connection") -> None:
        """Make the table, anew where another version of rdrop has made it."""
        connection.text_factory = bytes  # the text of a damaged index need not be any
        connection.execute("PRAGMA synchronous = OFF")  # what a power failure damages is made again
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
        """Do without the index from its first fault on; one that is damaged is removed, and made anew next time."""
        import sqlite3

        try:
            yield
        except sqlite3.OperationalError:  # read-only, full, or another process writes it
            self.close()
        except (sqlite3.DatabaseError, ValueError, MemoryError):  # a message of SQLite's may be no text either
            self.close()
            with suppress(OSError):
                self._path.unlink()


def _connect(path: Path) -> "sqlite3.Connection":
    import sqlite3

    return sqlite3.connect(path, timeout=SECONDS_TO_WAIT, isolation_level=None)


def _remove_orphans(own: Path) -> None:
    """Remove the other indexes of the cache whose folder is gone, or that do not say what folder is theirs."""
    import sqlite3

    for path in own.parent.glob("runs-*.sqlite"):
        with suppress(OSError, sqlite3.OperationalError):  # another process works with it
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
    """Return a number that differs where the documents have other fields or another version of rdrop reads them."""
    parts: list[tuple[str, object]] = [("format", FORMAT)]
    parts += [(part.__name__, part.__struct_fields__) for part in Fields.__subclasses__()]
    parts += [(part.__name__, tuple(each.name for each in fields(part))) for part in (RunConfig, Protocol, Reading)]
    digest = hashlib.sha256(repr((rdrop_cli.__version__, parts)).encode()).digest()
    return int.from_bytes(digest[:4]) & 0x7FFF_FFFF
