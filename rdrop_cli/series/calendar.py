"""Calendar features: the hour of the day and the day of the year as points on a circle."""

import numpy as np
import numpy.typing as npt

CALENDAR = ("hour of day (sine)", "hour of day (cosine)", "day of year (sine)", "day of year (cosine)")


def encode_calendar(stamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float32]:
    """Return the time of day and of the year as points on a circle, on which 23:59 is next to 00:00.

    Returns:
        float32 of shape (row, 4), in the order of `CALENDAR`, within [-1, 1].
    """
    days, years = stamps.astype("datetime64[D]"), stamps.astype("datetime64[Y]")
    seconds = stamps.astype("datetime64[s]")
    of_day = (seconds - days) / np.timedelta64(1, "D")
    of_year = (seconds - years.astype("datetime64[s]")) / ((years + 1).astype("datetime64[s]") - years)
    angles = 2 * np.pi * np.stack([of_day, of_day, of_year, of_year], axis=1)
    return np.where([True, False, True, False], np.sin(angles), np.cos(angles)).astype(np.float32)
