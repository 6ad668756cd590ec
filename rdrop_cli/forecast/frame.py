"""Forecasts as a data frame, with the column names of Nixtla's libraries."""

from collections.abc import Sequence
from functools import reduce
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rdrop_cli.forecast.forecast import Forecast
from rdrop_cli.uncertainty.spread import INTERVALS, Parts, find_interval

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["unique_id", "cutoff", "ds", "y"]


def build_frame(forecasts: Sequence[Forecast]) -> "pd.DataFrame":
    """Return one row per target, in order of time; each network has its own columns, for all its origins.

    `unique_id` is the target's name, `cutoff` the time of the newest reading, `ds` the time of the target, and `y` the
    target if it is known. For a network `dropout`, further columns have the forecast, `dropout`, its intervals,
    `dropout-lo-80` and `dropout-hi-80`, and the standard deviation that each source adds, `dropout-sd-residual`. All
    are in the target's unit.
    """
    import pandas as pd

    frames = [
        pd.concat([_build_one(forecast) for forecast in of_network])
        for _, of_network in groupby(forecasts, key=lambda forecast: forecast.ensemble.label)
    ]
    merged: pd.DataFrame = reduce(lambda one, other: pd.merge(one, other, on=KEYS, how="outer"), frames)
    return merged.sort_values(KEYS[:3], kind="stable", ignore_index=True)


def _build_one(forecast: Forecast) -> "pd.DataFrame":
    import pandas as pd

    label, found, metrics = forecast.ensemble.label, forecast.distribution, forecast.ensemble.metrics
    mean, std = metrics.standardisation.target.mean if metrics.standardisation else 0.0, metrics.target_std
    steps = found.times.shape[1]
    columns = {
        "unique_id": np.full(found.times.size, metrics.protocol.target, object),
        "cutoff": np.repeat(found.origins, steps),
        "ds": found.times.ravel(),
        "y": round_as_float32(found.observed.ravel(), mean, std),
        label: round_as_float32(found.centre.ravel(), mean, std),
    }
    if found.quantiles is not None:
        ends = [(level, *find_interval(level)) for level in INTERVALS]
        quantiles = round_as_float32(found.quantiles, mean, std)
        for level, low, _ in reversed(ends):
            columns[f"{label}-lo-{level * 100:.0f}"] = quantiles[:, low].T.ravel()
        for level, _, high in ends:
            columns[f"{label}-hi-{level * 100:.0f}"] = quantiles[:, high].T.ravel()
    for source in Parts._fields:
        if getattr(forecast.sources, source):
            variances = np.stack([getattr(parts, source) for parts in found.parts], axis=1)
            columns[f"{label}-sd-{source}"] = round_as_float32(np.sqrt(variances).ravel(), 0.0, std)
    return pd.DataFrame(columns)


def round_as_float32(values: npt.NDArray[np.float64], mean: float, std: float) -> npt.NDArray[np.float64]:
    """Round values that were float32 when standardised to the decimals that float32 leaves: 55.9400005 becomes 55.94.

    Within one standard deviation of the mean there are as many decimals as at one: the difference from the mean is
    exact.
    """
    steps = np.spacing(np.maximum(np.abs((values - mean) / std), 1).astype(np.float32)) * std
    scales = 10.0 ** np.maximum(np.floor(-np.log10(steps)), 0)
    return np.asarray(np.rint(values * scales) / scales)
