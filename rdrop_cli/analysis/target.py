"""What is predicted, in words."""

_QUANTITIES = {"T": "temperature"}
_UNITS = {"degC": "°C"}


def name_target(column: str) -> tuple[str, str]:
    """Return the quantity and the unit that a column's name tells: `T (degC)` is ("temperature", "°C").

    The unit is empty where the name does not end in one, as `price` does not.
    """
    quantity, separator, unit = column.removesuffix(")").rpartition(" (")
    if not separator or not column.endswith(")"):
        return column, ""
    return _QUANTITIES.get(quantity, quantity), _UNITS.get(unit, unit)
