"""The study from a Python program: data, windows, networks, training and verdict, as the commands have them.

    from rdrop_cli import api

    series = api.load_data("weather.csv")
    config = api.plan("dropout", series, seed=0, epochs=10)
    run = api.train(config, series)
    print(api.judge().to_json())

`docs/api.md` shows it step by step. What cannot be done raises `rdrop_cli.errors.RdropError`, told in one line.
TensorFlow is imported by `make_model` and `train`, and not before.
"""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.planning.request import Request, fit_to_series, plan_runs
from rdrop_cli.runs.comparable import Run
from rdrop_cli.runs.comparable import read_runs as _read_runs
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder, create_run_folder
from rdrop_cli.runs.history import Epoch
from rdrop_cli.series.load import load_dataset
from rdrop_cli.series.quality import measure_extent
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows, make_windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.training.loop import Reporter
from rdrop_cli.training.train import train_run

if TYPE_CHECKING:
    from rdrop_cli.analysis.verdict import StudyVerdict

__all__ = [
    "Listener",
    "cut_windows",
    "judge",
    "load_data",
    "make_model",
    "make_windows",
    "plan",
    "read_runs",
    "train",
]


class Listener:
    """Is told how a run goes on, and does nothing; override what is to be heard."""

    def begin(self, run_id: str, config: RunConfig, epochs_done: int, target_std: float) -> None:
        """Hear that a run begins, or goes on; an error times `target_std` is in the target's own unit."""

    def step(self, epoch: int, step: int, loss: float) -> None:
        """Hear the loss of a training step, both counted from 1."""

    def measure(self, what: str) -> None:
        """Hear that errors are being measured, and on what."""

    def epoch(self, epoch: Epoch) -> None:
        """Hear the figures of an epoch that is on the disk."""

    def note(self, text: str) -> None:
        """Hear what else has to be known."""


def load_data(name_or_path: str | Path, data_dir: str | Path = "data", time_column: str = "") -> Series:
    """Load `jena`, `synthetic`, or a CSV of your own.

    Args:
        data_dir: where `rdrop download` has put the Jena data, and where parsed copies are kept.
        time_column: of your own file, the column that holds the stamps; empty where the file itself tells.

    Raises:
        UsageError: there is no such dataset, file or column.
        DataError: the data are not there, damaged, or not what they should be.
    """
    return load_dataset(str(name_or_path), Path(data_dir), time_column)


def plan(variant: str, series: Series, **options: Any) -> RunConfig:
    """Configure a run of one variant on a series.

    Args:
        options: by the names of `rdrop_cli.planning.request.Request`, those of `rdrop train`: `seed`,
            `protocol`, `epochs`, `lookback`, `units`, …; what is not given is the variant's or the protocol's.

    Raises:
        UsageError: an unknown variant, or a value that cannot be trained with.
        TypeError: there is no such option.
    """
    own_file = bool(series.time_column)
    dataset = series.source.origin if own_file else series.source.name  # what `rdrop train --resume` loads
    request = Request(variants=(variant,), dataset=dataset, time=series.time_column or None, **options)
    (config,) = plan_runs(request)
    return fit_to_series(config, request, measure_extent(series))


def cut_windows(
    windows: Windows, rows: Sequence[int] | npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Cut the windows that end before `rows`, some of `windows.train`, `.validation` or `.test`.

    Returns:
        Standardised windows of shape (batch, time, feature) and their targets of shape (batch,).
    """
    ends = np.asarray(rows, np.int64)
    targets = windows.matrix[ends + windows.horizon_rows, windows.target_column]
    return windows.matrix[ends[:, np.newaxis] + windows.offsets], targets


def make_model(config: RunConfig, windows: Windows) -> Any:
    """Build the network of a run, a `keras.Sequential` with the initial weights of its seed, not compiled.

    It takes windows of shape (batch, time, feature) and gives the standardised target, of shape (batch, 1).
    """
    from rdrop_cli.nn.models import build_model

    return build_model(config, len(windows.offsets), windows.matrix.shape[1])


def train(config: RunConfig, series: Series, runs_dir: str | Path = "runs", listener: Reporter | None = None) -> Run:
    """Train a network in a new folder of `runs_dir`, as `rdrop train` does, and return its folder and metrics.

    Raises:
        DataError: the series is not the one that the configuration was made for.
        RdropError: the loss is not finite.
        MemoryError: the network or its windows do not fit into memory.
        KeyboardInterrupt: it was stopped; `rdrop train --resume` goes on with it.
    """
    make_folder = partial(create_run_folder, Path(runs_dir), config)
    metrics = train_run(config, series, make_folder, listener or Listener())
    return Run(RunFolder(Path(runs_dir) / metrics.run_id), metrics)


def judge(runs_dir: str | Path = "runs", names: Sequence[str] = ()) -> "StudyVerdict":
    """Judge the study's claims by the runs of a folder, or by those that are named, over seeds.

    Raises:
        RdropError: a name is no run.
    """
    from rdrop_cli.analysis.verdict import judge_runs

    return judge_runs(names, Path(runs_dir))


def read_runs(runs_dir: str | Path = "runs") -> list[Run]:
    """Read the runs of a folder, newest first; a warning names each that cannot be read."""
    runs, skipped = _read_runs(list_run_folders(Path(runs_dir)))
    for run in skipped:
        warnings.warn(f"skipped: {run}", stacklevel=2)
    return runs
