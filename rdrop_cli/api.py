"""The Python interface: data, windows, networks, training and verdict as functions::

    from rdrop_cli import api

    series = api.load_data("weather.csv")
    config = api.plan("dropout", series, seed=0, epochs=10)
    run = api.train(config, series)
    print(api.judge().to_json())

`docs/api.md` has an example. Errors are `rdrop_cli.errors.RdropError`. `make_model`, `train`, `train_seeds`,
`forecast` and `calibrate` import TensorFlow.
"""

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, get_type_hints

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import RdropError, ValueRefusedError
from rdrop_cli.forecast.forecast import SAMPLES, When, forecast_runs
from rdrop_cli.forecast.frame import build_frame
from rdrop_cli.jobs.launch import Execution, plan_training, run_plan
from rdrop_cli.jobs.task import Task
from rdrop_cli.planning.arguments import check_arguments, check_options
from rdrop_cli.planning.fit import plan_on_series
from rdrop_cli.planning.request import Request, RunOptions, StudyOptions
from rdrop_cli.runs.comparable import Run
from rdrop_cli.runs.comparable import read_runs as _read_runs
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder, create_run_folder, require_runs_folder
from rdrop_cli.runs.schema import parse_config
from rdrop_cli.series.load import load_dataset, load_frame
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows
from rdrop_cli.series.windows import make_windows as _make_windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.reading import Reading
from rdrop_cli.training.loop import Callback
from rdrop_cli.training.train import train_run

if TYPE_CHECKING:
    import pandas as pd

    from rdrop_cli.analysis.judged import StudyVerdict
    from rdrop_cli.uncertainty.calibration import Calibration

PATH, NAMES, TEXT = str | Path, Collection[str | Path], str | None

__all__ = [
    "Callback",
    "calibrate",
    "cut_windows",
    "forecast",
    "judge",
    "load_data",
    "make_model",
    "make_windows",
    "plan",
    "read_runs",
    "train",
    "train_seeds",
]


def load_data(data: "str | Path | pd.DataFrame", data_dir: str | Path = "data", **reading: Any) -> Series:
    """Load `jena`, `synthetic`, your own file or URL, or a pandas data frame.

    Args:
        data_dir: the folder of the Jena data from `rdrop download`, and of parsed copies.
        reading: options for reading a file, as in `rdrop_cli.study.reading.Reading`: `time`, `timezone`, `missing`, …

    Raises:
        UsageError: the dataset, file or column does not exist.
        DataError: the data are missing, damaged or invalid.
        TypeError: an option does not exist.
    """
    check_arguments(data_dir=(data_dir, PATH))
    check_options(reading, Reading)
    options = Reading(**reading)
    if isinstance(data, str | Path):
        return load_dataset(str(data), Path(data_dir), options)
    _check_frame(data=data)
    return load_frame(data, reading=options)


def plan(variant: str, series: Series, **options: Unpack[RunOptions]) -> RunConfig:
    """Configure a run of one variant on a series.

    Args:
        options: the options of `rdrop train`, as in `rdrop_cli.planning.request.RunOptions`: `seed`, `epochs`,
            `lookback`, `units`, …; the default is the value of the variant or the protocol.

    Raises:
        UsageError, DataError: the variant is unknown, or an option has a value that cannot be used.
        TypeError: an option does not exist.
    """
    check_arguments(variant=(variant, str))
    (config,) = plan_on_series([_make_request((variant,), series, options, RunOptions)], series)
    return parse_config(config.to_json())  # refuses values of other types: the run could not be read again


def _make_request(variants: tuple[str, ...], series: Series, options: Mapping[str, Any], known: type) -> Request:
    """Return the request that the command would make for this series: the same file and the same reading options."""
    check_arguments(series=(series, Series))
    check_options(options, Request, get_type_hints(known))
    dataset = series.source.origin if series.time_column else series.source.name
    plain = {name: _make_plain(value) for name, value in options.items()}
    return Request(variants=variants, dataset=dataset, reading=series.reading, **plain)


def _make_plain(value: Any) -> Any:
    """Convert a NumPy number to a Python number, which a configuration can store."""
    return value.item() if isinstance(value, np.generic) else value


def _check_frame(**given: object) -> None:
    import pandas as pd

    check_arguments(**{name: (value, PATH | pd.DataFrame) for name, value in given.items()})


def _take_dataset(dataset: "str | Path | pd.DataFrame | None") -> "str | pd.DataFrame | None":
    """Return the data to forecast from in the form that the command takes, with a path as a string."""
    if dataset is None:
        return None
    _check_frame(dataset=dataset)
    return str(dataset) if isinstance(dataset, Path) else dataset


