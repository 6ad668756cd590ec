"""What each column of a series holds, in a few numbers."""

from dataclasses import dataclass

import numpy as np

from rdrop_cli.series.oddities import SENTINEL
from rdrop_cli.series.table import Series
from rdrop_cli.study.target import name_target


@dataclass(frozen=True)
class ColumnSummary:
    """One column; sentinels and missing readings are counted and left out of the figures, which are in `unit`.

    Attributes:
        unit: as the name tells it; may be empty.
        missing: readings that are not there.
        sentinels: readings of -9999.
        minimum, mean, maximum, std: NaN where there is no reading.
    """

    name: str
    unit: str
    missing: int
    sentinels: int
    minimum: float
    mean: float
    maximum: float
    std: float


def summarise_columns(series: Series) -> list[ColumnSummary]:
    """Summarise each column, in file order."""
    return [_summarise(name, column) for name, column in zip(series.columns, series.values.T, strict=True)]


def _summarise(name: str, column: np.ndarray) -> ColumnSummary:
    missing, sentinel = np.isnan(column), column == SENTINEL
    readings = column[~(missing | sentinel)]
    with np.errstate(over="ignore", invalid="ignore"):  # of readings that are too large to be any
        figures = [float(f(readings)) for f in (np.min, np.mean, np.max, np.std)] if len(readings) else [np.nan] * 4
    return ColumnSummary(name, name_target(name)[1], int(missing.sum()), int(sentinel.sum()), *figures)
