"""Find the header of a file, and name its columns."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import count

from rdrop_cli.errors import UsageError, suggest
from rdrop_cli.series.csv.numbers import is_missing, is_number
from rdrop_cli.series.csv.time_formats import TIME_OF_DAY, find_format
from rdrop_cli.study.units import is_unit

UNNAMED = "unnamed"  # the first column of a table that pandas wrote with an unnamed index
SHOWN_COLUMNS = 6
MOST_HEADER_ROWS = 3
# Placeholders for the unit of a timestamp, and of a record number in files of Campbell's loggers.
TIME_UNITS = frozenset(("TS", "RN", "YYYY", "MM", "DD", "HH", "hh", "mm"))
_WIDTH = re.compile(r"\d+[snd]")  # column widths, which the U.S. Geological Survey writes below names
Row = list[str]


def find_width(rows: Sequence[Row]) -> int:
    """Return the usual number of cells in the last rows, which hold readings."""
    widths = Counter(len(row) for row in rows[-1000:] if not _is_empty(row))
    return widths.most_common(1)[0][0] if widths else 0


def fit_row(row: Row, width: int) -> Row:
    """Return the first `width` cells of a row, padded with empty cells if it has fewer."""
    return row[:width] + [""] * (width - len(row))


def find_header(rows: Sequence[Row], start: int, width: int) -> tuple[int, list[Row]]:
    """Return the index of the first row of readings, and the header rows above it."""
    full = [fit_row(row, width) for row in rows[start:] if width - 1 <= len(row) and not _is_empty(row)][-200:]
    usual = [_find_usual_kind(column) for column in zip(*full, strict=True)]
    readings = (n for n in range(start, len(rows)) if len(rows[n]) >= width - 1 and _is_reading(rows[n], usual))
    first = next((n for n in readings if not _is_followed_by_a_header(rows, n)), len(rows))
    while first - 1 > start and _is_damaged_reading(rows[first - 1], usual, rows[first - 2]):
        first -= 1
    header: list[Row] = []
    has_names = False
    for number in range(first - 1, max(start, first - MOST_HEADER_ROWS) - 1, -1):
        row = rows[number]
        filled = sum(bool(cell.strip()) for cell in row)
        if len(row) < max(2, width - 1) or filled < (max(2, width / 2) if has_names else 1):
            break
        header.insert(0, row)
        has_names = has_names or filled > 1  # a row of one cell holds units, or the name of an index
    return first, header if has_names else []


def _is_followed_by_a_header(rows: Sequence[Row], first: int) -> bool:
    """Return whether an empty row and a row of names follow the row, as below the description of a station."""
    if first + 1 >= len(rows) or not _is_empty(rows[first + 1]):
        return False
    below = next((row for row in rows[first + 1 :] if not _is_empty(row)), [])
    return sum(bool(cell.strip()) for cell in below) > 1 and not any(map(_kind_of, below))


def _is_empty(row: Row) -> bool:
    return not any(cell.strip() for cell in row)


def _is_reading(row: Row, usual: list[str]) -> bool:
    """Return whether a row holds readings: numbers and timestamps in their usual columns."""
    pairs = [(cell, kind) for cell, kind in zip(row, usual, strict=False) if kind and not is_missing(cell)]
    return bool(pairs) and all(_kind_of(cell) == kind for cell, kind in pairs)


def _is_damaged_reading(row: Row, usual: list[str], above: Row) -> bool:
    """Return whether a row above the readings is a reading with a word or without its timestamp, not a header row.

    Numbers, such as heights, belong to the header if the names above them are repeated. A timestamp never does.
    """
    if any(kind == "time" == _kind_of(cell) for cell, kind in zip(row, usual, strict=False)):
        return True
    numbers = [cell for cell, kind in zip(row, usual, strict=False) if kind == "number"]
    names = [name for name in above if name.strip()]
    return bool(numbers) and all(map(is_number, numbers)) and len(set(names)) == len(names)


def _find_usual_kind(column: Sequence[str]) -> str:
    """Return the kind of most cells, disregarding some for the header: `number`, `time`, or empty for neither."""
    kinds = Counter(_kind_of(cell) for cell in column if not is_missing(cell))
    below = max(1, kinds.total() - MOST_HEADER_ROWS)
    return next((kind for kind in ("time", "number") if kinds[kind] > below / 2 or kinds[kind] == below), "")


def _kind_of(cell: str) -> str:
    if is_number(cell):
        return "number"
    return "time" if _looks_like_timestamp(cell) or TIME_OF_DAY.fullmatch(cell.strip()) else ""


def _looks_like_timestamp(cell: str) -> bool:
    return find_format(cell) is not None and not re.fullmatch(r"\d{1,8}", cell.strip())


def name_columns(header: list[Row], width: int) -> tuple[list[str], list[str]]:
    """Return distinct printable names, and notes on how they were made."""
    notes = []
    if not header:
        return [f"column {number}" for number in range(1, width + 1)], ["no header: columns are named by their number"]
    rows = [[" ".join(cell.splitlines()).strip().lstrip("\ufeff") for cell in row] for row in header]
    if len(rows[0]) == width - 1:  # R writes no name above the names of rows
        rows = [["", *row] for row in rows]
    rows = [[re.sub(r"^#+\s*", "", row[0]), *row[1:]] for row in (fit_row(row, width) for row in rows)]
    names = join_names(rows)
    if len(rows) > 1:
        notes.append(f"header: {len(rows)} rows, joined")
    if names[0] == "" or re.fullmatch(r"Unnamed: 0", names[0]):
        names[0] = UNNAMED
    names = [name or f"{UNNAMED} {number}" for number, name in enumerate(names, start=1)]
    names = ["".join(c if c.isprintable() else "?" for c in name) for name in names]
    taken, seen = set(names), set[str]()
    distinct: list[str] = []
    repeated: list[str] = []
    for name in names:
        chosen = name
        if name in seen:
            repeated.append(name)
            chosen = next(other for other in (f"{name}.{n}" for n in count(2)) if other not in taken)
        seen.add(name)
        taken.add(chosen)
        distinct.append(chosen)
    if repeated:
        notes.append(f"repeated names: {list_names(repeated)}; numbered")
    return distinct, notes


def join_names(rows: Sequence[Row]) -> list[str]:
    """Return the name of each column from its cells in the header rows, of which some may hold units."""
    below = [row for row in rows[1:] if not all(_WIDTH.fullmatch(cell) for cell in row)]
    of_names, of_units = [[row for row in below if _holds_units(row) is holds] for holds in (False, True)]
    names = [" ".join(_drop_repeated(cells)) for cells in zip(rows[0], *of_names, strict=True)]
    for units in of_units:
        names = [_add_unit(name, unit) for name, unit in zip(names, units, strict=True)]
    return names


def _holds_units(row: Row) -> bool:
    """Return whether a header row holds units, and not further names."""
    cells = [cell for cell in row if cell and cell != "-"]
    return sum(is_unit(cell) or cell[0] in "([" or cell in TIME_UNITS for cell in cells) >= len(cells) / 2


def _drop_repeated(cells: Sequence[str]) -> list[str]:
    """Return the names of a column from top to bottom, without those that repeat the end of the one above.

    For example, `Avg` below `T_Avg` is dropped. A dash means no name, unless the column has no other.
    """
    filled = [cell for cell in cells if cell]
    names = list[str]()
    for cell in [cell for cell in filled if cell != "-"] or filled[:1]:
        if not (names and names[-1].endswith(cell)):
            names.append(cell)
    return names


def _add_unit(name: str, unit: str) -> str:
    unit = unit.strip("()[] ")
    return f"{name} ({unit})" if name and unit and unit not in ("-", name) else name or unit


def find_column(label: str, names: Sequence[str], wanted: str, option: str) -> int:
    """Return the index of a column that an option names.

    Raises:
        UsageError: there is no such column; names the nearest.
    """
    if wanted in names:
        return names.index(wanted)
    hint = suggest(wanted, names, f"it has {list_names(names)}")
    raise UsageError(f"{label} has no column {wanted!r}; {hint}", field=option)


def list_names(names: Sequence[str]) -> str:
    """List the first few names."""
    more = f" and {len(names) - SHOWN_COLUMNS} more" if len(names) > SHOWN_COLUMNS else ""
    return ", ".join(name[:40] for name in names[:SHOWN_COLUMNS]) + more
