"""What a metrics document must hold to be read: it may come from another version, or from a stranger."""

from collections.abc import Mapping
from typing import Any

from rdrop_cli.study.variants import DEFAULT_CELL

MISSING = object()
EACH = "of each name"  # in a shape: what every value of an object has to be
LARGEST_ERROR = 1e100  # far above what float32 can hold, and far enough below float64 to be scaled and drawn
LARGEST_INTEGER = 2**53  # up to here a float64 has every whole number
MEASURED = {"val_mae": float, "val_mae_unscaled": float}
SHAPE: dict[str, Any] = {
    "run_id": str,
    "created_at": str,
    "variant": str,
    "status": str,
    "seed": int,
    "rates": {EACH: float},
    "epochs": {"done": int, "planned": int},
    "dataset": {"name": str, "sha256": str},
    "protocol": {"name": str, "target": str},
    "target_std": float,
    "history": {"loss": [float], "val_loss": [float], "train_mae": [float]},
    "best": ({"epoch": int, **MEASURED}, None),
    "final": ({"loss": float, "train_mae": float, **MEASURED}, None),
    "test": ({"mae": float, "mae_unscaled": float}, None),
    "naive": MEASURED,
}


def find_fault(metrics: dict[str, Any]) -> str | None:
    """Return what is wrong with a document, in words, or None; fields that are not in the shape are free."""
    fault = _find_fault("metrics", metrics, SHAPE)
    if not fault and len({len(curve) for name, curve in metrics["history"].items() if name in SHAPE["history"]}) > 1:
        fault = "history has curves of different lengths"
    return fault


def _find_fault(name: str, value: Any, shape: Any) -> str | None:
    if isinstance(shape, tuple):
        return None if value is None else _find_fault(name, value, shape[0])
    if isinstance(shape, dict) and isinstance(value, dict):
        shapes = dict.fromkeys(value, shape[EACH]) if EACH in shape else shape
        faults = (_find_fault(key, value.get(key, MISSING), inner) for key, inner in shapes.items())
        return next((fault for fault in faults if fault), None)
    if isinstance(shape, list) and isinstance(value, list):
        return next((fault for item in value if (fault := _find_fault(name, item, shape[0]))), None)
    if value is MISSING:
        return f"{name} is missing"
    return None if _fits(value, shape) else f"{name} is {repr(value)[:40]}"


def measure_depth(value: Any) -> int:
    """Return how many lists and objects stand in each other; a number alone has depth 0."""
    depth, level = 0, [value]
    while inner := [item for item in level if isinstance(item, list | dict)]:
        depth += 1
        level = [below for item in inner for below in (item.values() if isinstance(item, dict) else item)]
    return depth


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is a printable text, an object, or a number that float64 can reckon with, as the kind asks."""
    if kind is str:
        return isinstance(value, str) and value.isprintable()
    if kind is float:
        return type(value) in (int, float) and abs(value) <= LARGEST_ERROR
    if kind is int:
        return type(value) is int and abs(value) <= LARGEST_INTEGER
    return type(value) is kind


SCHEMA_VERSION = 2
READABLE = range(1, SCHEMA_VERSION + 1)
# Until the target could be anything, its own unit was always that of temperature.
_NAMES_OF_1 = {"degc_per_unit": "target_std", "val_mae_degc": "val_mae_unscaled", "mae_degc": "mae_unscaled"}


def upgrade_document(document: dict[str, Any], version: int) -> dict[str, Any]:
    """Return a document of a readable schema with the names of this one."""
    return _rename(document) if version == 1 else document


def _rename(document: dict[str, Any]) -> dict[str, Any]:
    """Rename keys, also within objects."""
    inner = {key: _rename(item) if isinstance(item, dict) else item for key, item in document.items()}
    return {_NAMES_OF_1.get(key, key): item for key, item in inner.items()}


def read_cell(metrics: Mapping[str, Any]) -> str:
    """Return the name of a run's cell; early runs tell none and have the study's."""
    return str(metrics.get("cell", DEFAULT_CELL))


def get_object(metrics: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a part of the metrics; empty where it is not there, or no object."""
    part = metrics.get(name)
    return part if isinstance(part, dict) else {}
