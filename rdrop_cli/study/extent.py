"""What a plan has to know of a series to be fitted to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Extent:
    """How long a series is, how often it was read, and what it holds.

    Attributes:
        name: of the dataset.
        own_file: whether it is a file of the user's, for which the protocols' rows and target mean nothing.
        sampling_seconds: from one reading to the next.
        stamps: datetime64[s] of shape (row,).
        columns: those that hold numbers.
        sha256: of the series, as every run records it.
    """

    name: str
    own_file: bool
    sampling_seconds: float
    stamps: "npt.NDArray[np.datetime64]"
    columns: tuple[str, ...]
    sha256: str

    @property
    def rows(self) -> int:
        """Readings of each column."""
        return len(self.stamps)

    def __str__(self) -> str:
        return f"{self.rows} rows from {format_stamp(self.stamps[0])} to {format_stamp(self.stamps[-1])}"


def format_stamp(stamp: "np.datetime64") -> str:
    """Render a stamp to the minute, and to the second where it has seconds: `2014-01-01 00:10`."""
    text = str(stamp).replace("T", " ")
    return text.rstrip("0") if "." in text else text.removesuffix(":00")
