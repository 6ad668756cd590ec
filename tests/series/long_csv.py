"""Write a long CSV, to measure what reading it takes: `python -m tests.series.long_csv MEGABYTES FILE`.

It has the columns of the weather in Jena, one row a second, and its values repeat.
"""

import sys
from pathlib import Path

import numpy as np

from rdrop_cli.series.table import WEATHER_COLUMNS

ROWS_AT_ONCE = 100_000


def write_long_csv(path: Path, size_bytes: int) -> None:
    """Write at least so many bytes."""
    rng = np.random.default_rng(0)
    readings = [",".join(f"{value:.2f}" for value in row) for row in rng.normal(9, 8, (1009, len(WEATHER_COLUMNS)))]
    first = np.datetime64("1990-01-01T00:00:00", "s")
    with path.open("w") as file:
        file.write(",".join(f'"{name}"' for name in ("Date Time", *WEATHER_COLUMNS)) + "\n")
        while file.tell() < size_bytes:
            stamps = (first + np.arange(ROWS_AT_ONCE)).astype(str).tolist()
            first += ROWS_AT_ONCE
            rows = (f"{stamp},{readings[row % len(readings)]}\n" for row, stamp in enumerate(stamps))
            file.writelines(rows)


if __name__ == "__main__":
    write_long_csv(Path(sys.argv[2]), int(sys.argv[1]) * 1_000_000)
