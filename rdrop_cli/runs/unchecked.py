"""Parts of the metrics that no reader has checked: they may be missing, or be anything."""

from collections.abc import Mapping
from typing import Any

from rdrop_cli.study.variants import DEFAULT_CELL


def read_cell(metrics: Mapping[str, Any]) -> str:
    """Return the name of a run's cell; early runs tell none and have the study's."""
    return str(metrics.get("cell", DEFAULT_CELL))


def get_object(metrics: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a part of the metrics; empty where it is not there, or no object."""
    part = metrics.get(name)
    return part if isinstance(part, dict) else {}