def make_windows(series: Series, protocol: Protocol) -> Windows:
    """Prepare a series for training and evaluation, as `rdrop train` does: standardised, with the rows of each period.

    Raises:
        UsageError: the protocol's lengths do not fit together.
        DataError: the series does not fit the protocol.
    """
    check_arguments(series=(series, Series), protocol=(protocol, Protocol))
    return _make_windows(series, protocol)


def cut_windows(
    windows: Windows, rows: Sequence[int] | npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Cut the windows that end before `rows`, which are rows of `windows.train`, `.validation` or `.test`.

    Returns:
        Standardised windows of shape (batch, time, feature), and the targets as the network learns them, of shape
        (batch,), or (batch, horizon) for several horizons: standardised or in the target's unit, by the protocol.

    Raises:
        UsageError: a row is in none of these.
    """
    check_arguments(windows=(windows, Windows), rows=(rows, Collection[int]))
    ends = np.asarray([*rows])
    elsewhere = ends[(ends < windows.train.start) | (ends >= windows.train.stop)]
    elsewhere = elsewhere[~np.isin(elsewhere, np.concatenate([windows.validation, windows.test]))]
    if len(elsewhere):
        raise ValueRefusedError("rows", int(elsewhere[0]), "rows of windows.train, .validation or .test")
    ends = ends.astype(np.int64)
    return windows.matrix[ends[:, np.newaxis] + windows.offsets], windows.get_labels(ends)


def make_model(config: RunConfig, windows: Windows) -> Any:
    """Build the network of a run: an uncompiled Keras model with the initial weights of its seed.

    It takes windows of shape (batch, time, feature) and returns a forecast for each horizon in the protocol's scale, of
    shape (batch, horizon); for quantiles, (batch, horizon · quantile), with all quantiles of the nearest horizon first.
    """
    from rdrop_cli.nn.models import build_model

    check_arguments(config=(config, RunConfig), windows=(windows, Windows))
    return build_model(config, len(windows.offsets), windows.matrix.shape[1])


def train(config: RunConfig, series: Series, runs_dir: str | Path = "runs", callback: Callback | None = None) -> Run:
    """Train a network in a new folder of `runs_dir`, as `rdrop train` does, and return its folder and metrics.

    Raises:
        DataError: the configuration was made for another series.
        RdropError: the loss is not finite.
        MemoryError: the network or its windows do not fit into memory.
        KeyboardInterrupt: training was stopped; `train_seeds` with the same options resumes it.
    """
    check_arguments(config=(config, RunConfig), series=(series, Series), runs_dir=(runs_dir, PATH))
    check_arguments(callback=(callback, Callback | None))
    make_folder = partial(create_run_folder, Path(runs_dir), config)
    metrics = train_run(config, series, make_folder, callback or Callback())
    return Run(RunFolder(Path(runs_dir) / metrics.run_id), metrics)


def train_seeds(
    variants: Sequence[str],
    series: Series,
    seeds: Sequence[int],
    runs_dir: str | Path = "runs",
    data_dir: str | Path = "data",
    jobs: int | None = None,
    scheduler: str | None = None,
    make_callback: Callable[[Task], Callback] = lambda task: Callback(),
    **options: Unpack[StudyOptions],
) -> list[Run]:
    """Train every variant with every seed, as `rdrop train` does with a list of seeds, and return all their runs.

    Complete runs in `runs_dir` are skipped and interrupted ones resumed, so the same call continues after a stop.

    Args:
        data_dir: the folder in which training processes find the dataset, as in `load_data`.
        jobs: number of runs to train in parallel, each in its own process; None for as many as cores and memory allow.
        scheduler: address of a Dask scheduler, such as tcp://HOST:8786, to train on its workers.
        make_callback: called for each run that is trained; returns its callback.
        options: as in `plan`, except `seed`; also `origins`, the number of splits of the series to train each run on,
            each later than the one before.

    Raises:
        UsageError, DataError: a run cannot be trained; nothing has been trained.
        RdropError: a run failed; all others are finished.
        KeyboardInterrupt: training was stopped.
    """
    check_arguments(variants=(variants, NAMES), seeds=(seeds, Collection[int]), jobs=(jobs, int | None))
    check_arguments(runs_dir=(runs_dir, PATH), data_dir=(data_dir, PATH), scheduler=(scheduler, str | None))
    check_arguments(make_callback=(make_callback, Callable))
    execution = Execution(Path(runs_dir), Path(data_dir), jobs, scheduler=scheduler)
    request = _make_request(tuple(variants), series, options, StudyOptions)
    wanted = [request.with_seed(seed) for seed in dict.fromkeys(map(_make_plain, seeds))]
    if not wanted:
        return []
    plan = plan_training(wanted, execution, skip_complete=True, series=series)
    for line in plan.describe_lost():
        warnings.warn(line, stacklevel=2)
    outcomes = run_plan(plan, execution, make_callback)
    failures = [outcome.failure for outcome in outcomes if outcome.failure]
    if failures:
        raise RdropError(f"{len(failures)} of {len(outcomes)} runs failed; the first: {failures[0]}")
    metrics = plan.complete + [outcome.metrics for outcome in outcomes if outcome.metrics]
    return [Run(RunFolder(execution.runs_dir / each.run_id), each) for each in metrics]


def forecast(
    names: Sequence[str | Path] = (),
    runs_dir: str | Path = "runs",
    data_dir: str | Path = "data",
    *,
    dataset: "str | Path | pd.DataFrame | None" = None,
    at: str | None = None,
    period: str | None = None,
    every: str | None = None,
    uncertainty: str | None = None,
    samples: int = SAMPLES,
) -> "pd.DataFrame":
    """Forecast with finished networks, as `rdrop forecast` does; return one row per target.

    The columns are `unique_id`, `cutoff` (the time of the newest reading), `ds` (the time of the target) and `y` (the
    target, if it is known). For a network `dropout`, `dropout` is its forecast, with the intervals `dropout-lo-80`,
    `dropout-hi-80` and so on, in the target's unit.

    Args:
        names: runs, or variants for the newest complete run of each seed; if empty, the newest network.
        dataset: data to forecast from, which may be newer; None for the readings that the run folder keeps.
        at: the time to forecast from; None for the newest readings.
        period: `test`, `validation` or `FROM..TO`, to forecast from each time in it; or `backtest`, the test period of
            each origin of the study up to the next origin's, with the networks trained at that origin.
        every: the time between the forecasts of a period, such as `1d`.
        uncertainty: sources, separated by commas: `quantiles`, `masks`, `seeds`, `residual`, and `conformal` or
            `adaptive-conformal`; or `none`.
        samples: dropout masks per window and run.

    Raises:
        UsageError: an argument is not valid; DataError: the data do not fit the network; RdropError: a run does not
            exist.
    """
    check_arguments(names=(names, NAMES), runs_dir=(runs_dir, PATH), data_dir=(data_dir, PATH), samples=(samples, int))
    check_arguments(at=(at, TEXT), period=(period, TEXT), every=(every, TEXT), uncertainty=(uncertainty, TEXT))
    named, when, data = [*map(str, names)], When(at, period, every), _take_dataset(dataset)
    forecasts, notes = forecast_runs(named, Path(runs_dir), Path(data_dir), when, data, uncertainty, samples)
    for line in notes:
        warnings.warn(line, stacklevel=2)
    return build_frame(forecasts)


def calibrate(
    names: Sequence[str | Path] = (),
    runs_dir: str | Path = "runs",
    data_dir: str | Path = "data",
    *,
    period: str = "test",
    dataset: "str | Path | pd.DataFrame | None" = None,
    uncertainty: Sequence[str] = (),
    samples: int = SAMPLES,
) -> "list[Calibration]":
    """Measure the calibration of forecast intervals, as `rdrop calibrate` does: one result per network and sources.

    Args:
        uncertainty: the combinations of sources to measure; if empty, all that are worth comparing.

    The other arguments and the exceptions are the same as for `forecast`.
    """
    from rdrop_cli.forecast.calibrate import calibrate_runs

    check_arguments(names=(names, NAMES), runs_dir=(runs_dir, PATH), data_dir=(data_dir, PATH), samples=(samples, int))
    check_arguments(period=(period, str), uncertainty=(uncertainty, Collection[str]))
    named, data = [*map(str, names)], _take_dataset(dataset)
    found, notes = calibrate_runs(named, Path(runs_dir), Path(data_dir), period, data, uncertainty, samples, keep=True)
    for line in notes:
        warnings.warn(line, stacklevel=2)
    return [each.calibration for each in found]


def judge(runs_dir: str | Path = "runs", names: Sequence[str] = ()) -> "StudyVerdict":
    """Judge the study's claims over seeds, by the runs of a folder or by the named ones, at the folder's planned looks.

    Raises:
        RdropError: the folder or a named run does not exist.
        DataError: the folder's plan of looks is damaged.
    """
    from rdrop_cli.analysis.looks import judge_runs

    check_arguments(runs_dir=(runs_dir, PATH), names=(names, NAMES))
    require_runs_folder(Path(runs_dir))
    return judge_runs([*map(str, names)], Path(runs_dir))


def read_runs(runs_dir: str | Path = "runs") -> list[Run]:
    """Read the runs of a folder, newest first; warn about each run that cannot be read.

    Raises:
        RdropError: the folder does not exist.
    """
    check_arguments(runs_dir=(runs_dir, PATH))
    require_runs_folder(Path(runs_dir))
    runs, skipped = _read_runs(list_run_folders(Path(runs_dir)))
    for run in skipped:
        warnings.warn(f"skipped: {run}", stacklevel=2)
    return runs
