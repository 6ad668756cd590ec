"""A multivariate time series in memory, with the record of where it came from."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import make_printable


@dataclass(frozen=True)
class Source:
    """Where a series came from, as every run records it.

    Attributes:
        name: `jena`, `synthetic`, or the stem of the user's file.
        origin: the address, the path or the generator.
        sha256: of the CSV's bytes, or of the values where there is no file.
        rows: readings.
        verified: whether the content is known to be what the name says; None where nothing is published to compare.
    """

    name: str
    origin: str
    sha256: str
    rows: int
    verified: bool | None

    def __post_init__(self) -> None:
        for name in ("name", "origin"):  # a path need not be Unicode, and every run shows and draws them
            object.__setattr__(self, name, make_printable(getattr(self, name)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Series:
    """Readings in file order.

    Attributes:
        stamps: datetime64[s] of shape (row,).
        columns: names with their units, e.g. `T (degC)`.
        values: float64 of shape (row, column), NaN where a reading is missing.
        time_column: the name that the stamps have in the user's file; empty where it is not the user's.
        time_named: whether the user named that column, rather than rdrop.
        left_out: columns of the user's file that are not among these, each with the reason.
    """

    stamps: npt.NDArray[np.datetime64]
    columns: tuple[str, ...]
    values: npt.NDArray[np.float64]
    source: Source
    time_column: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    time_named: bool = False

    @cached_property
    def sampling_seconds(self) -> int:
        """The usual time between two readings, in seconds: the median, which gaps and repeats do not move."""
        return int(np.median(np.diff(self.stamps).astype(np.int64))) if len(self.stamps) > 1 else 0


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
