"""An array that grows by rows in place: it never takes twice its size, as concatenating pieces would."""

from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", bound=np.generic)
FIRST_ROWS, GROWTH = 1 << 16, 1.5


class Grown(Generic[Number]):
    """A growing array of shape (row, column), or (row,) if no number of columns is given."""

    def __init__(self, dtype: type[Number], *columns: int) -> None:
        self._array: npt.NDArray[Number] = np.empty((0, *columns), dtype)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Append rows."""
        end = self._rows + len(rows)
        if end > len(self._array):
            self._resize(max(FIRST_ROWS, end, int(GROWTH * len(self._array))))
        self._array[self._rows : end] = rows
        self._rows = end

    def finish(self) -> npt.NDArray[Number]:
        """Return all rows; no more can be added."""
        self._resize(self._rows)
        return self._array

    def _resize(self, rows: int) -> None:
        # The operating system moves a large block without copying it. Nothing else refers to the array.
        self._array.resize((rows, *self._array.shape[1:]), refcheck=False)
