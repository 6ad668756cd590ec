"""One training to do, as it is handed to a process, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rdrop_cli.errors import RdropError
from rdrop_cli.jobs.series_file import read_parcel
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.folder import RunFolder, create_run_folder
from rdrop_cli.runs.schema import parse_config
from rdrop_cli.series.load import load_dataset
from rdrop_cli.study.config import RunConfig
from rdrop_cli.training.loop import Reporter
from rdrop_cli.training.train import train_run


@dataclass(frozen=True)
class Task:
    """A configuration to train in a new folder, or to go on with in `folder`.

    Attributes:
        tensorboard: whether the run writes event files too.
        parcel: a file to read the series from (see `series.parcel`), where there is no dataset on the machine.
    """

    config: RunConfig
    runs_dir: Path
    data_dir: Path
    folder: Path | None = None
    tensorboard: bool = False
    parcel: Path | None = None

    def to_json(self, cores: Sequence[int]) -> dict[str, Any]:
        """Render the task with the cores that it may use."""
        folder, parcel = (str(path) if path else None for path in (self.folder, self.parcel))
        places = {"runs_dir": str(self.runs_dir), "data_dir": str(self.data_dir), "folder": folder, "parcel": parcel}
        options = {"tensorboard": self.tensorboard, "cores": list(cores)}
        return {"config": self.config.to_json(), **places, **options}

    def __str__(self) -> str:
        return f"{self.config.full_label} seed {self.config.seed}"

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Task":
        folder, parcel = (Path(value[name]) if value[name] else None for name in ("folder", "parcel"))
        runs_dir, data_dir = Path(value["runs_dir"]), Path(value["data_dir"])
        return cls(parse_config(value["config"]), runs_dir, data_dir, folder, bool(value["tensorboard"]), parcel)


@dataclass(frozen=True)
class Outcome:
    """What became of a task: its metrics, or why there are none.

    `exit_code` is that of a command which does nothing but this task.
    """

    task: Task
    metrics: Metrics | None = None
    failure: str | None = None
    exit_code: int = 0


def do_task(task: Task, reporter: Reporter) -> Outcome:
    """Do a task in this process; what can go wrong with one run is told in its outcome, and is not raised."""
    if task.folder:
        make_folder = partial(RunFolder, task.folder)
    else:
        make_folder = partial(create_run_folder, task.runs_dir, task.config)
    try:
        if task.parcel:
            series = read_parcel(task.parcel)
        else:
            series = load_dataset(task.config.dataset, task.data_dir, task.config.time_column)
        return Outcome(task, metrics=train_run(task.config, series, make_folder, reporter, task.tensorboard))
    except (RdropError, MemoryError, OSError) as error:
        return fail(task, error)


def fail(task: Task, error: RdropError | MemoryError | OSError) -> Outcome:
    """Return the outcome of a task that ended with an error, told in one line."""
    if isinstance(error, RdropError):
        return Outcome(task, failure=str(error), exit_code=error.exit_code)
    if isinstance(error, MemoryError):
        failure = f"{task}: out of memory; use fewer --jobs, a smaller batch or fewer units"
    else:
        failure = f"{error.filename or task}: {error.strerror or error}"
    return Outcome(task, failure=failure, exit_code=1)
