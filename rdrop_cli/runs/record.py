"""The record of a complete run's files: a checksum of each, in the form that `sha256sum -c SHA256SUMS` reads.

It is written at the end of training, before the metrics, which make a run complete: so every complete run has one,
unless an earlier version trained it. What is measured later, by `rdrop calibrate`, is added to it. Its last line is a
comment with the checksum of the others.
"""

import hashlib
import re
from collections.abc import Mapping

from rdrop_cli.errors import DataError
from rdrop_cli.files import read_small_text, sha256_of_file, write_text
from rdrop_cli.runs.folder import RunFolder

RECORD = "SHA256SUMS"
UNRECORDED = ("tensorboard",)  # another program's, and still open when the record is written
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_LAST = "# of these lines: "


def write_record(folder: RunFolder, metrics: str) -> None:
    """Write the record of a run's files, and of the metrics that will be written after it.

    Raises:
        OSError: a file cannot be read, or the record not be written.
    """
    digests = {name: sha256_of_file(folder.path / name) for name in list_files(folder)}
    digests[folder.metrics_path.name] = hashlib.sha256(metrics.encode()).hexdigest()
    _write(folder, digests)


def amend_record(folder: RunFolder, name: str) -> None:
    """Add a file that was made after training to the record of a complete run, or its new content.

    A run without a record, as of earlier versions, gets none.

    Raises:
        DataError: the record is damaged.
        OSError: it cannot be written, or the file not be read.
    """
    if digests := read_record(folder):
        _write(folder, digests | {name: sha256_of_file(folder.path / name)})


def _write(folder: RunFolder, digests: Mapping[str, str]) -> None:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    write_text(folder.path / RECORD, f"{lines}{_LAST}{hashlib.sha256(lines.encode()).hexdigest()}\n")


def list_files(folder: RunFolder) -> list[str]:
    """Return the files of a run that a record has, by their paths in its folder; hidden ones are no part of it."""
    paths = (path.relative_to(folder.path) for path in folder.path.rglob("*") if path.is_symlink() or path.is_file())
    return sorted(
        path.as_posix()
        for path in paths
        if path.name != RECORD and path.parts[0] not in UNRECORDED and not any(part[0] == "." for part in path.parts)
    )


def read_record(folder: RunFolder) -> dict[str, str] | None:
    """Return the recorded checksum of each file; None where there is no record.

    Raises:
        DataError: it is damaged.
    """
    path = folder.path / RECORD
    if path.is_symlink():
        raise DataError("is a link")
    if not path.exists():
        return None
    try:
        text = read_small_text(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read ({error})") from error
    lines, _, last = text.rpartition(_LAST)
    if last != f"{hashlib.sha256(lines.encode()).hexdigest()}\n":
        raise DataError("is damaged: its own checksum does not match")
    entries = [_LINE.fullmatch(line) for line in lines.splitlines()]
    return {entry[2]: entry[1] for entry in entries if entry}


def is_recorded(folder: RunFolder, name: str) -> bool:
    """Whether the record of a run has a file; a record that is damaged has none."""
    try:
        return name in (read_record(folder) or {})
    except DataError:
        return False
