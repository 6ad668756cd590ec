"""The validation errors of a run's best network, day by day, as the run folder keeps them."""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError

COLUMNS = ["day", "windows", "val_mae"]


@dataclass(frozen=True, eq=False)
class DailyErrors:
    """The standardised validation error of a run's best network on each calendar day.

    Attributes:
        days: ISO dates in their order, shape (day,).
        windows: validation windows whose target lies on the day, shape (day,).
        val_mae: mean absolute error over them, shape (day,).
    """

    days: tuple[str, ...]
    windows: npt.NDArray[np.float64]
    val_mae: npt.NDArray[np.float64]


def read_daily_errors(path: Path) -> DailyErrors | None:
    """Read a run's `daily_errors.csv`; None where there is none.

    Raises:
        DataError: it is damaged, naming the line.
    """
    try:
        header, *rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines())) or [[]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path.name}: cannot be read ({error})") from error
    if header != COLUMNS or not rows:
        raise DataError(f"{path.name}: expected lines of {','.join(COLUMNS)}, received {','.join(header)[:60]!r}")
    table = [_parse_row(path, line, row) for line, row in enumerate(rows, start=2)]
    days, windows, val_mae = zip(*table, strict=True)
    if list(days) != sorted(set(days)):
        raise DataError(f"{path.name}: its days are not in order, or one is there twice")
    return DailyErrors(days, np.array(windows), np.array(val_mae))


def _parse_row(path: Path, line: int, row: list[str]) -> tuple[str, float, float]:
    try:
        day, windows, error = date.fromisoformat(row[0]).isoformat(), int(row[1]), float(row[2])
        if len(row) == len(COLUMNS) and windows > 0 and 0 <= error < np.inf:
            return day, float(windows), error
    except (ValueError, IndexError):
        pass
    raise DataError(f"{path.name}: line {line}: expected a day, windows and an error, received {','.join(row)[:60]!r}")
