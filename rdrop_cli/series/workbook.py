"""Read Excel workbooks: the cells of a sheet are read like the lines of a CSV."""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time
from functools import partial

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.series.content import Content
from rdrop_cli.series.csv.layout import SAMPLED_LINES, infer_layout
from rdrop_cli.series.csv.read import Table, read_csv
from rdrop_cli.series.frame import read_by_library
from rdrop_cli.study.reading import Reading

Cells = Sequence[Sequence[object]]
_GROUPED = re.compile(r"-?[1-9]\d{0,2}\.\d{3}")  # in a text 1.234 may mean 1234; in a numeric cell it cannot mean that


def read_workbook(content: Content, reading: Reading) -> Table:
    """Read the first sheet with timestamps and numbers; a note names the others.

    Raises:
        UsageError: an option applies only to text files.
        DataError: the file cannot be read, the library that reads it is not installed, or no sheet has such a table.
    """
    sheet, others = take_sheet(content, reading)
    table = read_csv(sheet, reading)
    return replace(table, notes=(others, *table.notes)) if others else table


def take_sheet(content: Content, reading: Reading) -> tuple[Content, str]:
    """Return the sheet that `read_workbook` reads, as text, and a note on the others; empty if there are none."""
    sheets = {name: _write_text(cells) for name, cells in _read_sheets(content, reading)}
    name = _choose_sheet(content.label, sheets, reading)
    text = sheets.pop(name).encode()
    sheet = replace(content, file=io.BytesIO(text), kind="text", sha256=hashlib.sha256(text).hexdigest())
    others = ", ".join(map(repr, sheets))
    return sheet, f"sheet: {name!r}; not read: {others}" if others else ""


def _read_sheets(content: Content, reading: Reading) -> Iterator[tuple[str, Cells]]:
    """Yield the name and the rows of cells of each sheet that is not empty."""
    import pandas as pd

    read = partial(pd.read_excel, sheet_name=None, header=None, dtype=object, na_filter=False)
    sheets = read_by_library(content, reading, ("separator", "encoding"), read)
    if all(frame.empty for frame in sheets.values()):
        raise DataError(f"{content.label}: no readings")
    yield from ((str(name), frame.to_numpy().tolist()) for name, frame in sheets.items() if not frame.empty)


def _choose_sheet(label: str, sheets: dict[str, str], reading: Reading) -> str:
    """Return the first sheet with the layout of a series; if none has it, raise the error of the longest sheet."""
    faults: dict[str, RdropError] = {}
    for name, text in sheets.items():
        try:
            infer_layout(label, text.splitlines(keepends=True)[:SAMPLED_LINES], reading)
        except RdropError as error:
            faults[name] = error
        else:
            return name
    raise faults[max(faults, key=lambda name: len(sheets[name]))]


def _write_text(cells: Cells) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_write_cell(cell) for cell in row] for row in cells)
    return text.getvalue()


def _write_cell(cell: object) -> str:
    """Return a cell as a CSV would have it, on one line because each line of the text is a row of the sheet."""
    if isinstance(cell, datetime):
        return str(cell.date() if cell.time() == time() else cell)
    if isinstance(cell, float) and _GROUPED.fullmatch(repr(cell)):
        return f"{cell!r}0"
    return " ".join(str(cell).splitlines())
