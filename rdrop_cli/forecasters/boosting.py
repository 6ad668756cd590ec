"""Gradient boosting on a summary of each window (Friedman 2001), by scikit-learn's histograms."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import RdropError, tell_extra
from rdrop_cli.forecasters.seasonal import Rows, cut_rows
from rdrop_cli.series.calendar import encode_calendar
from rdrop_cli.series.windows import Windows, read_newest, read_targets

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

MOST_TRAINING_WINDOWS = 100_000  # evenly spaced: neighbours are nearly the same
TREES = 300


def summarise_windows(windows: Windows, rows: Rows) -> npt.NDArray[np.float32]:
    """Summarise windows in shape (window, 7 · feature + 4).

    Each feature has its newest reading, and the mean, minimum and maximum of the window and of its last tenth; the rest
    is the calendar at the target's time.
    """
    newest_part = max(1, len(windows.offsets) // 10)
    pieces = []
    for piece in cut_rows(rows):
        readings = windows.matrix[piece[:, None] + windows.offsets]
        columns = [readings[:, -1]]
        for part in (readings, readings[:, -newest_part:]):
            columns += [part.mean(axis=1), part.min(axis=1), part.max(axis=1)]
        columns.append(encode_calendar(windows.timestamps[windows.find_targets(piece)]))
        pieces.append(np.concatenate(columns, axis=1))
    return np.concatenate(pieces)


def fit_boosting(windows: Windows) -> tuple["HistGradientBoostingRegressor", npt.NDArray[np.float64]]:
    """Fit trees on the training windows to the change from the newest reading to the target, for one horizon.

    Returns:
        the model, and its validation MAE after each number of trees, shape (trees,).

    Raises:
        RdropError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ModuleNotFoundError as error:
        message = f"gradient-boosting needs scikit-learn: {tell_extra('boosting')}"
        raise RdropError(message) from error
    rows = np.asarray(windows.train, np.int64)
    rows = rows[:: -(-len(rows) // MOST_TRAINING_WINDOWS)]
    model = HistGradientBoostingRegressor(max_iter=TREES, early_stopping=False, random_state=0)
    model.fit(summarise_windows(windows, rows), read_targets(windows, rows) - read_newest(windows, rows))
    summary = summarise_windows(windows, windows.validation)
    wanted = read_targets(windows, windows.validation) - read_newest(windows, windows.validation)
    return model, np.array([np.abs(change - wanted).mean() for change in model.staged_predict(summary)])
