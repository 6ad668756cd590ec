"""Reference forecasts by name: fitted on training, tuned on validation, each with arrays as its state."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import UsageError
from rdrop_cli.forecasters.boosting import fit_boosting, summarise_windows
from rdrop_cli.forecasters.linear import (
    PENALTIES,
    Design,
    fit_ridge,
    predict_all,
    take_changes,
    take_trend_and_rest,
    take_window,
)
from rdrop_cli.forecasters.seasonal import (
    SMOOTHING_DAYS,
    Climatology,
    Rows,
    Values,
    count_day_rows,
    fit_damping,
    read_season_before,
)
from rdrop_cli.series.windows import Windows, read_newest, read_targets

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

State = dict[str, npt.NDArray[np.float64]]


class Forecaster:
    """The naive forecast, which has no parameters; subclasses fit some.

    Forecasts are standardised, of shape (window,) or (window, horizon).
    """

    def check(self, windows: Windows) -> None:
        """Raise a UsageError if the windows cannot be forecast."""

    def fit(self, windows: Windows) -> State:
        """Return the state that is learnt from the training windows and chosen on the validation windows."""
        return {}

    def predict(self, state: State, windows: Windows, rows: Rows) -> Values:
        """Forecast the targets of the windows that end before `rows`."""
        return read_newest(windows, rows)


class SeasonalNaive(Forecaster):
    """The newest reading of the target's time of day."""

    def check(self, windows: Windows) -> None:
        count_day_rows(windows)

    def predict(self, state: State, windows: Windows, rows: Rows) -> Values:
        return read_season_before(windows, rows)


@dataclass(frozen=True)
class Seasonal(Forecaster):
    """Climatology; `damped` adds the share of today's anomaly that remains at the target (damped persistence)."""

    damped: bool

    def fit(self, windows: Windows) -> State:
        def fit_one(days: int) -> State:
            climatology = Climatology.fit(windows, days)
            damping = fit_damping(climatology, windows) if self.damped else np.zeros(1)
            return {"table": climatology.table, "damping": damping, "smoothing_days": np.array([days])}

        return self._choose(map(fit_one, SMOOTHING_DAYS), windows)

    def _choose(self, states: Iterable[State], windows: Windows) -> State:
        targets = read_targets(windows, windows.validation)

        def measure(state: State) -> float:
            return float(np.abs(self.predict(state, windows, windows.validation) - targets).mean())

        return min(states, key=measure)

    def predict(self, state: State, windows: Windows, rows: Rows) -> Values:
        climatology = Climatology(state["table"])
        forecast = climatology.predict(windows, rows)
        if self.damped:
            shares = state["damping"].reshape(windows.target_offsets.shape)
            forecast += np.multiply.outer(climatology.find_anomaly(windows, rows), shares)
        return forecast


@dataclass(frozen=True)
class Linear(Forecaster):
    """Ridge regression on the inputs that a design takes from the windows; several horizons share a penalty."""

    design: Design

    def check(self, windows: Windows) -> None:
        if self.design is take_changes and len(windows.offsets) < 2:
            raise UsageError(
                "nlinear needs windows of two timesteps, whose change it reads; they have one",
                field="lookback",
                change=("lookback", "every"),
            )

    def fit(self, windows: Windows) -> State:
        weights = fit_ridge(self.design, windows)
        targets = read_targets(windows, windows.validation)
        errors = np.abs(predict_all(self.design, weights, windows, windows.validation) - targets[:, None]).mean(axis=0)
        chosen = int(errors.reshape(len(PENALTIES), -1).mean(axis=1).argmin())
        return {"weights": weights[:, chosen], "penalty": np.array([PENALTIES[chosen]])}

    def predict(self, state: State, windows: Windows, rows: Rows) -> Values:
        return predict_all(self.design, state["weights"][:, None], windows, rows)[:, 0]


class Boosting(Forecaster):
    """Gradient boosting; another process grows the trees again and takes their number from the state."""

    def __init__(self) -> None:
        self._model: HistGradientBoostingRegressor | None = None

    def fit(self, windows: Windows) -> State:
        self._model, errors = fit_boosting(windows)
        return {"trees": np.array([1.0 + errors.argmin()])}

    def predict(self, state: State, windows: Windows, rows: Rows) -> Values:
        if self._model is None:
            self._model, _ = fit_boosting(windows)
        trees = int(state["trees"][0])
        changes = self._model.staged_predict(summarise_windows(windows, rows))
        change: Values = next(islice(changes, trees - 1, None))
        return read_newest(windows, rows) + change


def fit_climatology(windows: Windows) -> Climatology:
    """Return the climatology of the training rows, with the smoothing that is best on the validation windows."""
    return Climatology(Seasonal(damped=False).fit(windows)["table"])


FORECASTERS: dict[str, Callable[[], Forecaster]] = {
    "naive": Forecaster,
    "seasonal-naive": SeasonalNaive,
    "climatology": lambda: Seasonal(damped=False),
    "damped-persistence": lambda: Seasonal(damped=True),
    "ridge": lambda: Linear(take_window),
    "nlinear": lambda: Linear(take_changes),
    "dlinear": lambda: Linear(take_trend_and_rest),
    "gradient-boosting": Boosting,
}
