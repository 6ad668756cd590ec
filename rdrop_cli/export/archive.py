"""Runs as one small archive, from which the verdict and the pictures of curves can be made again.

It has the settings and results of runs, without networks, checkpoints and readings: a twentieth of the folders' size.
The plan of looks of their folder belongs to it: by another one the same runs may be judged differently.
"""

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

from rdrop_cli.analysis.looks import LEDGER, join_ledgers
from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.files import is_plain_path, replace_atomically, to_json
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.series.archive import BOUNDED_METHODS

KEPT = (
    "config.json",
    "metrics.json",
    "history.csv",
    "daily_errors.csv",
    "daily_test_errors.csv",
    "daily_coverage.csv",
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same time for every file, so the same runs give the same bytes
MAX_BYTES = 1 << 30  # unpacked
MAX_FILES = 100_000 * len(KEPT) + 1


def write_archive(folders: Sequence[RunFolder], path: Path) -> None:
    """Write the settings and results of runs, and the plan of looks of their folder, to a zip file.

    Raises:
        UsageError: runs of several folders have the same id, or plans of looks for the same study that differ.
        DataError: one of several plans is damaged.
        OSError: the file cannot be written, or a run cannot be read.
    """
    folders = list({folder.path.resolve(): folder for folder in folders}.values())  # named by its id and its path: once
    if twice := [run_id for run_id, count in Counter(folder.run_id for folder in folders).items() if count > 1]:
        raise UsageError(f"{twice[0]} is named in several folders, and an archive holds an id once", field="archive")
    parents = sorted({folder.path.resolve().parent for folder in folders})
    ledgers = [parent for parent in parents if (parent / LEDGER).is_file()]
    joined = f"{to_json(join_ledgers(ledgers))}\n".encode() if len(ledgers) > 1 else b""
    with replace_atomically(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in sorted(folders, key=lambda folder: folder.run_id):
            for name in KEPT:
                if (file := folder.path / name).is_file():
                    _add(archive, f"{folder.run_id}/{name}", _read_to_share(file))
        if ledgers:
            _add(archive, LEDGER, joined or (ledgers[0] / LEDGER).read_bytes())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, EPOCH)
    info.external_attr = 0o644 << 16
    archive.writestr(info, content, zipfile.ZIP_DEFLATED, 9)


def _read_to_share(file: Path) -> bytes:
    """Read a file of a run; the path of its dataset is shortened to a name, which hides this machine's folders."""
    content = file.read_bytes()
    if file.suffix != ".json":
        return content
    document = json.loads(content)
    dataset = document.get("dataset")
    holder, key = (dataset, "origin") if isinstance(dataset, dict) else (document, "dataset")
    origin = holder.get(key)
    if not isinstance(origin, str) or "://" in origin or origin == (name := PureWindowsPath(origin).name):
        return content
    holder[key] = name
    return f"{to_json(document)}\n".encode()


def unpack_archive(path: Path, runs_dir: Path) -> None:
    """Unpack an archive into an empty folder.

    Raises:
        DataError: it is not a valid archive of runs; only files of runs are ever written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            _check(path, infos)
            for info in infos:
                file = runs_dir / info.filename
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(archive.read(info))
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read as an archive of runs ({why}); write one with ‹archive›") from error


def _check(path: Path, infos: Sequence[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_BYTES:
        raise DataError(f"{path}: more than {MAX_BYTES} bytes or {MAX_FILES} files")
    if not infos:
        raise DataError(f"{path}: holds no run; write archives with ‹archive›")
    counts = Counter(info.filename for info in infos)
    for info in infos:
        name = info.filename
        if counts[name] > 1:
            raise DataError(f"{path}: holds {name!r:.80} {counts[name]} times; write archives with ‹archive›")
        if info.compress_type not in BOUNDED_METHODS:
            raise DataError(f"{path}: {name!r:.80} is not packed by deflate; write archives with ‹archive›")
        of_run = is_plain_path(name) and name.count("/") == 1 and name.endswith(tuple(f"/{kept}" for kept in KEPT))
        if not of_run and name != LEDGER:
            raise DataError(f"{path}: {name!r:.80} is no figure of a run; write archives with ‹archive›")
