"""Find how far each wanted run is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rdrop_cli.errors import DataError
from rdrop_cli.runs.comparable import can_be_resumed, find_same_configurations
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.config import RunConfig


class State(StrEnum):
    """What training does with a run: skip it, resume it, or start it."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    NEW = "new"


@dataclass(frozen=True)
class Progress:
    """A wanted run, its state, and how many of its epochs are done."""

    config: RunConfig
    state: State
    epochs_done: int = 0

    @property
    def epochs_left(self) -> int:
        return 0 if self.state is State.COMPLETE else self.config.epochs - self.epochs_done


def find_progress(configs: Sequence[RunConfig], runs_dir: Path) -> list[Progress]:
    """Return the progress of each wanted run, in order; the runs folder need not exist."""
    there = find_same_configurations(configs, runs_dir)
    return [_find_progress(config, there.get(config)) for config in configs]


def _find_progress(config: RunConfig, folder: RunFolder | None) -> Progress:
    if folder is None:
        return Progress(config, State.NEW)
    try:
        metrics = folder.read_metrics()
    except DataError:  # stopped before it had metrics; resuming it reads its checkpoint
        metrics = None
    if metrics and metrics.status == "completed":
        return Progress(config, State.COMPLETE, min(metrics.epochs.done, config.epochs))
    if not can_be_resumed(folder):
        return Progress(config, State.NEW)
    return Progress(config, State.INTERRUPTED, min(metrics.epochs.done, config.epochs) if metrics else 0)
