"""Read documents of earlier schemas as if they were of this one; nothing on disk is changed."""

from typing import Any

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
