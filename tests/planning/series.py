"""Series of which a plan needs only the stamps, the names of the columns, and the checksum."""

import numpy as np

from rdrop_cli.series.table import Series, Source


def make_series(
    rows: int,
    seconds: int,
    own_file: bool = False,
    columns: tuple[str, ...] = ("T (degC)", "p (mbar)"),
    name: str = "made",
    first: str = "2009-01-01",
) -> Series:
    """Return a series without readings that are worth anything."""
    stamps = np.datetime64(first, "s") + seconds * np.arange(rows)
    values = np.zeros((rows, len(columns)))
    return Series(stamps, columns, values, Source(name, "test", "abc", rows, None), "time" if own_file else "")
