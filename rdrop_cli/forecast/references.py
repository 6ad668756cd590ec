"""Reference forecasts with intervals, to compare networks with: naive and climatology."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rdrop_cli.forecast.data import Data
from rdrop_cli.forecast.intervals import choose_calibration
from rdrop_cli.forecast.moments import find_observed, find_times
from rdrop_cli.forecasters.seasonal import Climatology
from rdrop_cli.series.windows import Windows, read_newest
from rdrop_cli.uncertainty.calibration import Judged
from rdrop_cli.uncertainty.spread import find_quantiles, fit_noise

NAIVE, CLIMATOLOGY = "naive", "climatology"
Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def judge_references(data: Data, rows: Rows) -> dict[str, Judged]:
    """Forecast with the newest reading and the climatology of training, with intervals from validation errors."""
    forecasts: dict[str, Callable[[Windows, Rows], Values]] = {NAIVE: _forecast_naively}
    if data.climatology is not None:
        table = Climatology(data.climatology)
        forecasts[CLIMATOLOGY] = lambda windows, rows: table.look_up(find_times(windows, rows)) * windows.target_std
    if data.calibration is None:
        return {}
    chosen = choose_calibration(data.calibration)
    return {name: _judge_reference(data, chosen, rows, forecast) for name, forecast in forecasts.items()}


def _forecast_naively(windows: Windows, rows: Rows) -> Values:
    """Return the newest reading minus the mean, in the target's unit: shape (window, 1), the same for all steps."""
    return read_newest(windows, rows).reshape(len(rows), -1) * windows.target_std


def _judge_reference(data: Data, chosen: Rows, rows: Rows, forecast: Callable[[Windows, Rows], Values]) -> Judged:
    calibration, windows = data.calibration, data.windows
    assert calibration is not None
    observed, times = find_observed(windows, rows), find_times(windows, rows)
    of_validation, then = find_observed(calibration, chosen), forecast(calibration, chosen) + calibration.target_mean
    centre = np.broadcast_to(forecast(windows, rows) + windows.target_mean, observed.shape)
    then = np.broadcast_to(then, of_validation.shape)
    quantiles = []
    for step in range(observed.shape[1]):
        noise = fit_noise(then[None, None, None, :, step], of_validation[:, step])
        quantiles.append(find_quantiles(centre[None, None, None, :, step], noise))
    return Judged(
        centre=centre.ravel(),
        quantiles=np.stack(quantiles, axis=2).reshape(len(quantiles[0]), -1),
        observed=observed.ravel(),
        times=times.ravel(),
    )
