"""A series as one block of bytes, to be sent to machines that have neither the dataset nor a disk in common.

It is the SHA-256 of the rest, then an uncompressed `.npz` (no pickle) with stamps and values, and all else as
JSON. What is unpacked is the series that was packed, to the bit.
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

DIGEST_BYTES = 32


def serialise_series(series: Series) -> bytes:
    """Return a series as bytes."""
    arrays = {"stamps": series.stamps.astype("datetime64[s]").astype(np.int64), "values": series.values}
    record = {field.name: getattr(series, field.name) for field in fields(series) if field.name not in arrays}
    text = json.dumps(record | {"source": series.source.to_json()})
    buffer = io.BytesIO()
    np.savez(buffer, record=np.frombuffer(text.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
    payload = buffer.getvalue()
    return hashlib.sha256(payload).digest() + payload


def name_series_file(serialised: bytes) -> str:
    """Return the name that a series of this content has, and no other."""
    return f"{serialised[:DIGEST_BYTES].hex()}.series"


def store_series(serialised: bytes, folder: Path) -> Path:
    """Write a serialised series into a folder unless it is there, and return its path.

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
        stamps, values = arrays["stamps"].astype("datetime64[s]"), arrays["values"]
        record = json.loads(arrays["record"].tobytes())
    record |= {"columns": tuple(record["columns"]), "source": Source(**record["source"])}
    return Series(stamps=stamps, values=values, **record)
