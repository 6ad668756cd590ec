"""Forecasts as a data frame, with the columns that users of Nixtla's libraries know."""

from collections.abc import Sequence
from functools import reduce
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from rdrop_cli.forecast.forecast import Forecast
from rdrop_cli.uncertainty.spread import INTERVALS, Parts, find_interval

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["unique_id", "cutoff", "ds", "y"]


def build_frame(forecasts: Sequence[Forecast]) -> "pd.DataFrame":
    """Return a row for each target, in the order of time; each network has its columns, of all its origins.

    `unique_id` is the target's name, `cutoff` the time of the newest reading, `ds` that of the target, and `y` the
    target where it is known. Of a network `dropout` follow the forecast, `dropout`, its intervals, `dropout-lo-80` and
    `dropout-hi-80`, and by source the standard deviation that it adds, `dropout-sd-residual`. All are in the target's
    unit.
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

    label, found = forecast.ensemble.label, forecast.distribution
    steps = found.times.shape[1]
    columns = {
        "unique_id": np.full(found.times.size, forecast.ensemble.metrics.protocol.target, object),
        "cutoff": np.repeat(found.origins, steps),
        "ds": found.times.ravel(),
        "y": found.observed.ravel(),
        label: found.centre.ravel(),
    }
    if found.quantiles is not None:
        ends = [(level, *find_interval(level)) for level in INTERVALS]
        for level, low, _ in reversed(ends):
            columns[f"{label}-lo-{level * 100:.0f}"] = found.quantiles[:, low].T.ravel()
        for level, _, high in ends:
            columns[f"{label}-hi-{level * 100:.0f}"] = found.quantiles[:, high].T.ravel()
    for source in Parts._fields:
        if getattr(forecast.sources, source):
            variances = np.stack([getattr(parts, source) for parts in found.parts], axis=1)
            columns[f"{label}-sd-{source}"] = np.sqrt(variances).ravel()
    return pd.DataFrame(columns)
