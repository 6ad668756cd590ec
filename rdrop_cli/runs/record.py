"""The record of a complete run's files: the checksum of each, in the format that `sha256sum -c SHA256SUMS` reads.

It is written at the end of training, before the metrics that make a run complete, so every complete run has one unless
an earlier version trained it. `rdrop calibrate` adds the coverage that it measures later. The last line is a comment
with the checksum of the other lines.
"""

import hashlib
import re
from collections.abc import Mapping

from rdrop_cli.errors import DataError
from rdrop_cli.files import read_small_text, sha256_of_file, write_text
from rdrop_cli.runs.folder import RunFolder

RECORD = "SHA256SUMS"
UNRECORDED = ("tensorboard",)  # of another program, and still open when the record is written
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_LAST = "# of these lines: "


def write_record(folder: RunFolder, metrics: str) -> None:
    """Write the record of a run's files, and of the metrics that will be written after it.

    Training does not measure the coverage of intervals. If it makes the files of a calibrated run again, the coverage
    keeps the checksum of the earlier record, so a damaged one stays damaged until it is measured again.

    Raises:
        OSError: a file cannot be read, or the record cannot be written.
    """
    coverage = folder.daily_coverage_path.name
    digests = {name: sha256_of_file(folder.path / name) for name in list_files(folder) if name != coverage}
    digests[folder.metrics_path.name] = hashlib.sha256(metrics.encode()).hexdigest()
    digests |= {name: digest for name, digest in _read_if_intact(folder).items() if name == coverage}
    _write(folder, digests)


def amend_record(folder: RunFolder, name: str) -> None:
    """Add a file that was written after training to the record of a complete run, or update its checksum.

    A run of an earlier version, which has no record, gets none.

    Raises:
        DataError: the record is damaged.
        OSError: the record cannot be written, or the file cannot be read.
    """
    if digests := read_record(folder):
        _write(folder, digests | {name: sha256_of_file(folder.path / name)})


def _write(folder: RunFolder, digests: Mapping[str, str]) -> None:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    write_text(folder.path / RECORD, f"{lines}{_LAST}{hashlib.sha256(lines.encode()).hexdigest()}\n")


def list_files(folder: RunFolder) -> list[str]:
    """Return the files of a run that belong in its record, as paths in its folder; hidden files do not."""
    paths = (path.relative_to(folder.path) for path in folder.path.rglob("*") if path.is_symlink() or path.is_file())
    return sorted(
        path.as_posix()
        for path in paths
        if path.name != RECORD and path.parts[0] not in UNRECORDED and not any(part[0] == "." for part in path.parts)
    )


def read_record(folder: RunFolder) -> dict[str, str] | None:
    """Return the recorded checksum of each file; None if there is no record.

    Raises:
        DataError: the record is a link, cannot be read, or is damaged.
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
    """Whether the record of a run contains a file; False if the record is damaged."""
    return name in _read_if_intact(folder)


def is_up_to_date(folder: RunFolder, name: str) -> bool:
    """Whether the record of a run has the checksum of a file as it is now; True if there is no record to amend."""
    record = _read_if_intact(folder)
    return not record or record.get(name) == sha256_of_file(folder.path / name)


def _read_if_intact(folder: RunFolder) -> dict[str, str]:
    try:
        return read_record(folder) or {}
    except DataError:
        return {}
