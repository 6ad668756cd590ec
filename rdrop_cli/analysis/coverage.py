"""Daily coverage of the 80 % intervals of a run, which `rdrop calibrate` writes to the run folder.

The file has one column per combination of sources of uncertainty: the number of the day's targets in its intervals.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.analysis.by_day import ByDay, check_days, read_lines
from rdrop_cli.errors import DataError

NOMINAL = 0.8  # the share of the targets that should lie in the intervals
COLUMNS = ["day", "targets"]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DailyCoverage:
    """Coverage of the 80 % intervals of a run on each calendar day of its test period.

    Attributes:
        days: ISO dates in ascending order, shape (day,).
        targets: number of targets on the day, shape (day,).
        held: number of targets in the intervals, shape (day,), by the sources of the intervals: `masks,residual`.
    """

    days: tuple[str, ...]
    targets: Counts
    held: Mapping[str, Counts]

    def measure_excess(self, sources: str) -> ByDay:
        """Return the coverage minus the nominal coverage, day by day.

        Raises:
            DataError: the intervals of these sources were not measured.
        """
        if sources not in self.held:
            raise DataError(f"the intervals of {sources} were not measured")
        windows = self.targets.astype(np.float64)
        return ByDay(self.days, windows, self.held[sources] / windows - NOMINAL)

    def to_csv(self) -> str:
        """Return the content of the file."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*COLUMNS, *self.held])
        writer.writerows(zip(self.days, self.targets.tolist(), *(h.tolist() for h in self.held.values()), strict=True))
        return text.getvalue()


def read_daily_coverage(path: Path) -> DailyCoverage | None:
    """Read a run's `daily_coverage.csv`; None if it is missing.

    Raises:
        DataError: the file is damaged; the message names the line.
    """
    lines = read_lines(path)
    if lines is None:
        return None
    header, rows = lines
    sources = header[len(COLUMNS) :]
    if header[: len(COLUMNS)] != COLUMNS or not rows or not sources or len(set(sources)) < len(sources):
        raise DataError(f"{path.name}: expected lines of day,targets,SOURCES, received {','.join(header)[:60]!r}")
    table = [_parse_row(path, line, row, len(header)) for line, row in enumerate(rows, start=2)]
    days = tuple(day for day, _ in table)
    check_days(path, days)
    targets, *held = np.array([counts for _, counts in table], np.int64).T
    return DailyCoverage(days, targets, dict(zip(sources, held, strict=True)))


def _parse_row(path: Path, line: int, row: list[str], columns: int) -> tuple[str, list[int]]:
    try:
        day, counts = date.fromisoformat(row[0]).isoformat(), [int(cell) for cell in row[1:]]
        if len(row) == columns and 0 < counts[0] < 1 << 31 and min(counts) >= 0 and max(counts) == counts[0]:
            return day, counts
    except (ValueError, IndexError):
        pass
    expected = "a day, its targets and how many are held"
    raise DataError(f"{path.name}: line {line}: expected {expected}, received {','.join(row)[:60]!r}")


def pack_daily_coverage(coverage: DailyCoverage | None) -> bytes:
    """Return daily coverage in the form that the index of a runs folder keeps."""
    assert coverage is not None  # nothing is kept for a missing file
    columns = [coverage.days, coverage.targets.tolist(), {name: h.tolist() for name, h in coverage.held.items()}]
    return json.dumps(columns).encode()


def unpack_daily_coverage(content: bytes) -> DailyCoverage:
    """Return the daily coverage that `pack_daily_coverage` packed."""
    days, targets, held = json.loads(content)
    counts = {name: np.array(column, np.int64) for name, column in held.items()}
    return DailyCoverage(tuple(days), np.array(targets, np.int64), counts)


def count_by_day(days: Iterable[np.datetime64], held: Mapping[str, npt.NDArray[np.float64]]) -> DailyCoverage:
    """Count the targets of each day, and those in the intervals: `held` is 1 or 0, shape (target,), by sources."""
    names, position, counts = np.unique(np.asarray(days), return_inverse=True, return_counts=True)
    summed = {name: np.bincount(position, weights=each).astype(np.int64) for name, each in held.items()}
    return DailyCoverage(tuple(names.astype(str).tolist()), counts.astype(np.int64), summed)
