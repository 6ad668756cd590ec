"""Files in the form of the published one, with few rows of generated weather."""

import zipfile
from pathlib import Path

from rdrop_cli.series.synthetic import generate_weather
from rdrop_cli.series.table import WEATHER_COLUMNS

ROWS = 300


def weather_csv(rows: int = ROWS, columns: tuple[str, ...] = WEATHER_COLUMNS, skip: int = 0) -> bytes:
    """Write generated weather as the station's file has it; `skip` leaves out first rows."""
    stamps, values = generate_weather(0, rows + skip)
    order = [WEATHER_COLUMNS.index(name) for name in columns]
    lines = [",".join(f'"{name}"' for name in ("Date Time", *columns))]
    for stamp, row in zip(stamps[skip:].tolist(), values[skip:, order].tolist(), strict=True):
        lines.append(",".join([f"{stamp:%d.%m.%Y %H:%M:%S}", *(f"{reading:.2f}" for reading in row)]))
    return "\n".join([*lines, ""]).encode()


def pack(path: Path, content: bytes) -> Path:
    """Zip a CSV as the published archive does."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("jena_climate_2009_2016.csv", content)
    return path
