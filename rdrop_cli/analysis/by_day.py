"""Measurements by day, which show how much an answer depends on its period."""

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
    """A mean for each calendar day of a period.

    Attributes:
        days: ISO dates in ascending order, shape (day,).
        windows: number of windows in each mean, shape (day,).
        values: shape (day,).
    """

    days: tuple[str, ...]
    windows: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


def read_lines(path: Path) -> tuple[list[str], list[list[str]]] | None:
    """Return the header and the rows of a CSV file with one line per day; None if the file is missing.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        header, *rows = list(csv.reader(read_small_text(path).splitlines())) or [[]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, csv.Error) as cause:
        raise DataError(f"{path.name}: cannot be read ({cause})") from cause
    return header, rows


def check_days(path: Path, days: Sequence[str]) -> None:
    """Refuse a file whose days are not in ascending order.

    Raises:
        DataError: they are not, or a day occurs twice.
    """
    if list(days) != sorted(set(days)):
        raise DataError(f"{path.name}: its days are not in order, or one is there twice")
