"""The distribution of an ensemble's forecasts, from any of the sources of uncertainty."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.forecast.data import Data
from rdrop_cli.forecast.ensembles import Ensemble
from rdrop_cli.forecast.moments import find_complete, find_observed, find_origins, find_times, list_offsets
from rdrop_cli.forecast.predict import Predictor
from rdrop_cli.series.windows import Windows
from rdrop_cli.uncertainty.conformal import Conformal
from rdrop_cli.uncertainty.sources import Sources
from rdrop_cli.uncertainty.spread import Parts, find_centre, find_quantiles, fit_noise, split_variance

MOST_CALIBRATION = 2000  # validation windows, evenly spaced: neighbours tell the same
MOST_PAST = 1000  # windows before the first one, on which adaptive intervals have been corrected by then
Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Distribution:
    """Forecasts with their uncertainty, in the target's unit.

    Attributes:
        rows: before which the windows end.
        origins: the time of the newest reading, shape (window,).
        times: of the targets, shape (window, step).
        observed: the targets, shape (window, step); NaN where they are not known.
        centre: the forecasts, shape (window, step): of masks and seeds the mean, of quantiles the median.
        quantiles: at `rdrop_cli.uncertainty.spread.LEVELS`, shape (step, level, window); None without sources.
        parts: of the variance, one for each step.
    """

    rows: Rows
    origins: npt.NDArray[np.datetime64]
    times: npt.NDArray[np.datetime64]
    observed: Values
    centre: Values
    quantiles: Values | None
    parts: tuple[Parts, ...]


@dataclass(eq=False)
class Forecaster:
    """Forecasts with an ensemble; what was predicted once is not predicted again.

    Attributes:
        samples: masks of dropout for each window and run.
    """

    ensemble: Ensemble
    data: Data
    samples: int
    _members: dict[tuple[int, bool, bool, bytes], Values] = field(default_factory=dict)
    _predictors: dict[int, Predictor] = field(default_factory=dict)

    def forecast(self, rows: Rows, sources: Sources) -> Distribution:
        """Forecast the windows that end before `rows`, which are in the order of time.

        Raises:
            UsageError: the ensemble has no such source.
            DataError: there are no validation windows to calibrate with.
        """
        self._check(sources)
        windows = self.data.windows
        past = self._find_past(rows) if sources.adaptive else rows[:0]
        every = np.concatenate([past, rows])
        members = self._choose_members(windows, every, sources)
        quantiles, parts = [], []
        for step in range(len(list_offsets(windows))):
            found, of_step = self._spread(members[..., step], every, sources, step)
            quantiles.append(found[:, len(past) :])
            parts.append(Parts(*(part[len(past) :] for part in of_step)))
        return Distribution(
            rows=rows,
            origins=find_origins(windows, rows),
            times=find_times(windows, rows),
            observed=find_observed(windows, rows),
            centre=find_centre(self._predict(windows, every, replace(sources, quantiles=False)))[len(past) :],
            quantiles=np.stack(quantiles) if sources.has_intervals else None,
            parts=tuple(parts),
        )

    def _check(self, sources: Sources) -> None:
        if sources.quantiles and not self.ensemble.has_quantiles:
            raise UsageError(
                f"{self.ensemble.label} forecasts no quantiles; train one with <loss> quantile, or leave quantiles out",
                field="uncertainty",
            )
        if sources.masks and not self.ensemble.has_masks:
            raise UsageError(f"{self.ensemble.label} has no dropout, so no masks; leave masks out", field="uncertainty")
        if sources.seeds and len(self.ensemble.runs) < 2:
            raise UsageError(
                f"{self.ensemble.label} has one run, so no spread of seeds; name more runs or leave seeds out",
                field="uncertainty",
            )
        if sources.calibrates and not (self.data.calibration and len(self.data.calibration.validation)):
            raise DataError(
                f"{self.ensemble.runs[0].folder.run_id}: keeps no validation readings, which {sources} needs (runs of "
                "older versions do not); pass the file that it was trained on as <dataset>, or choose masks or seeds"
            )

    def _choose_members(self, windows: Windows, rows: Rows, sources: Sources) -> Values:
        """Return members of shape (seed, mask, draw, window, step) that vary by the chosen sources alone."""
        members = self._predict(windows, rows, sources)
        if not sources.seeds:  # the mean over seeds is the forecast all the same
            members = members - members.mean(axis=(1, 2), keepdims=True) + find_centre(members)
        return members

    def _predict(self, windows: Windows, rows: Rows, sources: Sources) -> Values:
        key = id(windows), sources.masks, sources.quantiles, rows.tobytes()
        if key not in self._members:
            predictor = self._predictors.setdefault(id(windows), Predictor(self.ensemble, windows))
            masks = self.samples if sources.masks else 0
            self._members[key] = predictor.predict(rows, masks, sources.quantiles)
        return self._members[key]

    def _spread(self, members: Values, rows: Rows, sources: Sources, step: int) -> tuple[Values, Parts]:
        """Return the quantiles (level, window) of one step, and the parts of its variance."""
        noise = conformal = None
        if sources.calibrates:
            windows = self.data.calibration
            assert windows is not None
            chosen = choose_evenly(np.asarray(windows.validation, np.int64), MOST_CALIBRATION)
            observed = find_observed(windows, chosen)[:, step]
            known = self._choose_members(windows, chosen, sources)[..., step]
            noise = fit_noise(known, observed) if sources.residual else None
            if sources.conformal or sources.adaptive:
                conformal = Conformal.fit(find_quantiles(known, noise), observed)
        parts, quantiles = split_variance(members, noise), find_quantiles(members, noise)
        if conformal is None:
            return quantiles, parts
        if not sources.adaptive:
            return conformal.widen(quantiles), parts
        times, origins = find_times(self.data.windows, rows)[:, step], find_origins(self.data.windows, rows)
        known_then = np.searchsorted(times, origins, side="right")
        return conformal.adapt(quantiles, find_observed(self.data.windows, rows)[:, step], known_then), parts

    def _find_past(self, rows: Rows) -> Rows:
        """Return windows before the first of `rows`, evenly spaced, whose targets are known."""
        windows = self.data.windows
        first = -int(windows.offsets[0])
        last = min(int(rows[0]) - 1, len(windows.target) - 1 - max(list_offsets(windows)))
        before = np.arange(last, first - 1, -windows.step_rows)[::-1]
        return choose_evenly(before[find_complete(windows, before)], MOST_PAST)


def choose_evenly(rows: Rows, most: int) -> Rows:
    """Return at most so many of the rows, evenly spaced, the first and the last among them."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
