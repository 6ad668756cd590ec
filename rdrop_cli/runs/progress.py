"""How far each of the runs that are wanted has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rdrop_cli.errors import DataError
from rdrop_cli.runs.comparable import find_same_configurations
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.config import RunConfig


class Status(StrEnum):
    """What training would do with a run: leave it, go on with it, or begin it."""

    COMPLETE = "complete"
    BEGUN = "begun"
    NEW = "new"


@dataclass(frozen=True)
class Standing:
    """A run that is wanted, and how many of its epochs are done."""

    config: RunConfig
    status: Status
    epochs_done: int = 0

    @property
    def epochs_left(self) -> int:
        return 0 if self.status is Status.COMPLETE else self.config.epochs - self.epochs_done


def find_standings(configs: Sequence[RunConfig], runs_dir: Path) -> list[Standing]:
    """Return, in their order, where each wanted run stands in the runs folder, which need not be there."""
    there = find_same_configurations(configs, runs_dir)
    return [_find_standing(config, there.get(config)) for config in configs]


def _find_standing(config: RunConfig, folder: RunFolder | None) -> Standing:
    if folder is None:
        return Standing(config, Status.NEW)
    try:
        metrics = folder.read_metrics()
    except DataError:  # stopped before it had any: its checkpoint tells, when it is gone on with
        return Standing(config, Status.BEGUN)
    done = min(max(metrics["epochs"]["done"], 0), config.epochs)
    return Standing(config, Status.COMPLETE if metrics["status"] == "completed" else Status.BEGUN, done)
