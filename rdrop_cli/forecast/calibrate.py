"""How true the intervals of networks are on a period, by source, and those of reference forecasts beside them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.forecast.data import Data, open_data
from rdrop_cli.forecast.ensembles import Ensemble, choose_ensembles
from rdrop_cli.forecast.forecast import SAMPLES
from rdrop_cli.forecast.intervals import MOST_CALIBRATION, Distribution, Forecaster, choose_evenly
from rdrop_cli.forecast.moments import find_observed, find_period, find_times
from rdrop_cli.forecasters.seasonal import Climatology
from rdrop_cli.runs.comparable import describe_skipped
from rdrop_cli.series.windows import Windows, read_newest
from rdrop_cli.uncertainty.calibration import Calibration, Judged, measure_calibration
from rdrop_cli.uncertainty.sources import Sources, parse_sources
from rdrop_cli.uncertainty.spread import find_quantiles, fit_noise

if TYPE_CHECKING:
    import pandas as pd

MOST_TARGETS = 2000  # windows of the period that are forecast, evenly spaced
Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was measured of one network or reference forecast, with the forecasts themselves."""

    ensemble: Ensemble
    calibration: Calibration
    judged: Judged


def calibrate_runs(
    names: Sequence[str],
    runs_dir: Path,
    data_dir: Path,
    period: str = "test",
    dataset: "str | pd.DataFrame | None" = None,
    uncertainty: Sequence[str] = (),
    samples: int = SAMPLES,
    most_targets: int = MOST_TARGETS,
) -> tuple[list[Judgement], list[str]]:
    """Measure how true the intervals of every network that is named are, and of naive and climatology.

    Args:
        names: runs or variants, see `choose_ensembles`.
        period: `test`, `validation` or `FROM..TO`.
        dataset: what to forecast from; None for the readings that the run folders keep.
        uncertainty: the combinations of sources to measure; none for all that are worth comparing.
        samples: masks of dropout for each window and run.
        most_targets: windows that are forecast, evenly spaced over the period.

    Raises:
        UsageError: what cannot be meant; DataError: what cannot be forecast; RdropError: no such run.
    """
    chosen = [parse_sources(text) for text in uncertainty]
    ensembles, skipped = choose_ensembles(names, runs_dir)
    found: list[Judgement] = []
    for number, ensemble in enumerate(ensembles):
        data = open_data(ensemble, dataset, data_dir)
        rows = _choose_rows(data.windows, period, most_targets)
        references = _judge_references(data, rows)
        forecaster = Forecaster(ensemble, data, samples)
        climatology = references.get("climatology")
        for sources in chosen or list_sources(ensemble):
            judged = _judge(forecaster.forecast(rows, sources))
            measured = measure_calibration(ensemble.label, str(sources), judged, climatology)
            found.append(Judgement(ensemble, measured, judged))
        if number == len(ensembles) - 1:
            for name, judged in references.items():
                other = None if name == "climatology" else climatology
                found.append(Judgement(ensemble, measure_calibration(name, "residual", judged, other), judged))
    return found, describe_skipped(skipped)


def list_sources(ensemble: Ensemble) -> Iterator[Sources]:
    """Yield the combinations that are worth comparing: each source alone, all together, and made conformal."""
    masks, seeds, quantiles = ensemble.has_masks, len(ensemble.runs) > 1, ensemble.has_quantiles
    together = Sources(quantiles, masks, seeds, residual=not quantiles)
    combinations = [
        *([Sources(quantiles=True)] if quantiles else []),
        *([Sources(masks=True)] if masks else []),
        *([Sources(seeds=True)] if seeds else []),
        *([Sources(masks=True, seeds=True)] if masks and seeds else []),
        Sources(residual=True),
        together,
        replace(together, conformal=True),
        replace(together, adaptive=True),
    ]
    yield from dict.fromkeys(combinations)


def _choose_rows(windows: Windows, period: str, most: int) -> Rows:
    """Return the windows of a period whose targets are known.

    Raises:
        DataError: there are none.
    """
    rows = find_period(windows, period, None).rows
    rows = rows[np.isfinite(find_observed(windows, rows)).all(axis=1)]
    if not len(rows):
        raise DataError(f"{period}: the targets of none of its windows are known yet")
    return choose_evenly(rows, most)


def _judge(found: Distribution) -> Judged:
    """Return forecasts with all their steps in one row."""
    assert found.quantiles is not None
    levels = found.quantiles.shape[1]
    return Judged(
        centre=found.centre.ravel(),
        quantiles=np.moveaxis(found.quantiles, 0, 2).reshape(levels, -1),
        observed=found.observed.ravel(),
        times=found.times.ravel(),
    )


def _judge_references(data: Data, rows: Rows) -> dict[str, Judged]:
    """Forecast with the newest reading, and with the climatology of training; both with their validation errors."""
    forecasts: dict[str, Callable[[Windows, Rows], Values]] = {"naive": _forecast_naively}
    if data.climatology is not None:
        table = Climatology(data.climatology)
        forecasts["climatology"] = lambda windows, rows: table.look_up(find_times(windows, rows)) * windows.target_std
    if data.calibration is None:
        return {}
    chosen = choose_evenly(np.asarray(data.calibration.validation, np.int64), MOST_CALIBRATION)
    return {name: _judge_reference(data, chosen, rows, forecast) for name, forecast in forecasts.items()}


def _forecast_naively(windows: Windows, rows: Rows) -> Values:
    """Return the newest reading less the mean, in the target's unit: shape (window, 1) for whatever step."""
    return read_newest(windows, rows).reshape(len(rows), -1) * windows.target_std


def _judge_reference(data: Data, chosen: Rows, rows: Rows, forecast: Callable[[Windows, Rows], Values]) -> Judged:
    calibration, windows = data.calibration, data.windows
    assert calibration is not None
    observed, times = find_observed(windows, rows), find_times(windows, rows)
    of_validation, then = find_observed(calibration, chosen), forecast(calibration, chosen) + calibration.target_mean
    centre = np.broadcast_to(forecast(windows, rows) + windows.target_mean, observed.shape)
    then = np.broadcast_to(then, of_validation.shape)
    quantiles = []
    for step in range(observed.shape[1]):
        noise = fit_noise(then[None, None, None, :, step], of_validation[:, step])
        quantiles.append(find_quantiles(centre[None, None, None, :, step], noise))
    return Judged(
        centre=centre.ravel(),
        quantiles=np.stack(quantiles, axis=2).reshape(len(quantiles[0]), -1),
        observed=observed.ravel(),
        times=times.ravel(),
    )
