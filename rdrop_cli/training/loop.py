"""Run one training from its first epoch to its last file, or resume it where it stopped.

This module depends on neither Keras nor the terminal: the network is a `Trainer`; progress goes to a `Callback`.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.files import replace_atomically, write_text
from rdrop_cli.forecasters.forecasters import fit_climatology
from rdrop_cli.runs.checkpoint import Checkpoint, State, load_checkpoint, remove_old_checkpoints, save_checkpoint
from rdrop_cli.runs.document import Metrics, Status
from rdrop_cli.runs.figures import QuantileErrors
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import Epoch, History
from rdrop_cli.runs.metrics import Setting, build_metrics, describe_horizons
from rdrop_cli.runs.readings import keep_newest, save_readings
from rdrop_cli.runs.record import write_record
from rdrop_cli.runs.schema import render_metrics, write_metrics
from rdrop_cli.series.forecast_errors import average_by_day, average_by_horizon
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.training.interruption import CheckSignals
from rdrop_cli.training.measured import Measured, join, measure

Errors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64] | range
WINDOWS_AT_ONCE = 8192  # measured between two checks for signals


class Trainer(Protocol):
    """A network in training; see `rdrop_cli.nn.trainer` for the meaning of the methods."""

    def train_epoch(self, epoch: int, on_step: Callable[[int, float], None]) -> float: ...
    def measure_errors(self, rows: Rows) -> Errors: ...
    def get_state(self) -> State: ...
    def set_state(self, state: State) -> None: ...
    def save_model(self, path: Path) -> None: ...
    @property
    def model_name(self) -> str: ...


class Callback:
    """Receives the progress of a run and does nothing with it; override the methods that you need."""

    def begin(self, run_id: str, config: RunConfig, epochs_done: int, target_std: float) -> None:
        """Called when a run starts or resumes; multiply an error by `target_std` to get it in the target's own unit."""

    def step(self, epoch: int, step: int, loss: float) -> None:
        """Called after a training step with its loss; both numbers count from 1."""

    def measure(self, what: str) -> None:
        """Called before errors are measured on `what`."""

    def epoch(self, epoch: Epoch) -> None:
        """Called with the figures of an epoch after they are written to the disk."""

    def note(self, text: str) -> None:
        """Called with any other line that the user needs to see."""

    def end(self) -> None:
        """Called last, when the run is complete or has failed."""


class EpochLog(Protocol):
    """Also writes the epochs in the format of another program; see `rdrop_cli.nn.events`."""

    def begin(self, history: History) -> None: ...
    def add(self, epoch: Epoch) -> None: ...


class DivergedError(RdropError):
    """The loss of a run is no longer a finite number."""


