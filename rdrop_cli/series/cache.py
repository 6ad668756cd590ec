"""Cache of parsed tables, from which later starts load in well under a second."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np

from rdrop_cli.files import replace_atomically
from rdrop_cli.series.csv.read import Table

FORMAT = 8  # increased when the reader parses the same bytes differently


def read_through_cache(folder: Path, key: str, read: Callable[[], Table]) -> Table:
    """Return the cached table for `key` (a checksum of the source), or read the source and cache it.

    A damaged copy fails its checksum (the zip's CRC), and the source is read again. If the folder cannot be written,
    the next call also reads the source.
    """
    path = folder / f"{key[:32]}.v{FORMAT}.npz"
    try:
        return _load(path)
    except Exception:  # any error of numpy or zipfile: the source can be read again
        table = read()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _save(path, table)
    except OSError:
        pass
    return table


def _load(path: Path) -> Table:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # numpy leaves its own open on failure
        timestamps, values, lines = arrays["timestamps"], arrays["values"], arrays["lines"]
        record = json.loads(arrays["record"].tobytes())
    record = {name: tuple(item) if isinstance(item, list) else item for name, item in record.items()}
    return Table(timestamps=timestamps.astype("datetime64[us]"), values=values, lines=lines, **record)


def _save(path: Path, table: Table) -> None:
    arrays = {"timestamps": table.timestamps.astype(np.int64), "values": table.values, "lines": table.lines}
    record = {field.name: getattr(table, field.name) for field in fields(table) if field.name not in arrays}
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    with replace_atomically(path) as temporary:
        np.savez(temporary, record=text, **arrays)  # type: ignore[arg-type]
