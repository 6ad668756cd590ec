"""Data for pictures of forecasts: the forecasts of the test period, and the calibration of every source on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rdrop_cli.errors import UsageError
from rdrop_cli.forecast.calibrate import calibrate_runs
from rdrop_cli.forecast.data import open_data
from rdrop_cli.forecast.ensembles import Ensemble, choose_ensembles
from rdrop_cli.forecast.forecast import SAMPLES, choose_default
from rdrop_cli.forecast.intervals import Forecaster
from rdrop_cli.forecast.moments import find_period, list_offsets
from rdrop_cli.plots.calibration import REFERENCES
from rdrop_cli.plots.forecast import Named
from rdrop_cli.plots.loss import name_data
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.units import format_seconds, name_target
from rdrop_cli.uncertainty.calibration import Calibration, Judged


@dataclass(frozen=True, eq=False)
class Measured:
    """The calibration of a network's intervals by source, and of references; with the forecasts of the last source."""

    found: list[Calibration]
    references: list[Calibration]
    judged: Judged


def forecast_test(ensemble: Ensemble) -> tuple[Judged, Named]:
    """Forecast the test period that the run folders keep: the furthest horizon, with the default sources.

    Raises:
        DataError: no readings are kept.
    """
    data = open_data(ensemble, None, Path())
    rows = find_period(data.windows, "test", None).rows
    sources = choose_default(ensemble)
    found = Forecaster(ensemble, data, samples=0).forecast(rows, sources)
    assert found.quantiles is not None
    judged = Judged(found.centre[:, -1], found.quantiles[-1], found.observed[:, -1], found.times[:, -1])
    return judged, _name(ensemble, str(sources), data.windows, list_offsets(data.windows)[-1:])


def measure_test(ensemble: Ensemble, samples: int = SAMPLES) -> tuple[Measured, Named]:
    """Measure the calibration of every source on the test period that the run folders keep.

    Args:
        samples: masks of dropout for each window and run.

    Raises:
        DataError: no readings are kept.
    """
    folders = [str(run.folder.path) for run in ensemble.runs]
    found, _ = calibrate_runs(folders, Path(), Path(), samples=samples)
    of_network = [each for each in found if each.calibration.label not in REFERENCES]
    references = [each.calibration for each in found if each.calibration.label in REFERENCES]
    last = of_network[-1]
    windows = open_data(ensemble, None, Path()).windows
    measured = Measured([each.calibration for each in of_network], references, last.judged)
    return measured, _name(ensemble, last.calibration.sources, windows, list_offsets(windows))


def choose_one(names: Sequence[str], runs_dir: Path) -> Ensemble:
    """Return the named network.

    Raises:
        UsageError: several are named; RdropError: there is no such run.
    """
    ensembles, _ = choose_ensembles(names, runs_dir)
    if len(ensembles) > 1:
        labels = ", ".join(ensemble.label for ensemble in ensembles)
        raise UsageError(f"a picture of forecasts shows one network; name one of {labels}")
    return ensembles[0]


def _name(ensemble: Ensemble, sources: str, windows: Windows, offsets: Sequence[int]) -> Named:
    """Return the labels of a picture that shows the horizons with these offsets, ascending."""
    metrics = ensemble.metrics
    quantity, unit = name_target(metrics.protocol.target)
    ends = dict.fromkeys((offsets[0] + windows.step_rows, offsets[-1] + windows.step_rows))
    ahead = " to ".join(format_seconds(rows * windows.sampling.seconds) for rows in ends)
    data, utc = name_data([metrics]), bool(metrics.dataset.utc)
    return Named(ensemble.label, metrics.variant, len(ensemble.runs), sources, quantity, unit, ahead, data, utc)