class TrainingLoop:
    """One run: its configuration, data, network and folder, and the epochs so far."""

    def __init__(
        self,
        folder: RunFolder,
        windows: Windows,
        setting: Setting,
        trainer: Trainer,
        callback: Callback,
        log: EpochLog | None = None,
        check_signals: CheckSignals = lambda: None,
    ) -> None:
        self.folder = folder
        self.config = folder.read_config()
        self._windows = windows
        self._setting = setting
        self._trainer = trainer
        self._callback = callback
        self._log = log
        self._check_signals = check_signals
        self._history = History(best_by=self.config.protocol.best_by)
        self._best: State = {}
        self._build_metrics = partial(
            build_metrics, folder.written_id, folder.read_created_at(), self.config, setting, self._history
        )

    @property
    def epochs_done(self) -> int:
        """The number of epochs that are on the disk."""
        return len(self._history.epochs)

    @property
    def has_ended(self) -> bool:
        """Whether the next step is `finish`."""
        return self._history.has_ended(self.config.epochs, self.config.protocol.patience)

    def begin(self) -> None:
        """Restore the last checkpoint, if there is one.

        Raises:
            DataError: no checkpoint can be read, or it belongs to another configuration.
        """
        self._restore()
        self._callback.begin(self.folder.run_id, self.config, self.epochs_done, self._setting.target_std)
        self._write_metrics("interrupted")  # true until the last line of `finish` is reached
        if self._log:
            self._log.begin(self._history)

    def run_epoch(self) -> None:
        """Train and measure the next epoch, and write it to the disk.

        Raises:
            DivergedError: a loss is not finite; the run has ended as `failed`, with its last good state kept.
        """
        with self._record_failure():
            self._run_epoch(self.epochs_done + 1)

    def restore_best(self) -> None:
        """Restore the network of the best epoch after the last epoch."""
        if self.epochs_done < self.config.epochs:
            self._callback.note(
                f"{self.folder.run_id}: ends after epoch {self.epochs_done}; validation has not improved for "
                f"{self._history.epochs_since_best}"
            )
        self._trainer.set_state(self._best)

    def finish(self) -> Metrics:
        """Measure the test windows with the best epoch's network, write the final files and return the metrics.

        Raises:
            DivergedError: as for `run_epoch`.
        """
        with self._record_failure():
            return self._finish()

    @contextmanager
    def _record_failure(self) -> Iterator[None]:
        try:
            yield
        except DivergedError as error:
            self._write_metrics("failed", failure=str(error))
            raise

    def _restore(self) -> None:
        checkpoint, damaged = load_checkpoint(self.folder.checkpoints_path)
        for line in damaged:
            self._callback.note(f"skipping corrupt checkpoint: {line}")
        if checkpoint:
            self._check_origin(checkpoint)
            self._trainer.set_state(checkpoint.state)
            self._history.epochs, self._best = checkpoint.history.epochs, checkpoint.best

    def _check_origin(self, checkpoint: Checkpoint) -> None:
        """Refuse an intact checkpoint that this configuration cannot have written."""
        shapes = _describe_shapes(self._trainer.get_state())  # empty for a reference forecast that is not fitted yet
        numbers = [epoch.epoch for epoch in checkpoint.history.epochs]
        if (
            not 1 <= len(numbers) <= self.config.epochs
            or numbers != list(range(1, len(numbers) + 1))
            or any(shapes and _describe_shapes(state) != shapes for state in (checkpoint.state, checkpoint.best))
        ):
            raise DataError(
                f"{self.folder.checkpoints_path}: the checkpoint does not match {self.folder.config_path.name}; "
                "start a new run"
            )

    def _run_epoch(self, number: int) -> None:
        start = time.monotonic()

        def on_step(step: int, loss: float) -> None:
            if not math.isfinite(loss):
                raise DivergedError(f"{self.folder.run_id}: the loss is {loss} at epoch {number}, step {step}")
            self._callback.step(number, step, loss)
            self._check_signals()

        loss = self._trainer.train_epoch(number, on_step)
        train_seconds = time.monotonic() - start
        val = self._measure(number, "validation", self._windows.validation)
        sample = self._windows.sample_train_rows(self.config.protocol.train_windows_measured)
        train_mae = self._measure(number, "training", sample).mae
        seconds = time.monotonic() - start
        times = train_seconds, seconds
        epoch = Epoch(number, loss, val.mae, train_mae, *times, val.mse, val.pinball, val.maes)
        self._history.epochs.append(epoch)
        self._commit()
        if self._log:
            self._log.add(epoch)
        self._callback.epoch(epoch)

    def _measure(self, number: int, what: str, rows: Rows) -> Measured:
        """Measure the forecasts for windows.

        Raises:
            DivergedError: their error is not finite.
        """
        self._callback.measure(what)
        pieces = []
        for start in range(0, len(rows), WINDOWS_AT_ONCE):
            self._check_signals()
            errors = self._trainer.measure_errors(rows[start : start + WINDOWS_AT_ONCE])
            pieces.append(measure(errors, self.config.protocol.quantiles))
        self._check_signals()
        measured = join(pieces)
        if not math.isfinite(measured.mae):
            raise DivergedError(f"{self.folder.run_id}: the {what} error is {measured.mae} after epoch {number}")
        return measured

    def _commit(self) -> None:
        """Save the checkpoint, which is authoritative, then the files derived from it for readers."""
        state = self._trainer.get_state()
        if self._history.best is self._history.last:
            self._best = state
        save_checkpoint(self.folder.checkpoints_path, Checkpoint(state, self._best, self._history))
        if self._history.best is self._history.last:
            self._save_model()
        self._write_history()
        self._write_metrics("interrupted")

    def _write_history(self) -> None:
        text = self._history.to_csv(self._setting.target_std, self.config.own_protocol.leads)
        write_text(self.folder.history_path, text)

    def _save_model(self) -> None:
        with replace_atomically(self.folder.path / self._trainer.model_name) as temporary:
            self._trainer.save_model(temporary)

    def _finish(self) -> Metrics:
        from rdrop_cli.plots.loss import draw_run

        remove_old_checkpoints(self.folder.checkpoints_path)  # a kill may have left an extra one
        self._save_model()
        val = self._measure_by_day("validation", "val_mae", self._windows.validation, self.folder.daily_errors_path)
        test = self._measure_by_day("test", "test_mae", self._windows.test, self.folder.daily_test_errors_path)
        self._write_history()
        if self.config.is_network:
            climatology = fit_climatology(self._windows).table
            measured = self._windows.hide_filled(self.config.protocol.target)
            save_readings(self.folder.readings_path, keep_newest(measured, climatology))
        maes = average_by_horizon(val.errors), average_by_horizon(test.errors)
        at_horizons = describe_horizons(self.config.protocol, self._setting, *maes)
        metrics = self._build_metrics("completed", test.mae, None, at_horizons, _describe_quantiles(val, test))
        try:
            draw_run(metrics, self.folder.plot_path)
        except Exception as error:  # the numbers are saved, and `rdrop plot` can draw them
            self._callback.note(f"{self.folder.plot_path}: not drawn ({type(error).__name__}: {error})")
        write_record(self.folder, render_metrics(metrics))
        write_metrics(self.folder.metrics_path, metrics)
        return metrics

    def _measure_by_day(self, what: str, column: str, rows: Rows, path: Path) -> Measured:
        """Measure the best network, and write its errors by day to show how much of them is due to this one period."""
        measured = self._measure(self._history.best.epoch, what, rows)
        days = average_by_day(self._windows, rows, measured.errors)
        lines = [f"day,windows,{column}", *(f"{day},{count},{error!r}" for day, count, error in days)]
        write_text(path, "\n".join(lines) + "\n")
        return measured

    def _write_metrics(self, status: Status, failure: str | None = None) -> None:
        write_metrics(self.folder.metrics_path, self._build_metrics(status, failure=failure))


def _describe_quantiles(val: Measured, test: Measured) -> QuantileErrors | None:
    if val.pinball is None or test.pinball is None:
        return None
    return QuantileErrors(
        val_pinball=val.pinball, test_pinball=test.pinball, val_crossed=val.crossed, test_crossed=test.crossed
    )


def _describe_shapes(state: State) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return the shape and the type of every variable."""
    return {name: (value.shape, value.dtype.str) for name, value in state.items()}
