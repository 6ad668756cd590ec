"""How many targets the 80 % intervals of a run hold, day by day, as `rdrop calibrate` leaves it in the run folder.

The file has a column for each combination of sources of uncertainty: the targets of the day that its intervals held.
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

NOMINAL = 0.8  # the share of the targets that the intervals are to hold
COLUMNS = ["day", "targets"]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DailyCoverage:
    """What the 80 % intervals of a run hold on each calendar day of its test.

    Attributes:
        days: ISO dates in their order, shape (day,).
        targets: on the day, shape (day,).
        held: by the sources of the intervals, such as `masks,residual`: how many of them lie inside, shape (day,).
    """

    days: tuple[str, ...]
    targets: Counts
    held: Mapping[str, Counts]

    def measure_excess(self, sources: str) -> ByDay:
        """Return by how much the share that is held exceeds the nominal one, day by day.

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
    """Read a run's `daily_coverage.csv`; None where there is none.

    Raises:
        DataError: it is damaged, naming the line.
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
    """Return daily coverage as the index of a runs folder keeps it."""
    assert coverage is not None  # of a file that is not there nothing is kept
    columns = [coverage.days, coverage.targets.tolist(), {name: h.tolist() for name, h in coverage.held.items()}]
    return json.dumps(columns).encode()


def unpack_daily_coverage(content: bytes) -> DailyCoverage:
    """Return what `pack_daily_coverage` has packed."""
    days, targets, held = json.loads(content)
    counts = {name: np.array(column, np.int64) for name, column in held.items()}
    return DailyCoverage(tuple(days), np.array(targets, np.int64), counts)


def count_by_day(days: Iterable[np.datetime64], held: Mapping[str, npt.NDArray[np.float64]]) -> DailyCoverage:
    """Count the targets of each day, and those that are held: 1 or 0 by sources, of shape (target,)."""
    names, position, counts = np.unique(np.asarray(days), return_inverse=True, return_counts=True)
    summed = {name: np.bincount(position, weights=each).astype(np.int64) for name, each in held.items()}
    return DailyCoverage(tuple(names.astype(str).tolist()), counts.astype(np.int64), summed)
