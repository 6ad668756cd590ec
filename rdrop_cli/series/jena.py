"""The Jena climate data: published facts about it, its location on disk, and the record of its download.

Source: weather station of the Max Planck Institute for Biogeochemistry, Jena; the file that the book uses.
"""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from rdrop_cli.errors import DataError
from rdrop_cli.files import md5_of_file, replace_atomically, sha256_of_file, write_json
from rdrop_cli.series.archive import check_csv_archive, extract_csv
from rdrop_cli.series.cache import read_through_cache
from rdrop_cli.series.content import open_content
from rdrop_cli.series.csv.read import Table, read_csv
from rdrop_cli.series.download import Progress, fetch
from rdrop_cli.series.table import WEATHER_COLUMNS, Series, Source
from rdrop_cli.study.reading import Reading

ADDRESSES = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/jena_climate_2009_2016.csv.zip",
    "https://s3.amazonaws.com/keras-datasets/jena_climate_2009_2016.csv.zip",
)
CSV_BYTES = 43_164_220
CSV_MD5 = "959915f05bfafef18e471a97ae679535"
ROWS = 420_551
PUBLISHED = Reading(separator=",", decimal=".")
FIRST_TIMESTAMP = "2009-01-01T00:10:00"
CSV_NAME = "jena_climate_2009_2016.csv"
RECORDED = {"name": str, "origin": str, "sha256": str, "rows": int, "verified": bool}
MAX_BYTES = 20 * CSV_BYTES  # allows other editions of the file, but not zip bombs


def install_jena(source: str | None, data_dir: Path, on_progress: Progress | None = None) -> Series:
    """Install the Jena CSV in `data_dir`, from the published addresses or from `source`, a path or an address.

    An existing file is replaced only after the structure of the new file has been checked.

    Raises:
        DataError: no address works, or the file is missing or has another structure.
        OSError: `data_dir` cannot be written.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    if source is not None and "://" not in source:
        local = Path(source)
        if not local.is_file():
            raise DataError(f"{source}: no such file; expected a CSV, a zip that holds one, or an address")
        _install(local, str(local.resolve()), data_dir)
    else:
        fetched = data_dir / f"{CSV_NAME}.zip"
        addresses = [source] if source else ADDRESSES
        address = fetch(addresses, fetched, max_bytes=MAX_BYTES, check=_check_fetched, on_progress=on_progress)
        try:
            _install(fetched, _strip_secrets(address), data_dir)
        finally:
            fetched.unlink(missing_ok=True)
    return load_jena(data_dir)


def _install(local: Path, origin: str, data_dir: Path) -> None:
    """Unpack and check a file, and then replace the installed one."""
    with replace_atomically(data_dir / CSV_NAME) as temporary:
        if _begins_with(local, b"PK"):
            extract_csv(local, temporary, max_bytes=MAX_BYTES)
        else:
            shutil.copyfile(local, temporary)
        record = _check_structure(temporary, origin)
    write_json(_record_path(data_dir), record)


def is_installed(data_dir: Path) -> bool:
    """Return whether a Jena file and its record exist; `load_jena` checks that they agree."""
    return (data_dir / CSV_NAME).is_file() and _record_path(data_dir).is_file()


def load_jena(data_dir: Path) -> Series:
    """Read the installed Jena data, after checking the file against its recorded checksum.

    Raises:
        DataError: the file is missing, or has changed since it was recorded.
    """
    path = data_dir / CSV_NAME
    if not is_installed(data_dir):
        raise DataError(f"the Jena data are not in {data_dir}: run `rdrop download`, or train on the synthetic data")
    source = _read_record(data_dir)
    found = sha256_of_file(path)
    if found != source.sha256:
        raise DataError(
            f"{path}: changed since it was downloaded (SHA-256 {found[:12]}…, recorded {str(source.sha256)[:12]}…); "
            "run `rdrop download` again"
        )
    table = read_through_cache(data_dir / "cache", found, lambda: read_published(path))
    return Series(table.timestamps.astype("datetime64[s]"), table.columns, table.values, source)


def read_published(path: Path) -> Table:
    """Read a file in the published format: commas, timestamps in the first column, finite numbers in all others.

    Raises:
        DataError: the file has another format; names the file, the line and the column.
    """
    with open_content(str(path)) as content:
        table = read_csv(content, PUBLISHED)
    missing = np.isnan(table.values)
    if missing.any():
        row, column = divmod(int(missing.argmax()), missing.shape[1])
        raise DataError(
            f"{path}: line {table.lines[row]}, column {table.columns[column]!r}: expected a number, received none"
        )
    return table


def _read_record(data_dir: Path) -> Source:
    """Read the record of the file's origin and check its types, because runs copy it and must stay readable."""
    path = _record_path(data_dir)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        record = {field: document[field] for field in RECORDED}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: not a record of a download; run `rdrop download` again") from error
    for field, kind in RECORDED.items():
        if type(record[field]) is not kind:
            raise DataError(f"{path}: {field} is {repr(record[field])[:40]}; run `rdrop download` again")
    return Source(**record)


def _record_path(data_dir: Path) -> Path:
    return data_dir / "jena_climate_2009_2016.json"


def _strip_secrets(address: str) -> str:
    """Return an address without user, password and query, because every run records it."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _check_fetched(path: Path) -> None:
    """Refuse a damaged zip or a web page while another address can still be tried; a CSV is checked when installed."""
    if _begins_with(path, b"PK") or _begins_with(path, b"<"):
        check_csv_archive(path, max_bytes=MAX_BYTES)


def _begins_with(path: Path, head: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(head)) == head


def _check_structure(path: Path, origin: str) -> dict[str, Any]:
    """Check that a file has the published structure; return its record, which says whether the checksum matches too."""
    try:
        table = read_published(path)
    except DataError as error:  # name the origin, not the temporary file
        raise DataError(f"{origin}: {str(error).removeprefix(f'{path}: ')}") from error
    columns, values, first = table.columns, table.values, table.timestamps[0].astype("datetime64[s]")
    if columns != WEATHER_COLUMNS:
        missing = [name for name in WEATHER_COLUMNS if name not in columns]
        raise DataError(
            f"{origin}: not the Jena data: expected the {len(WEATHER_COLUMNS)} published columns in their order, "
            + (f"missing {missing}" if missing else f"received {list(columns)}")
        )
    if len(values) != ROWS or str(first) != FIRST_TIMESTAMP:
        raise DataError(
            f"{origin}: not the whole Jena data: expected {ROWS} rows from {FIRST_TIMESTAMP}, "
            f"received {len(values)} from {first}"
        )
    md5 = md5_of_file(path)
    return {
        "name": "jena",
        "origin": origin,
        "sha256": sha256_of_file(path),
        "md5": md5,
        "bytes": path.stat().st_size,
        "rows": len(values),
        "columns": len(columns),
        "verified": md5 == CSV_MD5,
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
