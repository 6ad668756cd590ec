"""A multivariate time series in memory, with the record of where it came from."""

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
    """Where a series came from, as every run records it.

    Attributes:
        name: `jena`, `synthetic`, or the stem of the user's file.
        origin: the address, the path or the generator.
        sha256: of the CSV's bytes, or of the values where there is no file.
        rows: readings.
        verified: whether the content is known to be what the name says; None where nothing is published to compare.
        where: which rows of a file that has several series, such as `station=Hamburg`; empty for all.
        reading: the other options by which a file was read; None of a run of an older version.
        utc: whether the timestamps are in UTC; false where nothing tells their zone.
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
    """Readings in the order of time.

    Attributes:
        timestamps: datetime64[s] of shape (row,), datetime64[us] where readings are less than a second apart.
        columns: names with their units, e.g. `T (degC)`.
        values: float64 of shape (row, column), NaN where a reading is missing.
        time_column: the name that the timestamps have in the user's data; empty where they are not the user's.
        excluded: columns of the user's data that are not among these, each with the reason.
        notes: what was taken for what when the data were read.
        lines: int64 of shape (row,): the line of the user's file; empty where a row has none.
        reading: how the user asked for the data to be read.
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
        """The checksum by which runs know the dataset."""
        return self.source.sha256

    @property
    def rows(self) -> int:
        """Readings of each column."""
        return len(self.timestamps)

    @property
    def own_file(self) -> bool:
        """Whether the series is the user's, for which the protocols' rows and target mean nothing."""
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
        """Return `line 17` for a row of a user's file, `row 15` for one of another series."""
        return name_row(self.lines, row)


def name_row(lines: npt.NDArray[np.int64], row: int) -> str:
    """Return `line 17` for a row of a text with lines (row,), `row 15` for one of a frame, counted from 0."""
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
"""In the order of the published file, units included; the stamps' column is not among them."""
