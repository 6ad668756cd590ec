"""What was measured day by day: how much an answer depends on its period is told from it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.files import read_small_text


@dataclass(frozen=True, eq=False)
class ByDay:
    """A mean of each calendar day of a period.

    Attributes:
        days: ISO dates in their order, shape (day,).
        windows: over which each is a mean, shape (day,).
        values: shape (day,).
    """

    days: tuple[str, ...]
    windows: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


def read_lines(path: Path) -> tuple[list[str], list[list[str]]] | None:
    """Return the header of a file with a line a day, and the cells of its lines; None where there is no such file.

    Raises:
        DataError: it cannot be read as such.
    """
    try:
        header, *rows = list(csv.reader(read_small_text(path).splitlines())) or [[]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, csv.Error) as cause:
        raise DataError(f"{path.name}: cannot be read ({cause})") from cause
    return header, rows


def check_days(path: Path, days: Sequence[str]) -> None:
    """Refuse the days of a file that are not in order.

    Raises:
        DataError: they are not, or one is there twice.
    """
    if list(days) != sorted(set(days)):
        raise DataError(f"{path.name}: its days are not in order, or one is there twice")
