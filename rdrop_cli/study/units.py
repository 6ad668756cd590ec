"""What is predicted, in words."""

import re

_QUANTITIES = {"T": "temperature"}
_UNITS = {"degC": "°C", "C": "°C", "celsius": "°C", "pct": "%", "percent": "%"}
# A name that ends in one of these after an underscore tells its unit: `load_MW`. Others might be part of the name.
_UNITS_AFTER_UNDERSCORE = (
    *("degC", "celsius", "K", "Pa", "hPa", "kPa", "mbar", "bar", "mm", "cm", "m", "km", "W", "kW", "MW", "GW"),
    *("Wh", "kWh", "MWh", "GWh", "J", "kJ", "MJ", "V", "kV", "A", "mA", "Hz", "ppm", "ppb", "pct", "percent"),
)
_NAME_AND_UNIT = re.compile(rf"(.+?)(?: \(([^()]+)\)| \[([^][]+)\]|_({'|'.join(_UNITS_AFTER_UNDERSCORE)}))")


def name_target(column: str) -> tuple[str, str]:
    """Return the quantity and the unit that a column's name tells: `T (degC)` is ("temperature", "°C").

    So do `load [MW]` and `load_MW`. The unit is empty where the name does not end in one, as `price` does not.
    """
    match = _NAME_AND_UNIT.fullmatch(column)
    if not match:
        return column, ""
    quantity, unit = match[1], match[2] or match[3] or match[4]
    return _QUANTITIES.get(quantity, quantity), _UNITS.get(unit, unit)


def format_error(error: float, unit: str) -> str:
    """Render an error in the target's unit, which may be none: `2.35 °C`, `2607 MW`; small ones with three digits."""
    places = 0 if abs(error) >= 1000 else 2
    digits = f"{error:.{places}f}" if abs(error) >= 0.1 or error == 0 else f"{error:.3g}"
    return f"{digits} {unit}".rstrip()
