"""The distribution of an ensemble's forecasts, from any of the sources of uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, UsageError, ValueRefusedError
from rdrop_cli.forecast.data import Data
from rdrop_cli.forecast.ensembles import Ensemble
from rdrop_cli.forecast.moments import find_complete, find_known, find_observed, find_origins, find_times, list_offsets
from rdrop_cli.forecast.predict import Outputs, Predictor
from rdrop_cli.series.windows import Windows
from rdrop_cli.uncertainty.conformal import Conformal
from rdrop_cli.uncertainty.sources import Sources
from rdrop_cli.uncertainty.spread import Parts, find_centre, find_quantiles, fit_noise, split_variance

MOST_CALIBRATION = 2000  # validation windows, evenly spaced: neighbours add no information
WINDOWS_AT_ONCE = 2048  # predicted together; predictions of more windows are not cached
LEAST_SAMPLES = 2  # fewer have no spread
MOST_PAST = 1000  # windows before the first one, by which adaptive intervals are corrected beforehand
Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Distribution:
    """Forecasts with their uncertainty, in the target's unit.

    Attributes:
        rows: the rows before which the windows end.
        origins: times of the newest readings, shape (window,).
        times: times of the targets, shape (window, step).
        observed: the targets, shape (window, step); NaN if unknown.
        centre: the forecasts, shape (window, step): the mean over masks and seeds, the median of quantiles.
        quantiles: at `rdrop_cli.uncertainty.spread.LEVELS`, shape (step, level, window); None without sources.
        parts: parts of the variance, for each step.
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
    """Forecasts with an ensemble; predictions are cached.

    Attributes:
        samples: masks of dropout for each window and run.
    """

    ensemble: Ensemble
    data: Data
    samples: int
    _outputs: dict[tuple[int, bool, bytes], Outputs] = field(default_factory=dict)
    _predictors: dict[int, Predictor] = field(default_factory=dict)

    def forecast(self, rows: Rows, sources: Sources) -> Distribution:
        """Forecast the windows that end before `rows`, which are in order of time.

        Raises:
            UsageError: the ensemble lacks a source, or there are too few samples for it.
            DataError: there are no validation windows to calibrate with.
        """
        self._check(sources)
        windows, steps = self.data.windows, range(len(list_offsets(self.data.windows)))
        past = self._find_past(rows) if sources.adaptive else rows[:0]
        every = np.concatenate([past, rows])
        learnt = [self._learn(sources, step) for step in steps]
        pieces = [
            self._spread(block[start : start + WINDOWS_AT_ONCE], sources, learnt, keep=len(rows) <= WINDOWS_AT_ONCE)
            for block in (past, rows)
            for start in range(0, len(block), WINDOWS_AT_ONCE)
        ]
        centres, spreads, variances = zip(*pieces, strict=True)
        quantiles = np.concatenate(spreads, axis=2)
        for step, (_, conformal) in enumerate(learnt):
            if conformal is not None:
                quantiles[step] = self._make_conformal(conformal, quantiles[step], every, sources, step)
        parts = [Parts(*(np.concatenate(each)[len(past) :] for each in zip(*of_step, strict=True)))
                 for of_step in zip(*variances, strict=True)]  # fmt: skip
        return Distribution(
            rows=rows,
            origins=find_origins(windows, rows),
            times=find_times(windows, rows),
            observed=find_observed(windows, rows),
            centre=np.concatenate(centres)[len(past) :],
            quantiles=quantiles[:, :, len(past) :] if sources.has_intervals else None,
            parts=tuple(parts),
        )

    def take_run(self, number: int) -> "Forecaster":
        """Return a forecaster with one run of the ensemble and the cached predictions of that run."""
        alone = replace(self.ensemble, runs=self.ensemble.runs[number : number + 1])
        outputs = {key: of_all[number : number + 1] for key, of_all in self._outputs.items()}
        return Forecaster(alone, self.data, self.samples, outputs)

    def _check(self, sources: Sources) -> None:
        if sources.quantiles and not self.ensemble.has_quantiles:
            raise UsageError(
                f"{self.ensemble.label} forecasts no quantiles; train one with ‹loss› quantile, or leave quantiles out",
                field="uncertainty",
            )
        if sources.masks and not self.ensemble.has_masks:
            raise UsageError(f"{self.ensemble.label} has no dropout, so no masks; leave masks out", field="uncertainty")
        if sources.masks and self.samples < LEAST_SAMPLES:
            raise ValueRefusedError("samples", self.samples, f"at least {LEAST_SAMPLES}")
        if sources.seeds and len(self.ensemble.runs) < 2:
            raise UsageError(
                f"{self.ensemble.label} has one run, so no spread of seeds; name more runs or leave seeds out",
                field="uncertainty",
            )
        if sources.calibrates and not (self.data.calibration and len(choose_calibration(self.data.calibration))):
            raise DataError(
                f"{self.ensemble.runs[0].folder.run_id}: keeps no validation readings, which {sources} needs (runs of "
                "older versions do not); pass the file that it was trained on as ‹dataset›, or choose masks or seeds"
            )

    def _predict(self, windows: Windows, rows: Rows, masks: bool, keep: bool = True) -> Outputs:
        key = id(windows), masks, rows.tobytes()
        if key in self._outputs:
            return self._outputs[key]
        outputs = self._find_predictor(windows).predict(rows, self.samples if masks else 0)
        if keep:
            self._outputs[key] = outputs
        return outputs

    def _find_predictor(self, windows: Windows) -> Predictor:
        return self._predictors.setdefault(id(windows), Predictor(self.ensemble, windows))

    def _learn(self, sources: Sources, step: int) -> tuple[Values | None, Conformal | None]:
        """Return the noise and the scores of one step from validation windows; None for each that is not needed."""
        if not sources.calibrates:
            return None, None
        windows = self.data.calibration
        assert windows is not None
        chosen = choose_calibration(windows)
        observed = find_observed(windows, chosen)[:, step]
        outputs = self._predict(windows, chosen, sources.masks)[..., step, :]
        members = _choose_members(self._find_predictor(windows).draw_members(outputs, sources.quantiles), sources)
        noise = fit_noise(members, observed) if sources.residual else None
        if not (sources.conformal or sources.adaptive):
            return noise, None
        return noise, Conformal.fit(find_quantiles(members, noise), observed)

    def _spread(
        self, rows: Rows, sources: Sources, learnt: Sequence[tuple[Values | None, Conformal | None]], keep: bool
    ) -> tuple[Values, Values, list[Parts]]:
        """Return, for some windows, centres (window, step), quantiles (step, level, window), and parts of each step."""
        windows = self.data.windows
        outputs, draw = self._predict(windows, rows, sources.masks, keep), self._find_predictor(windows).draw_members
        centres, quantiles, parts = list[Values](), list[Values](), list[Parts]()
        for step, (noise, _) in enumerate(learnt):  # one at a time: draws take many times the memory of outputs
            drawn = draw(outputs[..., step, :], sources.quantiles)
            centres.append(find_centre(draw(outputs[..., step, :], False) if sources.quantiles else drawn))
            members = _choose_members(drawn, sources)
            quantiles.append(find_quantiles(members, noise))
            parts.append(split_variance(members, noise))
        return np.stack(centres, axis=1), np.stack(quantiles), parts

    def _make_conformal(
        self, conformal: Conformal, quantiles: Values, rows: Rows, sources: Sources, step: int
    ) -> Values:
        if not sources.adaptive:
            return conformal.widen(quantiles)
        times, origins = find_times(self.data.windows, rows)[:, step], find_origins(self.data.windows, rows)
        known = np.searchsorted(times, origins, side="right")
        return conformal.adapt(quantiles, find_observed(self.data.windows, rows)[:, step], known)

    def _find_past(self, rows: Rows) -> Rows:
        """Return windows before the first of `rows`, evenly spaced, whose targets are known."""
        windows = self.data.windows
        first = -int(windows.offsets[0])
        last = min(int(rows[0]) - 1, len(windows.target) - 1 - max(list_offsets(windows)))
        before = np.arange(last, first - 1, -windows.step_rows)[::-1]
        before = before[find_complete(windows, before)]
        return choose_evenly(before[find_known(windows, before)], MOST_PAST)


def _choose_members(members: Values, sources: Sources) -> Values:
    """Return members of one step (seed, mask, draw, window) that vary only by the chosen sources."""
    if not sources.seeds:  # the forecast is still the mean over seeds
        members = members - members.mean(axis=(1, 2), keepdims=True) + find_centre(members)
    return members


def choose_calibration(windows: Windows) -> Rows:
    """Return validation windows whose targets are known, evenly spaced."""
    rows = np.asarray(windows.validation, np.int64)
    return choose_evenly(rows[find_known(windows, rows)], MOST_CALIBRATION)


def choose_evenly(rows: Rows, most: int) -> Rows:
    """Return at most `most` of the rows, evenly spaced, including the first and the last."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
