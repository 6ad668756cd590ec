"""Determine how a file writes numbers: from complete columns and the file, never from a single cell."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

from rdrop_cli.errors import DataError
from rdrop_cli.study.units import is_unit

MISSING = frozenset(
    ("", "NA", "N/A", "n/a", "null", "NULL", "None", "#N/A", "#NA", "<NA>", "\\N", "(null)", "-", "--", "---", "?")
)  # and NaN in upper or lower case
_EXPONENT = r"(?:[eEdD][+-]?\d+)?"  # Fortran writes double precision as 1.5D+01
_GROUPS = r"\d{1,3}(?:[ '\u00a0\u202f]\d{3})*"
# What a number shows about point and comma; the first pattern that matches counts.
_EVIDENCE = {
    "plain": re.compile(rf"[+-]?\d+{_EXPONENT}"),
    "either .": re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}"),
    "either ,": re.compile(r"[+-]?[1-9]\d{0,2},\d{3}"),
    "point": re.compile(rf"[+-]?(?:(?:\d+|{_GROUPS}|\d{{1,3}}(?:,\d{{3}})*)\.\d*|\.\d+){_EXPONENT}"),
    "comma": re.compile(rf"[+-]?(?:(?:\d+|{_GROUPS}|\d{{1,3}}(?:\.\d{{3}})*),\d*|,\d+){_EXPONENT}"),
    "point, grouped": re.compile(r"[+-]?\d{1,3}(?:,\d{3}){2,}"),
    "comma, grouped": re.compile(r"[+-]?\d{1,3}(?:\.\d{3}){2,}"),
    "grouped": re.compile(rf"[+-]?{_GROUPS}"),
}
_STRICT = {
    ".": re.compile(rf"[+-]?(?:(?:\d+|{_GROUPS}|\d{{1,3}}(?:,\d{{3}})+)(?:\.\d*)?|\.\d+){_EXPONENT}"),
    ",": re.compile(rf"[+-]?(?:(?:\d+|{_GROUPS}|\d{{1,3}}(?:\.\d{{3}})+)(?:,\d*)?|,\d+){_EXPONENT}"),
}
# The decimal mark of numbers that can be read in one way only.
_CLEAR_MARKS = {"plain": ".", "point": ".", "comma": ","}
_WITH_UNIT = re.compile(r"([+-]?)([$€£]?)\s*([+-]?[\d.,](?:[\d.,' \u00a0\u202f]*[\d.,])?(?:[eEdD][+-]?\d+)?)\s*(\D*)")
_GROUP_MARKS = str.maketrans("", "", " '\u00a0\u202f")
_FORTRAN = str.maketrans("dD", "ee")


def is_missing(cell: str) -> bool:
    """Return whether a cell stands for a missing reading."""
    return cell in MISSING or cell.strip() in MISSING or cell.strip().lower() in ("nan", "+nan", "-nan")


def stands_for_nothing(cell: str, missing: tuple[str, ...]) -> bool:
    """Return whether a cell is missing, or one of the texts or numbers that the user says stand for no reading.

    A number is compared by the decimal mark that it shows itself: a logger may write -999.90 among decimal commas. One
    that can be read in two ways is compared as text.
    """
    if not missing or is_missing(cell):
        return is_missing(cell)
    text = cell.strip()
    mark = _CLEAR_MARKS.get(classify(text) or "")
    return text in missing or (mark is not None and parse_number(text, mark) in list_numbers(missing))


@lru_cache
def list_numbers(missing: tuple[str, ...]) -> frozenset[float]:
    """Return the numbers among the texts that stand for no reading."""
    found = set[float]()
    for text in missing:
        with suppress(ValueError):
            found.add(parse_number(text, ",") if classify(text) == "comma" else float(text))
    return frozenset(found)


def is_number(cell: str) -> bool:
    """Return whether a cell is a number in any notation."""
    return classify(cell) is not None


@lru_cache(maxsize=10_000)
def classify(cell: str) -> str | None:
    """Return what a cell shows about point and comma in its file, or None if it is not a number."""
    text = cell.strip().replace("\u2212", "-")
    if not text.isascii() and not re.fullmatch(r"[\x00-\x7f\u00a0\u202f]*", text):
        return None
    return next((kind for kind, pattern in _EVIDENCE.items() if pattern.fullmatch(text)), None)


def find_unit(cells: Sequence[str]) -> str:
    """Return the unit that every cell has with its number, such as `kW` in `2.5 kW`; empty if there is no such unit."""
    unit = _split_unit(cells[0])[1] if cells else ""
    return unit if unit and all(_split_unit(cell)[1] == unit for cell in cells) else ""


def drop_unit(cell: str, unit: str) -> str:
    """Return a cell without that unit; a cell with another unit or none is unchanged."""
    number, found = _split_unit(cell)
    return number if found == unit else cell


@lru_cache(maxsize=10_000)
def _split_unit(cell: str) -> tuple[str, str]:
    """Split a cell such as `2.5 kW`, `50 %` or `$ 1,234.50` into number and unit; others are returned with no unit."""
    match = _WITH_UNIT.fullmatch(cell.strip().replace("\u2212", "-"))
    sign, before, number, behind = match.groups() if match else ("", "", "", "")
    unit = before or behind.strip()
    if not is_number(sign + number) or not is_unit(unit) or (before and behind):
        return cell, ""
    return sign + number, unit


@dataclass
class Evidence:
    """What the cells of one column show: for each kind, the first cell and its line.

    `long_plain` is whether a number has four digits or more and no mark, so the column does not mark groups of digits.
    """

    first: dict[str, tuple[str, int]] = field(default_factory=dict)
    long_plain: bool = False
    numbers: int = 0
    others: int = 0

    @property
    def is_text(self) -> bool:
        """Whether most cells that are not missing are not numbers."""
        return self.others > self.numbers

    def add(self, cell: str, line: int) -> None:
        """Add a cell that is not missing."""
        kind = classify(cell)
        if kind is None:
            self.others += 1
            return
        self.numbers += 1
        self.first.setdefault(kind, (cell.strip(), line))
        if kind == "plain" and len(cell.strip().lstrip("+-")) > 3:
            self.long_plain = True

    def decide(self) -> set[str]:
        """Return the decimal marks that the column proves; both if it contradicts itself."""
        kinds = self.first.keys()
        marks = {"." for kind in ("point", "point, grouped") if kind in kinds}
        marks |= {"," for kind in ("comma", "comma, grouped") if kind in kinds}
        if not marks and self.long_plain:
            marks = {mark for mark in ".," if f"either {mark}" in kinds}
        return marks


def decide_decimals(label: str, columns: dict[str, Evidence], separator: str) -> dict[str, str]:
    """Return the decimal mark of each column: its own, else the file's, else the point.

    Raises:
        DataError: a column contradicts itself, or has only cells such as `1,234`, which can be read in two ways.
    """
    proven = {name: evidence.decide() for name, evidence in columns.items()}
    of_file = set().union(*proven.values()) if proven else set()
    decimals = {}
    for name, evidence in columns.items():
        if len(proven[name]) == 2:
            cells = [cell for kind, cell in evidence.first.items() if kind not in ("plain", "grouped")]
            (one, line), (other, later) = sorted(cells, key=lambda cell: cell[1])[:2]
            raise DataError(
                f"{label}: column {name!r}: writes numbers in two ways, {one!r} in line {line} and {other!r} in line "
                f"{later}; correct the file, or say with ‹decimal› which mark is the decimal one"
            )
        marks = proven[name] or (of_file if len(of_file) == 1 else set())
        unclear = [mark for mark in ".," if f"either {mark}" in evidence.first]
        if not marks and (unclear == [","] or len(unclear) == 2 or (unclear == ["."] and separator == ";")):
            cell, line = evidence.first[f"either {unclear[0]}"]
            digits = cell.replace(unclear[0], "")
            raise DataError(
                f"{label}: line {line}, column {name!r}: {cell!r} may be {digits} or "
                f"{cell.replace(',', '.')}, and nothing in the file tells; say which with ‹decimal› . or ‹decimal› ,"
            )
        decimals[name] = next(iter(marks), ".")
    return decimals


def parse_number(cell: str, decimal: str) -> float:
    """Return a finite number, or NaN for a missing reading.

    Raises:
        ValueError: the cell is neither, with that decimal mark.
    """
    if is_missing(cell):
        return math.nan
    text = cell.strip().replace("\u2212", "-")
    if not _STRICT[decimal].fullmatch(text) or not text.translate(_GROUP_MARKS).isascii():
        raise ValueError(cell)
    text = text.translate(_GROUP_MARKS).translate(_FORTRAN)
    number = float(text.replace(",", "") if decimal == "." else text.replace(".", "").replace(",", "."))
    if not math.isfinite(number):
        raise ValueError(cell)
    return number
