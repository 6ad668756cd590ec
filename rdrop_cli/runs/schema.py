"""Read and write run documents: `metrics.json`, `config.json`, and the history in a checkpoint.

A document may come from another version of rdrop or from an untrusted source, so it is checked before it is converted.
An invalid document is refused in one line that names the file, the field and the value. Documents of older schemas are
upgraded before they are checked.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, asdict, fields
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.files import read_small_text, to_json, write_json, write_text
from rdrop_cli.runs.document import SCHEMA_VERSION, Metrics
from rdrop_cli.runs.history import Epoch, History
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import DRAWN, GENERATOR, MAE, STANDARDISED, WINDOW_END, Protocol
from rdrop_cli.study.reading import Reading
from rdrop_cli.study.units import name_target
from rdrop_cli.study.variant import DEFAULT_CELL
from rdrop_cli.study.variants import REFERENCES, VARIANTS

READABLE = range(1, SCHEMA_VERSION + 1)
MAX_DEPTH = 20  # of nested lists and objects; rdrop's own documents have four
LARGEST_NUMBER = 1e100  # far above the float32 limit, and far enough below the float64 limit to be scaled and drawn
LARGEST_INTEGER = 2**53  # float64 represents every integer up to here
# New names of fields, by the last schema with the old names. Before schema 2, the target's own unit was always °C.
_RENAMED = {
    1: {"degc_per_unit": "target_std", "val_mae_degc": "val_mae_unscaled", "mae_degc": "mae_unscaled"},
    2: {"val_mae_unscaled": "val_mae_in_unit", "mae_unscaled": "mae_in_unit"},
}

# Before schema 4, horizons counted from the window's end, every column was an input, and training was as in the study.
_PROTOCOL_BEFORE_4 = {
    "horizon_from": WINDOW_END,
    "inputs": [],
    "calendar": False,
    "optimizer": "rmsprop",
    "learning_rate": 0.001,
    "loss": "mae",
    "clip_norm": None,
    "patience": None,
}
# Fields that were added to schema 4 later, with their values for runs that lack them.
_PROTOCOL_ADDED = {
    "train_start_row": 0,
    "layout": GENERATOR,
    "target_scale": STANDARDISED,
    "sampling": DRAWN,
    "best_by": MAE,
    "earlier_horizon_rows": [],
    "quantiles": [],
}

T = TypeVar("T")


def read_metrics(path: Path) -> Metrics:
    """Read `metrics.json`.

    Raises:
        DataError: it is missing, or is not a run's metrics; the message names the file, the field and the value.
    """
    value = _read_document(path)
    try:
        metrics = parse_metrics(value)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if "code_sha256" not in value and metrics.variant not in VARIANTS | REFERENCES:
        return replace(metrics, code_sha256=_read_code(path.with_name("config.json")))
    return metrics


def _read_code(path: Path) -> str:
    """Return the checksum of the code of a user's own network from `config.json`; metrics of older runs lack it."""
    try:
        return read_config(path)[0].code_sha256
    except DataError:
        return ""


def parse_metrics(value: Any) -> Metrics:
    """Check and convert a decoded JSON document of the current schema.

    Raises:
        DataError: it is invalid; the message names the field and the value.
    """
    if fault := _find_fault("", value):
        raise DataError(f"not a run's metrics: {fault}")
    if isinstance(value, dict) and isinstance(value.get("protocol"), dict):
        _check_names("a run's metrics", "protocol", value["protocol"], Protocol)
    return _convert("a run's metrics", value, Metrics)


def write_metrics(path: Path, metrics: Metrics) -> None:
    """Write `metrics.json` atomically."""
    write_text(path, render_metrics(metrics))


def render_metrics(metrics: Metrics) -> str:
    """Return the text of `metrics.json`."""
    return to_json(to_builtins(metrics)) + "\n"


def to_builtins(metrics: Metrics) -> dict[str, Any]:
    """Return the document as plain JSON values."""
    value: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(metrics))
    return value


