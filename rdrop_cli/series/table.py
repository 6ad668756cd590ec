"""A multivariate time series in memory, with the record of its origin."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import make_printable
from rdrop_cli.series.sampling import Sampling, find_sampling
from rdrop_cli.study.reading import AS_FOUND, Reading
from rdrop_cli.study.units import format_stamp


@dataclass(frozen=True)
class Source:
    """The origin of a series, as every run records it.

    Attributes:
        name: `jena`, `synthetic`, or the stem of the user's file.
        origin: the address, the path or the generator.
        sha256: of the CSV's bytes, or of the values if there is no file.
        rows: the number of readings in each column.
        verified: whether the content is known to match the name; None if nothing is published to compare with.
        where: which rows of a file that has several series, such as `station=Hamburg`; empty for all.
        reading: the other options by which a file was read; None for a run of an older version.
        utc: whether the timestamps are in UTC; false if their zone is unknown.
    """

    name: str
    origin: str
    sha256: str
    rows: int
    verified: bool | None
    where: str = ""
    reading: str | None = ""
    utc: bool = False

    def __post_init__(self) -> None:
        for name in ("name", "origin", "where", "reading"):  # a path need not be Unicode, and every run shows them
            if (text := getattr(self, name)) is not None:
                object.__setattr__(self, name, make_printable(text))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Series:
    """Readings in time order.

    Attributes:
        timestamps: datetime64[s] of shape (row,), or datetime64[us] if they have fractions of a second.
        columns: names with their units, e.g. `T (degC)`.
        values: float64 of shape (row, column), NaN where a reading is missing.
        time_column: the name of the timestamps in the user's data; empty for other series.
        excluded: columns of the user's data that are not among these, each with the reason.
        notes: how the data were interpreted when they were read.
        lines: int64 of shape (row,): the line in the user's file; empty if rows have no lines.
        reading: the options with which the user had the data read.
    """

    timestamps: npt.NDArray[np.datetime64]
    columns: tuple[str, ...]
    values: npt.NDArray[np.float64]
    source: Source
    time_column: str = ""
    excluded: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lines: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    reading: Reading = AS_FOUND

    @property
    def name(self) -> str:
        """The name of the dataset."""
        return self.source.name

    @property
    def sha256(self) -> str:
        """The checksum by which runs identify the dataset."""
        return self.source.sha256

    @property
    def rows(self) -> int:
        """The number of readings in each column."""
        return len(self.timestamps)

    @property
    def own_file(self) -> bool:
        """Whether the series is the user's own, to which the protocols' rows and target do not apply."""
        return bool(self.time_column)

    @cached_property
    def sampling(self) -> Sampling:
        """The usual step from one reading to the next."""
        return find_sampling(self.timestamps)

    @property
    def sampling_seconds(self) -> float:
        """The usual time between two readings, in seconds."""
        return self.sampling.seconds

    def __str__(self) -> str:
        return f"{self.rows} rows from {format_stamp(self.timestamps[0])} to {format_stamp(self.timestamps[-1])}"

    def name_row(self, row: int) -> str:
        """Return `line 17` for a row of a user's file, and `row 15` for a row of another series."""
        return name_row(self.lines, row)


def name_row(lines: npt.NDArray[np.int64], row: int) -> str:
    """Return `line 17` for a row of a text with lines (row,), and `row 15`, counted from 0, for one of a frame."""
    return f"line {lines[row]}" if len(lines) else f"row {row}"


WEATHER_COLUMNS = (
    "p (mbar)",
    "T (degC)",
    "Tpot (K)",
    "Tdew (degC)",
    "rh (%)",
    "VPmax (mbar)",
    "VPact (mbar)",
    "VPdef (mbar)",
    "sh (g/kg)",
    "H2OC (mmol/mol)",
    "rho (g/m**3)",
    "wv (m/s)",
    "max. wv (m/s)",
    "wd (deg)",
)
"""In the order of the published file, with units and without the column of timestamps."""
