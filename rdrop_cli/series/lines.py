"""Where in a file a row of a series stands."""

from itertools import islice
from pathlib import Path

from rdrop_cli.series.csv_cells import iterate_rows
from rdrop_cli.series.csv_header import SEPARATORS, read_header
from rdrop_cli.series.table import Series


def name_row(series: Series, row: int) -> str:
    """Return `line 17` for a row of a user's file; `row 15` for one of another series, or where the file is gone."""
    path = Path(series.source.origin)
    if not series.time_column or not path.is_file():
        return f"row {row}"
    _, separator = read_header(path, SEPARATORS)
    line = next((line for line, _ in islice(iterate_rows(path, separator), row, None)), None)
    return f"row {row}" if line is None else f"line {line}"