def read_config(path: Path) -> tuple[RunConfig, str]:
    """Read `config.json`; return the configuration and when the run was created, UTC, ISO 8601.

    Raises:
        DataError: it is missing, or is not a run's configuration.
    """
    value = _read_document(path)
    del value["schema_version"]
    created_at = value.pop("created_at", None)
    try:
        if not isinstance(created_at, str) or not created_at.isprintable():
            raise DataError(f"not a run's configuration: created_at: expected a time, received {created_at!r:.40}")
        return parse_config(value), created_at
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def parse_config(value: Any) -> RunConfig:
    """Check and convert a decoded JSON configuration.

    Raises:
        DataError: a field is missing, unknown, of the wrong type, or out of range.
    """
    kind = "a run's configuration"
    if isinstance(value, dict):
        _check_names(kind, "", value, RunConfig)
        if isinstance(value.get("protocol"), dict):
            _check_names(kind, "protocol", value["protocol"], Protocol)
        if isinstance(value.get("reading"), dict):
            _check_names(kind, "reading", value["reading"], Reading)
    return _convert(kind, value, RunConfig)


def write_config(path: Path, config: RunConfig, created_at: str) -> None:
    """Write `config.json` atomically."""
    write_json(path, {"schema_version": SCHEMA_VERSION, "created_at": created_at} | asdict(config))


def parse_history(content: bytes) -> History:
    """Read the history in a checkpoint, a JSON list of epochs.

    Raises:
        DataError: it is not a history.
    """
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not a run's history: cannot be read as JSON ({error})") from error
    if measure_depth(value) > MAX_DEPTH:
        raise DataError(f"not a run's history: is nested deeper than {MAX_DEPTH} levels")
    if fault := _find_fault("", value):
        raise DataError(f"not a run's history: {fault}")
    return History(_convert("a run's history", value, list[Epoch]))


