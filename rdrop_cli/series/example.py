"""A synthetic series of hourly electricity load for the commands in the documentation; it is written in a second.

The load is computed from synthetic temperature, the hour, the day of the week, and red noise.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import UsageError
from rdrop_cli.files import replace_atomically
from rdrop_cli.series.synthetic import generate_weather
from rdrop_cli.series.table import WEATHER_COLUMNS

SEED = 12
DAYS = 730
ROWS_PER_HOUR = 6
COMFORT_DEGC = 16.0  # houses are heated below it, and cooled from 5 °C above it
NOISE_MEMORY_HOURS = 12.0


def write_example(path: Path, replace: bool = False) -> int:
    """Write two years of `utc,region,load_MW,T (degC),wind (m/s)`, always the same bytes; return the number of rows.

    Another file is only replaced if the caller says so.

    Raises:
        UsageError: there is another file.
        OSError: the file cannot be written.
    """
    timestamps, weather = generate_weather(SEED, 24 * DAYS * ROWS_PER_HOUR)
    hours = timestamps[::ROWS_PER_HOUR] - np.timedelta64(600, "s")
    degc, wind = (_average_hours(weather[:, WEATHER_COLUMNS.index(name)]) for name in ("T (degC)", "wv (m/s)"))
    lines = [
        f"{str(hour).replace('T', ' ')},made,{mw:.0f},{t:.1f},{speed:.1f}"
        for hour, mw, t, speed in zip(hours, _make_load(hours, degc), degc, wind, strict=True)
    ]
    text = "\n".join(["utc,region,load_MW,T (degC),wind (m/s)", *lines, ""]).encode()
    if path.is_file() and not replace and path.read_bytes() != text:
        raise UsageError(f"{path} exists and is not the example; name another file", field="example")
    with replace_atomically(path) as temporary:
        temporary.write_bytes(text)
    return len(lines)


def _average_hours(readings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    means: npt.NDArray[np.float64] = readings.reshape(-1, ROWS_PER_HOUR).mean(axis=1)
    return means


def _make_load(hours: npt.NDArray[np.datetime64], degc: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the load in MW at each hour."""
    of_day = (hours - hours.astype("datetime64[D]")) / np.timedelta64(1, "h")
    weekend = ~np.is_busday(hours.astype("datetime64[D]"))
    daily = 6000 * np.sin(2 * np.pi * (of_day - 9) / 24) + 2500 * np.sin(4 * np.pi * (of_day - 6) / 24)
    weather = 420 * np.maximum(COMFORT_DEGC - degc, 0) + 300 * np.maximum(degc - COMFORT_DEGC - 5, 0)
    keep = np.exp(-1 / NOISE_MEMORY_HOURS)
    noise = np.zeros(len(hours))
    for row, shock in enumerate(np.random.default_rng(SEED).normal(0, 500, len(hours) - 1), start=1):
        noise[row] = keep * noise[row - 1] + shock
    load: npt.NDArray[np.float64] = 42_000 + daily * np.where(weekend, 0.6, 1) - 5000 * weekend + weather + noise
    return load
