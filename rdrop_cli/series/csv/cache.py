"""A parsed copy of what was read, so that the second start reads in well under a second."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rdrop_cli.files import replace_atomically
from rdrop_cli.series.csv.read import Parsed

FORMAT = 1  # raised when the reader reads the same bytes differently


def read_through_cache(folder: Path, key: str, read: Callable[[], Parsed]) -> Parsed:
    """Return the parsed copy named by `key` (a checksum of the source), or read the source and keep a copy.

    A damaged copy fails its own checksum (the zip's CRC) and is read anew; a folder that cannot be written
    costs only the time of the next reading.
    """
    path = folder / f"{key[:32]}.v{FORMAT}.npz"
    try:
        return _load(path)
    except Exception:  # whatever numpy and zipfile trip over: the source is there to be read again
        parsed = read()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _save(path, parsed)
    except OSError:
        pass
    return parsed


def _load(path: Path) -> Parsed:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # numpy leaves its own open on failure
        stamps, columns, values = arrays["stamps"], arrays["columns"], arrays["values"]
    return stamps.astype("datetime64[s]"), tuple(str(name) for name in columns), values


def _save(path: Path, parsed: Parsed) -> None:
    stamps, columns, values = parsed
    with replace_atomically(path) as temporary:
        np.savez(temporary, stamps=stamps.astype(np.int64), columns=np.array(columns), values=values)
