"""Train a reference forecast in place of a network: it is fitted in a single epoch."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.forecasters.forecasters import FORECASTERS, State
from rdrop_cli.forecasters.seasonal import Rows
from rdrop_cli.runs.document import Environment
from rdrop_cli.runs.metrics import describe_machine
from rdrop_cli.series.windows import Windows, read_targets
from rdrop_cli.study.config import RunConfig

ENGINE = "none"  # no network is computed


class ForecasterTrainer:
    """Fits a reference forecast; `rdrop_cli.nn.trainer.KerasTrainer` documents the methods."""

    engine = ENGINE
    model_name = "forecast.npz"

    def __init__(self, config: RunConfig, windows: Windows) -> None:
        self._windows = windows
        self._sample = windows.sample_train_rows(config.protocol.train_windows_measured)
        self._forecaster = FORECASTERS[config.variant]()
        self._forecaster.check(windows)
        self._state: State = {}

    def train_epoch(self, epoch: int, on_step: Callable[[int, float], None]) -> float:
        """Fit on the training windows and tune on the validation windows; return the training error of the sample."""
        self._state = self._forecaster.fit(self._windows)
        return float(np.abs(self.measure_errors(self._sample)).mean(dtype=np.float64))

    def measure_errors(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Return the forecasts minus the targets, standardised: (window,) or (window, horizon)."""
        forecasts = self._forecaster.predict(self._state, self._windows, rows)
        return (forecasts - read_targets(self._windows, rows)).astype(np.float32)

    def get_state(self) -> Mapping[str, npt.NDArray[np.generic]]:
        return self._state

    def set_state(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self._state = {name: value.astype(np.float64) for name, value in state.items()}

    def describe_environment(self) -> Environment:
        """Return the versions and the system."""
        return describe_machine()

    def find_slowness(self) -> None:
        """Return None: nothing slows the training down."""

    def find_hidden_state(self) -> None:
        """Return None: the forecast is deterministic."""

    def save_model(self, path: Path) -> None:
        """Write the state as named NumPy arrays."""
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **self._state)
