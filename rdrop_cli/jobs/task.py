"""A training task, as it is handed to a process, and its outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from rdrop_cli.errors import RdropError
from rdrop_cli.jobs.series_file import read_series_file
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.folder import RunFolder, create_run_folder
from rdrop_cli.runs.schema import parse_config
from rdrop_cli.series.load import load_dataset
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.reading import Reading
from rdrop_cli.training.loop import Callback
from rdrop_cli.training.train import Order, train_run, train_runs


@dataclass(frozen=True)
class Task:
    """A configuration to train in a new folder, or to resume in `folder`.

    Attributes:
        tensorboard: whether the run also writes event files.
        series_file: file to read the series from (see `jobs.series_file`) if the machine does not have the dataset.
    """

    config: RunConfig
    runs_dir: Path
    data_dir: Path
    folder: Path | None = None
    tensorboard: bool = False
    series_file: Path | None = None

    def to_json(self, cores: Sequence[int]) -> dict[str, Any]:
        """Render the task with the cores that it may use."""
        folder, series_file = (str(path) if path else None for path in (self.folder, self.series_file))
        places = {
            "runs_dir": str(self.runs_dir),
            "data_dir": str(self.data_dir),
            "folder": folder,
            "series_file": series_file,
        }
        options = {"tensorboard": self.tensorboard, "cores": list(cores)}
        return {"config": self.config.to_json(), **places, **options}

    def __str__(self) -> str:
        return self.config.title

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Task":
        folder, series_file = (Path(value[name]) if value[name] else None for name in ("folder", "series_file"))
        runs_dir, data_dir = Path(value["runs_dir"]), Path(value["data_dir"])
        return cls(parse_config(value["config"]), runs_dir, data_dir, folder, bool(value["tensorboard"]), series_file)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task: its metrics, or why there are none.

    `exit_code` is the exit code of a command that does only this task.
    """

    task: Task
    metrics: Metrics | None = None
    failure: str | None = None
    exit_code: int = 0


def do_task(task: Task, callback: Callback, series: Series | None = None, windows: Windows | None = None) -> Outcome:
    """Train a task in this process; return errors of the run in the outcome instead of raising them.

    The series is loaded if it is not given, as in a separate training process.
    """
    try:
        if series is None:
            series = _load_series(task.config.dataset, task.data_dir, task.config.reading, task.series_file)
        make_folder = _choose_folder(task)
        return Outcome(task, metrics=train_run(task.config, series, make_folder, callback, task.tensorboard, windows))
    except (RdropError, MemoryError, OSError) as error:
        return fail(task, error)


def do_together(
    tasks: Sequence[Task], callbacks: Sequence[Callback], series: Series, windows: Windows | None = None
) -> list[Outcome]:
    """Train tasks of one protocol in this process, computed together by JAX; otherwise the same as `do_task`."""
    orders = [
        Order(task.config, _choose_folder(task), callback) for task, callback in zip(tasks, callbacks, strict=True)
    ]
    try:
        results = train_runs(orders, series, tasks[0].tensorboard, windows)
    except (RdropError, MemoryError, OSError) as error:
        return [fail(task, error) for task in tasks]
    return [
        fail(task, result) if isinstance(result, Exception) else Outcome(task, metrics=result)
        for task, result in zip(tasks, results, strict=True)
    ]


def _choose_folder(task: Task) -> Callable[[], RunFolder]:
    """Return a function that opens or creates the folder of a task when it starts."""
    if task.folder:
        return partial(RunFolder, task.folder)
    return partial(create_run_folder, task.runs_dir, task.config)


@lru_cache(maxsize=1)  # a process trains runs of a sweep one after another on one series
def _load_series(dataset: str, data_dir: Path, reading: Reading, series_file: Path | None) -> Series:
    return read_series_file(series_file) if series_file else load_dataset(dataset, data_dir, reading)


def fail(task: Task, error: RdropError | MemoryError | OSError) -> Outcome:
    """Return the outcome of a task that ended with an error, described in one line."""
    if isinstance(error, RdropError):
        return Outcome(task, failure=str(error), exit_code=error.exit_code)
    if isinstance(error, MemoryError):
        failure = f"{task}: out of memory; use fewer jobs, a smaller batch or fewer units"
    else:
        failure = f"{error.filename or task}: {error.strerror or error}"
    return Outcome(task, failure=failure, exit_code=1)