def _read_document(path: Path) -> dict[str, Any]:
    """Read a JSON object that has a schema version, and upgrade it to the current schema."""
    try:
        value = json.loads(read_small_text(path), parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; the folder is not a finished rdrop run") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error
    if measure_depth(value) > MAX_DEPTH:
        raise DataError(f"{path}: is nested deeper than {MAX_DEPTH} levels")
    version = value.get("schema_version") if isinstance(value, dict) else None
    if type(version) is not int or version not in READABLE:
        raise DataError(f"{path}: expected schema version {SCHEMA_VERSION} or lower, received {version!r:.40}")
    return _upgrade(value, version)


def _refuse_constant(name: str) -> None:
    """Refuse NaN and the infinities, which are not JSON; a document with NaN is not even equal to itself."""
    raise ValueError(f"{name} is not JSON")


def measure_depth(value: Any) -> int:
    """Return how deeply lists and objects are nested; a single number has depth 0."""
    depth, level = 0, [value]
    while inner := [item for item in level if isinstance(item, list | dict)]:
        depth += 1
        level = [below for item in inner for below in (item.values() if isinstance(item, dict) else item)]
    return depth


def _upgrade(document: dict[str, Any], version: int) -> dict[str, Any]:
    """Upgrade a document of any readable schema to the current schema."""
    document = reduce(
        lambda value, older: _rename(value, _RENAMED.get(older, {})), range(version, SCHEMA_VERSION), document
    )
    document["schema_version"] = SCHEMA_VERSION
    if isinstance(document.get("protocol"), dict):
        document["protocol"] = _PROTOCOL_ADDED | (_PROTOCOL_BEFORE_4 if version < 4 else {}) | document["protocol"]
    if version < 4 and isinstance(document.get("history"), dict):
        document = {"name": "", "tags": [], "note": "", "standardisation": None} | document
    if "time_column" in document:  # a configuration from before the other reading options
        document["reading"] = {"time": document.pop("time_column")}
    if version < SCHEMA_VERSION and "history" in document:  # metrics: fields that the first versions did not record
        document = {"cell": DEFAULT_CELL, "engine": None} | document
        protocol = document.get("protocol")
        if version == 1 and isinstance(protocol, dict) and isinstance(protocol.get("target"), str):
            document = {"unit": name_target(protocol["target"])[1]} | document
    return document


def _rename(document: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Rename keys, also within objects."""
    inner = {key: _rename(item, names) if isinstance(item, dict) else item for key, item in document.items()}
    return {names.get(key, key): item for key, item in inner.items()}


def _find_fault(name: str, value: Any) -> str | None:
    """Return a message on the first value that cannot be printed or computed with, or None if there is none."""
    if _is_sound(value):  # nearly always; names are only made for faulty documents
        return None
    if isinstance(value, dict | list):
        return next(fault for key, item in _walk(name, value) if (fault := _find_fault(key, item)))
    wanted = {str: "printable text", float: f"a number within {LARGEST_NUMBER:g}", int: "an integer within 2^53"}
    return f"{name}: expected {wanted[type(value)]}, received {_show(value)}"


def _is_sound(value: Any) -> bool:
    """Whether everything in a JSON value can be printed and computed with."""
    if isinstance(value, dict):
        return all(map(str.isprintable, value)) and all(map(_is_sound, value.values()))
    if isinstance(value, list):
        return all(map(_is_sound, value))
    if isinstance(value, str):
        return value.isprintable()
    if isinstance(value, float):
        return abs(value) <= LARGEST_NUMBER
    return type(value) is not int or abs(value) <= LARGEST_INTEGER


def _walk(name: str, value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield each item with its path, and each name in an object, because names must be checked as well."""
    if isinstance(value, list):
        yield from ((f"{name}[{index}]", item) for index, item in enumerate(value))
        return
    for key, item in value.items():
        yield f"a name in {name or 'the document'}", key
        yield f"{name}.{key}" if name else key, item


def _check_names(
    kind: str, where: str, value: dict[str, Any], datatype: type[RunConfig] | type[Protocol] | type[Reading]
) -> None:
    """Refuse unknown fields and an incomplete protocol: both affect what a run's figures mean."""
    known = {field.name: field for field in fields(datatype)}
    prefix = f"{where}." if where else ""
    if unknown := [name for name in value if name not in known]:
        raise DataError(f"not {kind}: {_show(prefix + unknown[0])} is not known")
    needed = [name for name, field in known.items() if datatype is Protocol or field.default is MISSING]
    if missing := [name for name in needed if name not in value]:
        raise DataError(f"not {kind}: {prefix}{missing[0]} is missing")


def _convert(kind: str, value: Any, datatype: type[T]) -> T:
    """Convert a value to a type.

    Raises:
        DataError: it is invalid; the message names the field and the value.
    """
    try:
        return msgspec.convert(value, datatype)
    except msgspec.ValidationError as error:
        raise DataError(f"not {kind}: {_name_fault(str(error), value)}") from error
    except UsageError as error:  # a value that cannot be trained with
        raise DataError(f"not {kind}: {error}") from error
    except UnicodeEncodeError as error:  # half of a surrogate pair, which JSON can write
        raise DataError(f"not {kind}: expected Unicode text, received {_show(error.object)}") from error


def _name_fault(message: str, document: Any) -> str:
    """Rewrite an error message of msgspec, which ends in the path of the field, and add the value at that path."""
    what, _, path = message.partition(" - at `$")
    where = path.rstrip("`").lstrip(".")
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", what):
        return f"{where}.{missing[1]} is missing" if where else f"{missing[1]} is missing"
    value = document
    for name, index in re.findall(r"(\w+)(?=[.\[]|$)|\[(\d+)\]", where):
        value = value[int(index)] if index else value[name]
    return f"{where or 'the document'}: {what[:1].lower()}{what[1:]}, received {_show(value)}"


def _show(value: Any) -> str:
    return repr(value)[:40]
