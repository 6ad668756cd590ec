"""Serialise a series as one block of bytes, to send it to machines that have neither the dataset nor a shared disk.

It is the SHA-256 of the rest, then an uncompressed `.npz` (no pickle) with timestamps, values and lines, and everything
else as JSON. Reading it returns the same series, to the bit.
"""

import hashlib
import io
import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from rdrop_cli.errors import DataError
from rdrop_cli.files import replace_atomically
from rdrop_cli.series.table import Series, Source
from rdrop_cli.study.reading import Reading

DIGEST_BYTES = 32


def serialise_series(series: Series) -> bytes:
    """Return a series as bytes."""
    arrays = {"timestamps": series.timestamps.astype(np.int64), "values": series.values, "lines": series.lines}
    record = {field.name: getattr(series, field.name) for field in fields(series) if field.name not in arrays}
    record |= {
        "source": series.source.to_json(),
        "reading": series.reading.to_json(),
        "unit": str(series.timestamps.dtype),
    }
    text = json.dumps(record)
    buffer = io.BytesIO()
    np.savez(buffer, record=np.frombuffer(text.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
    payload = buffer.getvalue()
    return hashlib.sha256(payload).digest() + payload


def name_series_file(serialised: bytes) -> str:
    """Return the file name for a serialised series; it is unique to the content."""
    return f"{serialised[:DIGEST_BYTES].hex()}.series"


def store_series(serialised: bytes, folder: Path) -> Path:
    """Write a serialised series into a folder unless the file exists, and return its path.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / name_series_file(serialised)
    if not path.exists():
        with replace_atomically(path) as temporary:
            temporary.write_bytes(serialised)
    return path


def read_series_file(path: Path) -> Series:
    """Read a serialised series.

    Raises:
        DataError: the file is damaged.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    payload = content[DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != content[:DIGEST_BYTES]:
        raise DataError(f"{path}: the series is damaged (its checksum does not match); remove the file")
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        record = json.loads(arrays["record"].tobytes())
        timestamps, values, lines = arrays["timestamps"].astype(record.pop("unit")), arrays["values"], arrays["lines"]
    record = {name: tuple(item) if isinstance(item, list) else item for name, item in record.items()}
    record |= {"source": Source(**record["source"]), "reading": Reading.from_json(record["reading"])}
    return Series(timestamps=timestamps, values=values, lines=lines, **record)
