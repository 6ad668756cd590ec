"""Train part of a run again in a separate folder, and compare the result with the run, to the bit.

A replay can begin only where the run has its state: at the checkpoints after its last two epochs, or at the start.
"""

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.analysis.coverage import read_daily_coverage
from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.files import read_small_text
from rdrop_cli.forecast.coverage import measure_again
from rdrop_cli.runs.checkpoint import Checkpoint, list_checkpoints, read_checkpoint
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import Epoch
from rdrop_cli.series.table import Series
from rdrop_cli.study.config import RunConfig
from rdrop_cli.training.loop import Callback
from rdrop_cli.training.train import train_run

ROUNDING = 1e-3  # relative: the effect of float32 sums in another order over some epochs; other data cause more
FIGURES = ("loss", "val_loss", "train_mae", "val_mse", "val_pinball")


@dataclass(frozen=True)
class Replay:
    """The comparison of a run with its replay.

    Attributes:
        what: description of the part that was made again.
        differences: largest relative difference of each file that differs; empty if all bits are the same.
        environment: the differences between the two environments: `numpy 2.4.0, here 2.5.0`.
    """

    what: str
    differences: Mapping[str, float]
    environment: tuple[str, ...]

    @property
    def faults(self) -> dict[str, float]:
        """The differences that are larger than rounding."""
        return {name: size for name, size in self.differences.items() if not size <= ROUNDING}

    def __str__(self) -> str:
        if not self.differences:
            return f"{self.what}: the same to the bit"
        where = f"; trained with {', '.join(self.environment)}" if self.environment else ""
        if self.faults:
            return f"{self.what}: not the same{where}"
        return f"{self.what}: the same up to rounding, {max(self.differences.values()):.1g} at most{where}"


class NothingToReplayError(RdropError):
    """A run has not progressed far enough to compare it with a replay; this is not a fault of the run."""


class _EnoughError(Exception):
    """The last epoch to train again is done."""


class _StopAfter(Callback):
    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def epoch(self, epoch: Epoch) -> None:
        if epoch.epoch >= self._epoch:
            raise _EnoughError


def replay_run(folder: RunFolder, load: Callable[[RunConfig], Series], epochs: int) -> Replay:
    """Train epochs of a run again and compare the results.

    Args:
        folder: the run.
        load: returns the series of the run; called only if there is something to replay.
        epochs: 0: make only the results of the newest checkpoint again: the model, the errors by day and the test
            error. 1: train the last epoch from the checkpoint before it, and make its results again. More: train that
            many epochs from the start, or all if the run has no more.

    Raises:
        NothingToReplayError: the run has finished no epoch, or only the results of the newest checkpoint are to be made
            again and the run is not complete.
        RdropError: there is no checkpoint to begin at, or the data are not the run's own.
    """
    config, metrics = folder.read_config(), folder.read_metrics()
    if not metrics.has_epochs:
        raise NothingToReplayError("no epoch is finished, so there is nothing to train again")
    kept = _read_checkpoints(folder)
    done = max(kept, default=0)
    if not done:
        raise RdropError(f"{folder.run_id}: no checkpoint can be read, so there is nothing to compare a replay with")
    start = done - epochs if epochs < 2 else 0
    if start and start not in kept:
        raise RdropError(f"{folder.run_id}: no checkpoint of epoch {start}; replay 2 epochs or more, from the start")
    last = done if start or epochs >= done else epochs
    if start == last and metrics.status != "completed":
        raise NothingToReplayError("it is not complete, so nothing was made from its newest checkpoint yet")
    series = load(config)
    with TemporaryDirectory(prefix="rdrop-replay-") as scratch:
        again = RunFolder(Path(scratch) / folder.run_id)
        again.checkpoints_path.mkdir(parents=True)
        shutil.copyfile(folder.config_path, again.config_path)
        if start:
            shutil.copy(kept[start], again.checkpoints_path)
        is_whole = last == done and metrics.status == "completed"
        with suppress(_EnoughError):
            train_run(config, series, lambda: again, Callback() if is_whole else _StopAfter(last))
        pairs = _list_pairs(folder, again, kept, is_whole)
        differences = {name: size for name, one, other in pairs if (size := _measure_difference(one, other))}
        environment = _compare_environments(metrics, again.read_metrics())
    return Replay(_describe(start, last, done), differences, environment)


def _describe(start: int, last: int, done: int) -> str:
    if start == last:
        return f"made again from epoch {start}"
    which = f"epoch {last}" if last == start + 1 else f"epochs {start + 1} to {last}"
    return f"{which} of {done} trained again from {f'the checkpoint of epoch {start}' if start else 'the start'}"


def _read_checkpoints(folder: RunFolder) -> dict[int, Path]:
    """Return the intact checkpoints by epoch."""
    kept = {}
    for path in list_checkpoints(folder.checkpoints_path):
        try:
            kept[len(read_checkpoint(path).history.epochs)] = path
        except Exception:
            continue
    return kept


