"""Forecast errors: those of the naive forecast, and the means of any errors by day and by horizon."""

import numpy as np
import numpy.typing as npt

from rdrop_cli.series.windows import Windows, read_newest, read_targets


def measure_naive_mae(windows: Windows, rows: npt.NDArray[np.int64] | range) -> float:
    """Return the standardised MAE of the naive forecast, the newest reading of a window (book, 6.3.2)."""
    return float(find_naive_errors(windows, rows).mean())


def find_naive_errors(windows: Windows, rows: npt.NDArray[np.int64] | range) -> npt.NDArray[np.float64]:
    """Return the standardised absolute errors of the naive forecast: (window,) or (window, horizon)."""
    return np.abs(read_targets(windows, rows) - read_newest(windows, rows))


def average_by_day(
    windows: Windows, rows: npt.NDArray[np.int64] | range, errors: npt.NDArray[np.float32]
) -> list[tuple[str, int, float]]:
    """Return (ISO day, number of targets, mean error) per calendar day, for the windows that end before `rows`."""
    targets = windows.timestamps[windows.find_targets(rows)].ravel()
    days, position, counts = np.unique(targets.astype("datetime64[D]"), return_inverse=True, return_counts=True)
    sums = np.bincount(position, weights=errors.astype(np.float64).ravel())
    return [(str(day), int(n), float(total / n)) for day, n, total in zip(days, counts, sums, strict=True)]


def average_by_horizon(errors: npt.NDArray[np.floating]) -> list[float]:
    """Return the mean error at each horizon for errors (window, horizon), or an empty list for errors (window,)."""
    means: list[float] = errors.mean(axis=0, dtype=np.float64).tolist() if errors.ndim > 1 else []
    return means
