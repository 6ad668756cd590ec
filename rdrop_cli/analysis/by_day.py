"""What was measured day by day: how much an answer depends on its period is told from it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
