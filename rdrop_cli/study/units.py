"""Names of quantities and units, and the format of errors, counts, lengths of time, and timestamps."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# A month is a twelfth of the mean year: twelve months are a year, and no number of days is a month.
UNIT_SECONDS = {"y": 31_556_952, "mo": 2_629_746, "d": 86_400, "h": 3_600, "min": 60, "s": 1}

_QUANTITIES = {"T": "temperature"}
_UNITS = {"degC": "°C", "Deg C": "°C", "deg C": "°C", "℃": "°C", "C": "°C", "celsius": "°C", "pct": "%", "percent": "%"}
# A name that ends in an underscore and one of these has that unit: `load_MW`. Other endings may be part of the name.
_UNITS_AFTER_UNDERSCORE = (
    *("degC", "celsius", "K", "Pa", "hPa", "kPa", "mbar", "bar", "mm", "cm", "m", "km", "W", "kW", "MW", "GW"),
    *("Wh", "kWh", "MWh", "GWh", "J", "kJ", "MJ", "V", "kV", "A", "mA", "Hz", "ppm", "ppb", "pct", "percent"),
)
_NAME_AND_UNIT = re.compile(rf"(.+?)(?: \(([^()]+)\)| \[([^][]+)\]|_({'|'.join(_UNITS_AFTER_UNDERSCORE)}))")
_SYMBOLS = frozenset(
    (
        *_UNITS_AFTER_UNDERSCORE,
        *("%", "°", "°C", "℃", "°F", "degF", "deg", "degT", "degrees", "C", "F", "kelvin", "fahrenheit", "rad"),
        *(
            "atm",
            "mb",
            "µm",
            "μm",
            "in",
            "inch",
            "ft",
            "mi",
            "sq",
            "kt",
            "kts",
            "kn",
            "knots",
            "mph",
            "mps",
            "kmh",
            "kph",
        ),
        *("s", "sec", "min", "mn", "h", "hr", "d", "dy", "day", "mo", "yr", "year"),
        *("g", "kg", "mg", "µg", "μg", "ug", "t", "l", "L", "ml", "mol", "mmol", "µmol", "μmol", "umol", "m2", "m3"),
        *("mW", "VA", "kVA", "var", "kvar", "mV", "dB", "N", "rpm", "lx", "lux", "klux", "ppt", "psu", "NTU"),
        *("EUR", "USD", "GBP", "€", "$", "£", "ct"),
    )
)
_LONG_SYMBOLS = frozenset(symbol.lower() for symbol in _SYMBOLS if len(symbol) > 2)


def name_target(column: str) -> tuple[str, str]:
    """Return the quantity and the unit in a column's name: `T (degC)` is ("temperature", "°C").

    `load [MW]`, `load_MW` and `load, MW` also have a unit. The unit is empty if the name ends in none, such as `price`.
    """
    match = _NAME_AND_UNIT.fullmatch(column)
    quantity, _, unit = column.rpartition(", ")
    if match:
        quantity, unit = match[1], match[2] or match[3] or match[4]
    elif not (quantity and is_unit(unit)):
        return column, ""
    return _QUANTITIES.get(quantity, quantity), _UNITS.get(unit, unit)


def is_unit(text: str) -> bool:
    """Return whether a text is a known unit: `W/m^2`, `Deg C` and `µg m-3` are, `Avg` is not."""
    whole = re.sub(r"(?i)\bdeg(?:rees?)?\.? (?=[cf]\b)", "deg", text).replace("**", "^")
    bare = [re.sub(r"\^?[-−⁻]?[\d²³⁻¹]+$", "", part) for part in re.split(r"[\s/*·]", whole)]
    parts = [part for part in bare if part.strip("0123456789")]
    return bool(parts) and all(p in _SYMBOLS or p.lower() in _LONG_SYMBOLS for p in parts)


def format_error(error: float, unit: str) -> str:
    """Render an error in the target's unit, which may be empty: `2.35 °C`, `2607 MW`; small ones with three digits."""
    digits = f"{error:.0f}" if abs(error) >= 1000 else format_reading(error)
    return f"{digits} {unit}".rstrip()


def format_reading(value: float) -> str:
    """Render a number in the target's unit with two places, a small one with three digits: `15321.40`, `5.12e-13`."""
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"


def format_digits(value: float, digits: int) -> str:
    """Render a number with `digits` significant digits and, if possible, without an exponent: `0.41`, `100`."""
    return f"{float(f'{value:.{digits}g}'):g}"


def format_count(count: int, noun: str) -> str:
    """Render a count with a noun that has a regular plural: `1 run`, `3 runs`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def format_seconds(seconds: float) -> str:
    """Render a duration in the largest unit that divides it, with one day as hours: `10 min`, `24 h`, `7 d`."""
    if seconds != round(seconds):
        return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
    whole = round(seconds)
    unit = next(unit for unit, length in UNIT_SECONDS.items() if (whole and not whole % length) or unit == "s")
    return "24 h" if whole == UNIT_SECONDS["d"] else f"{whole // UNIT_SECONDS[unit]} {unit}"


STAMP = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?"  # as users and `format_stamp` write it


def format_stamp(stamp: "np.datetime64") -> str:
    """Render a timestamp to the minute, or to the second if it has seconds: `2014-01-01 00:10`."""
    text = str(stamp).replace("T", " ")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0')}" if fraction.strip("0") else whole.removesuffix(":00")