def _list_pairs(
    folder: RunFolder, again: RunFolder, kept: Mapping[int, Path], is_whole: bool
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of each file to compare, and its arrays by name in both runs, or None if it cannot be read."""
    made = _read_checkpoints(again)
    one, other = read_checkpoint(kept[max(kept)]), read_checkpoint(made[max(made)])
    figures, made_figures = (_take_figures(each, max(made)) for each in (one, other))
    # An earlier version measured fewer.
    yield "history.csv", figures, {name: curve for name, curve in made_figures.items() if name in figures}
    for epoch in kept.keys() & made.keys():
        yield (
            f"checkpoints/{kept[epoch].name}",
            _flatten(read_checkpoint(kept[epoch])),
            _flatten(read_checkpoint(made[epoch])),
        )
    if is_whole:
        yield "metrics.json", _take_measured(folder.read_metrics()), _take_measured(again.read_metrics())
        for path in (folder.daily_errors_path, folder.daily_test_errors_path):
            if path.exists():  # earlier versions wrote none
                yield path.name, _read_table(path), _read_table(again.path / path.name)
        if folder.daily_coverage_path.exists():
            measure_again(again)
            path = folder.daily_coverage_path
            yield path.name, _read_coverage(path), _read_coverage(again.daily_coverage_path)
        for path in again.path.iterdir():  # the network or the fitted reference forecast, and the readings
            if path.suffix in (".keras", ".npz") and (path != again.readings_path or folder.readings_path.exists()):
                yield path.name, _read_model(folder.path / path.name), _read_model(path)


def _take_figures(checkpoint: Checkpoint, epochs: int) -> dict[str, npt.NDArray[Any]]:
    figures = [(name, checkpoint.history.curve(name)[:epochs]) for name in FIGURES]
    return {name: np.array(curve) for name, curve in figures if None not in curve}


def _flatten(checkpoint: Checkpoint) -> dict[str, npt.NDArray[Any]]:
    return {f"{part} {name}": array for part in ("state", "best") for name, array in getattr(checkpoint, part).items()}


def _take_measured(metrics: Metrics) -> dict[str, npt.NDArray[Any]]:
    """Return the figures that are measured with the network or the data and are in no other file."""
    figures = {"target_std": metrics.target_std, "naive": metrics.naive.val_mae}
    figures |= {"test": metrics.test.mae if metrics.test else np.nan}
    for each in metrics.by_horizon:
        figures |= {f"validation {each.lead_rows}": each.val_mae, f"test {each.lead_rows}": each.test_mae}
    return {name: np.array(figure) for name, figure in figures.items()}


def _read_table(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    """Return the columns of a table of days by name; None if it cannot be read."""
    try:
        head, *rows = (line.split(",") for line in read_small_text(path).splitlines())
        columns = dict(zip(head, zip(*rows, strict=True), strict=True))
        return {name: np.array(cells, "datetime64[D]" if name == "day" else float) for name, cells in columns.items()}
    except (OSError, ValueError):
        return None


def _read_coverage(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    try:
        coverage = read_daily_coverage(path)
    except DataError:
        return None
    if coverage is None:
        return None
    return {"day": np.array(coverage.days, "datetime64[D]"), "targets": coverage.targets, **coverage.held}


def _read_model(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    """Return the arrays of a model file by name, except the counters that Keras keeps for its own masks."""
    import h5py

    arrays: dict[str, npt.NDArray[Any]] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "seed_generator" not in name:
            arrays[name] = item[()]

    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        with zipfile.ZipFile(path) as archive:
            content = archive.read("model.weights.h5")
        with h5py.File(io.BytesIO(content), "r") as weights:
            weights.visititems(keep)
    except Exception:  # zipfile, HDF5 and NumPy raise exceptions of many kinds
        return None
    return arrays


def _measure_difference(one: Any, other: Any) -> float:
    """Return the largest difference between two tables of arrays, relative to the largest value of the array."""
    if one is None or other is None or one.keys() != other.keys():
        return float("inf")
    return max((_compare_arrays(one[name], other[name]) for name in one), default=0.0)


def _compare_arrays(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    if one.shape != other.shape or one.dtype != other.dtype:
        return float("inf")
    if one.tobytes() == other.tobytes():
        return 0.0
    if one.dtype.kind != "f":
        return float("inf")
    known = ~np.isnan(one)  # of the kept readings, those that were filled are NaN
    if not known.any() or (known != ~np.isnan(other)).any():
        return float("inf")
    one, other = one[known], other[known]
    size = float(np.abs(one).max())
    return float(np.abs(one - other).max()) / size if size and np.isfinite(size) else float("inf")


def _compare_environments(metrics: Metrics, again: Metrics) -> tuple[str, ...]:
    one = {"engine": metrics.engine} | metrics.environment.known()
    other = {"engine": again.engine} | again.environment.known()
    names = [name for name in one if name != "engine_reason" and one[name] != other.get(name)]
    return tuple(f"{name} {one[name]}, here {other.get(name)}" for name in names)
