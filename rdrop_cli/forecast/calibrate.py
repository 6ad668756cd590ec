"""The calibration of networks' intervals on a period, by source, and of reference forecasts for comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rdrop_cli.errors import UsageError
from rdrop_cli.forecast.coverage import PERIOD, keep_coverage
from rdrop_cli.forecast.data import open_each
from rdrop_cli.forecast.ensembles import Ensemble, choose_ensembles
from rdrop_cli.forecast.forecast import SAMPLES
from rdrop_cli.forecast.intervals import Forecaster
from rdrop_cli.forecast.judge import choose_known, judge_forecasts, list_sources
from rdrop_cli.forecast.moments import find_period
from rdrop_cli.forecast.references import CLIMATOLOGY, judge_references
from rdrop_cli.runs.comparable import describe_skipped
from rdrop_cli.uncertainty.calibration import Calibration, Judged, measure_calibration
from rdrop_cli.uncertainty.sources import parse_sources

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Judgement:
    """The calibration of one network or reference forecast, with the forecasts themselves."""

    ensemble: Ensemble
    calibration: Calibration
    judged: Judged


def calibrate_runs(
    names: Sequence[str],
    runs_dir: Path,
    data_dir: Path,
    period: str = PERIOD,
    dataset: "str | pd.DataFrame | None" = None,
    uncertainty: Sequence[str] = (),
    samples: int = SAMPLES,
    keep: bool = False,
) -> tuple[list[Judgement], list[str]]:
    """Measure the calibration of the intervals of every named network, and of naive and climatology.

    Args:
        names: runs or variants, see `choose_ensembles`.
        period: `test`, `validation` or `FROM..TO`.
        dataset: the data to forecast from; None for the readings that the run folders keep.
        uncertainty: the combinations of sources to measure; empty for all that are worth comparing.
        samples: masks of dropout for each window and run.
        keep: whether to keep the coverage of each run of `runs_dir` in its folder, for the verdict; only with the
            default period, data, sources and samples.

    Raises:
        UsageError: arguments are invalid, or networks have different windows; DataError: the data cannot be forecast;
        RdropError: there is no such run.
    """
    chosen = [parse_sources(text) for text in uncertainty]
    if not all(sources.has_intervals for sources in chosen):
        raise UsageError("none has no intervals to calibrate; name sources such as residual", field="uncertainty")
    ensembles, skipped = choose_ensembles(names, runs_dir)
    _check_windows(ensembles)
    is_usual = dataset is None and not chosen and (period, samples) == (PERIOD, SAMPLES)
    found, of_references, notes = list[Judgement](), list[Judgement](), describe_skipped(skipped)
    for ensemble, data in zip(ensembles, open_each(ensembles, dataset, data_dir), strict=True):
        moments = find_period(data.windows, period, None)
        notes += moments.describe_incomplete()
        rows = choose_known(data.windows, moments.rows, period)
        references = judge_references(data, rows)
        forecaster = Forecaster(ensemble, data, samples)
        for sources in chosen or list_sources(ensemble):
            judged = judge_forecasts(forecaster.forecast(rows, sources))
            found.append(_measure(ensemble, ensemble.label, str(sources), judged, references))
        of_references = [_measure(ensemble, name, "residual", each, references) for name, each in references.items()]
        if keep and is_usual:
            notes += keep_coverage(forecaster, rows, runs_dir)
    return [*found, *of_references], list(dict.fromkeys(notes))


def _check_windows(ensembles: Sequence[Ensemble]) -> None:
    """Refuse networks with different windows: their targets and the newest readings of the naive forecast differ."""
    first, *others = ensembles
    for other in others:
        if other.config.own_protocol != first.config.own_protocol:
            one, two = (each.config.own_protocol.described_windows for each in (first, other))
            raise UsageError(
                f"{first.label} and {other.label} have different windows ({one}; {two}), so different targets and "
                "naive forecasts; calibrate them one after the other"
            )


def _measure(
    ensemble: Ensemble, label: str, sources: str, judged: Judged, references: Mapping[str, Judged]
) -> Judgement:
    """Measure forecasts against climatology, if there is one and the forecasts are not its own."""
    climatology = None if label == CLIMATOLOGY else references.get(CLIMATOLOGY)
    return Judgement(ensemble, measure_calibration(label, sources, judged, climatology), judged)
