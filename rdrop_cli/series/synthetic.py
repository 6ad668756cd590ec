"""Synthetic weather that needs no download: a small stochastic climate model of the Jena station.

Red noise drives pressure, flow, cloud and moisture, and temperature integrates their effects (Hasselmann 1976,
"Stochastic climate models", Tellus 28). It responds with a delay, through advection and radiation, so the other columns
predict part of tomorrow's temperature, but far from all. The coefficients, plain numbers in the formulas, are fitted to
the station's readings of 2009 to 2016: to means and spreads, memory over days, and the daily cycle of each month.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rdrop_cli.errors import UsageError
from rdrop_cli.series.table import WEATHER_COLUMNS

Array = NDArray[np.float64]  # of shape (row,) unless said otherwise

NEW_YEAR = np.datetime64("2009-01-01T00:00:00", "s")
ROW_SECONDS = 600
ROW_HOURS = ROW_SECONDS / 3600
MAX_ROWS = 420_551  # as long as the station's table
SPIN_UP_ROWS = 60 * 144  # two months, after which the filters have forgotten their start at zero

LATITUDE_DEG = 50.9
SOLAR_NOON_HOUR = 12.23  # at 11.6 degrees east, in the Central European Time of the stamps
DAYS_PER_YEAR = 365.2425

MEMORY_HOURS = {  # the random processes, with their e-folding times
    "pressure": 60.0,
    "westerly": 30.0,
    "southerly": 30.0,
    "regime": 200.0,
    "cloud": 20.0,
    "moisture": 30.0,
    "mesoscale": 8.0,
    "gustiness": 4.0,
    "eddy_east": 1.0,
    "eddy_north": 1.0,
    "squall": 0.3,
}
PRESSURE_SMOOTHING_HOURS = 6.0
AIR_MASS_HOURS = 40.0  # in which an air mass takes on the climate of its new place
GROUND_HOURS = 3.0  # in which the air near the ground follows radiation: the warmest hour is near 15:00
MIXING_HOURS = 2.0  # in which sunshine stirs the air


class Calendar(NamedTuple):
    """Quantities that depend only on the date and the hour."""

    winter: Array  # +1 in the middle of January, -1 in the middle of July
    climate_degc: Array  # the air mass of an average day, before radiation
    sun: Array  # cosine of the sun's zenith angle, 0 at night


def generate_weather(seed: int, rows: int = 105_120) -> tuple[NDArray[np.datetime64], Array]:
    """Generate weather in ten-minute steps, starting at 2009-01-01 00:10:00.

    A pure function of its arguments; a shorter series is the beginning of a longer one with the same seed.

    Args:
        seed: of the random processes; 0 or more.
        rows: the length, at most 420,551; 105,120 are two years.

    Returns:
        Timestamps, datetime64[s] of shape (row,), and values of shape (row, column). The columns and their units are
        `WEATHER_COLUMNS`; values have two decimals, as in the station's data.

    Raises:
        UsageError: the seed is negative or not an integer, or the length is not an integer from 1 to 420,551.
    """
    _check("seed", seed, least=0)
    _check("rows", rows, least=1, most=MAX_ROWS)
    stamps = NEW_YEAR + ROW_SECONDS * np.arange(1 - SPIN_UP_ROWS, rows + 1)
    calendar = _read_calendar(stamps)
    noise = _draw_red_noise(seed, stamps.size)

    pressure, tendency = _pass_highs_and_lows(noise)
    east, north = _drive_flow(pressure, tendency, noise)
    cloud = _cover_sky(pressure, calendar, noise)
    air_mass = _advect(east, north, calendar, noise)
    ground, layer = _radiate(cloud, calendar)
    temperature = calendar.climate_degc + air_mass + layer + ground + 1.1 * noise["mesoscale"]
    dew_point = _moisten(temperature, air_mass, layer, cloud, calendar, noise)

    table = {
        **_derive_moist_air(989.2 + (8.1 + 2.9 * calendar.winter) * pressure, temperature, dew_point),
        **_measure_wind(east, north, calendar, noise),
    }
    values = np.column_stack([table[name][SPIN_UP_ROWS:] for name in WEATHER_COLUMNS]).round(2)
    return stamps[SPIN_UP_ROWS:], values + 0.0  # adding zero turns -0.0 into 0.0


def _check(name: str, value: int, least: int, most: int | None = None) -> None:
    """Check that a value is an integer within the bounds."""
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_integer or value < least or (most is not None and value > most):
        bounds = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise UsageError(f"synthetic weather: {name} has to be an integer {bounds}, received {value!r}")


def _read_calendar(stamps: NDArray[np.datetime64]) -> Calendar:
    """Compute seasons and the sun: cos(zenith) = sin(lat) sin(dec) + cos(lat) cos(dec) cos(hour angle)."""
    day = (stamps - NEW_YEAR).astype(np.float64) / 86_400

    def wave_of_year(peak_day: float) -> Array:
        return np.asarray(np.cos(2 * np.pi * (day - peak_day) / DAYS_PER_YEAR))

    latitude = np.radians(LATITUDE_DEG)
    declination = -np.radians(23.44) * wave_of_year(-10)  # the winter solstice, ten days before the new year
    hour_angle = 2 * np.pi * (day - SOLAR_NOON_HOUR / 24)
    sun = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    return Calendar(wave_of_year(17), 8.4 - 5.4 * wave_of_year(32), np.maximum(sun, 0))


def _draw_red_noise(seed: int, size: int) -> dict[str, Array]:
    """Draw an AR(1) process of unit variance for each entry of `MEMORY_HOURS`, from a random stream of its own."""
    streams = np.random.SeedSequence(int(seed)).spawn(len(MEMORY_HOURS))
    red = {}
    for (name, hours), stream in zip(MEMORY_HOURS.items(), streams, strict=True):
        keep = np.exp(-ROW_HOURS / hours)
        white = np.random.default_rng(stream).standard_normal(size)
        red[name] = _relax(white, hours) * np.sqrt((1 + keep) / (1 - keep))
    return red


def _relax(forcing: Array, hours: float) -> Array:
    """Solve dy/dt = (forcing - y) / hours from y = 0 on, exactly for a forcing that is constant over each row."""
    from scipy.signal import lfilter

    keep = np.exp(-ROW_HOURS / hours)
    return np.asarray(lfilter([1 - keep], [1, -keep], forcing))


def _pass_highs_and_lows(noise: dict[str, Array]) -> tuple[Array, Array]:
    """Return the pressure anomaly and its tendency, both of unit variance: red noise, smoothed once more."""
    memory, smoothing = MEMORY_HOURS["pressure"], PRESSURE_SMOOTHING_HOURS
    pressure = _relax(noise["pressure"], smoothing) * np.sqrt(1 + smoothing / memory)
    tendency = np.diff(pressure, prepend=0.0) / ROW_HOURS * np.sqrt(memory * smoothing)
    return pressure - 0.07 * (pressure**2 - 1), tendency  # lows run deeper than highs rise


def _drive_flow(pressure: Array, tendency: Array, noise: dict[str, Array]) -> tuple[Array, Array]:
    """Return the eastward and northward flow above the ground, in units of its spread.

    Lows come from the west. Ahead of one the pressure falls and the geostrophic wind is southerly; behind it the
    pressure rises and the wind is northerly. Low pressure goes with strong westerlies.
    """
    east = 0.7 - 0.35 * pressure + 0.9 * noise["westerly"]
    north = 0.3 - 0.65 * tendency + 0.7 * noise["southerly"]
    return east, north


def _cover_sky(pressure: Array, calendar: Calendar, noise: dict[str, Array]) -> Array:
    """Return the cloud cover, 0 to 1: higher in lows and in winter, and seldom near 0.5."""
    from scipy.special import ndtr

    return np.asarray(ndtr(0.3 + 0.3 * calendar.winter - 0.8 * pressure + 1.6 * noise["cloud"]))


def _advect(east: Array, north: Array, calendar: Calendar, noise: dict[str, Array]) -> Array:
    """Return the difference between the air mass and the climate, in degC.

    South wind warms; west wind, from the ocean, warms in winter and cools in summer. A regime that lasts for about a
    week is added.
    """
    warming = 5.5 * (north - 0.3) + (0.5 + 3.5 * calendar.winter) * (east - 0.7)
    return (1 + 0.07 * calendar.winter) * (_relax(warming, AIR_MASS_HOURS) + 2.2 * noise["regime"])


def _radiate(cloud: Array, calendar: Calendar) -> tuple[Array, Array]:
    """Return the effect of solar and thermal radiation, in degC, on the air near the ground and the layer above it.

    Clouds dampen both. The morning sun warms a shallow layer and the noon sun a deep one: hence the power below one.
    """
    balance = calendar.sun**0.6 * (1 - 0.8 * cloud) - 0.25 * (1 - 0.85 * cloud)
    return 18 * _relax(balance, GROUND_HOURS), 26 * _relax(balance, AIR_MASS_HOURS)


def _moisten(
    temperature: Array, air_mass: Array, layer: Array, cloud: Array, calendar: Calendar, noise: dict[str, Array]
) -> Array:
    """Return the dew point in degC: it moves with the air mass, and dew and fog keep it below the temperature."""
    carried = calendar.climate_degc + 0.85 * air_mass + 0.5 * layer
    carried += 3 * (cloud - 0.5) - 3.4 - 0.4 * calendar.winter + 2.3 * noise["moisture"]
    return temperature - 1.5 * np.logaddexp(0, (temperature - carried) / 1.5)


def _measure_wind(east: Array, north: Array, calendar: Calendar, noise: dict[str, Array]) -> dict[str, Array]:
    """Return wind and gust in m/s and the direction the wind comes from in degrees, as measured at the mast.

    By day, mixing brings the flow down to the mast; at night the air at the mast is calmer.
    """
    stirred = _relax(calendar.sun, MIXING_HOURS)
    east, north = east + 0.3 * noise["eddy_east"], north + 0.3 * noise["eddy_north"]
    coupling = 1.08 + 0.4 * calendar.winter + 0.9 * stirred
    wind = (coupling * np.hypot(east, north) + 0.9 * stirred) * np.exp(0.35 * noise["gustiness"])
    squall = np.abs(noise["squall"])
    return {
        "wv (m/s)": wind,
        "max. wv (m/s)": wind * (1.5 + 0.1 * squall) + 0.2 * squall,
        "wd (deg)": np.degrees(np.arctan2(-east, -north)).round(2) % 360,  # rounded first: 359.999 is 0, not 360
    }


def _derive_moist_air(millibar: Array, temperature: Array, dew_point: Array) -> dict[str, Array]:
    """Return the columns that follow from pressure, temperature and dew point.

    With vapour pressure e: rho = (p - 0.378 e) / (287.05 J/(kg K) T), the ideal gas law of moist air, and Poisson's
    equation for the potential temperature, Tpot = T (1000 mbar / p)^0.286.
    """
    kelvin = temperature + 273.15
    saturated, vapour = _saturate(temperature), _saturate(dew_point)
    weight = millibar - 0.378 * vapour
    return {
        "p (mbar)": millibar,
        "T (degC)": temperature,
        "Tpot (K)": kelvin * (1000 / millibar) ** 0.286,
        "Tdew (degC)": dew_point,
        "rh (%)": 100 * vapour / saturated,
        "VPmax (mbar)": saturated,
        "VPact (mbar)": vapour,
        "VPdef (mbar)": saturated - vapour,
        "sh (g/kg)": 622 * vapour / weight,
        "H2OC (mmol/mol)": 1000 * vapour / millibar,
        "rho (g/m**3)": 1000 * 100 * weight / (287.05 * kelvin),
    }


def _saturate(celsius: Array) -> Array:
    """Return the saturation vapour pressure over water in mbar (Magnus formula, coefficients of Sonntag 1990)."""
    return np.asarray(6.112 * np.exp(17.62 * celsius / (243.12 + celsius)))
