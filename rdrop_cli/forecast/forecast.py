"""Forecasts of networks that are named, as the command and a Python program ask for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.forecast.data import open_data
from rdrop_cli.forecast.ensembles import Ensemble, choose_ensembles
from rdrop_cli.forecast.intervals import Distribution, Forecaster
from rdrop_cli.forecast.moments import Moments, find_moment, find_newest, find_period
from rdrop_cli.runs.comparable import describe_skipped
from rdrop_cli.series.windows import Windows
from rdrop_cli.uncertainty.sources import Sources, parse_sources

if TYPE_CHECKING:
    import pandas as pd

SAMPLES = 100  # masks of dropout for each window and run


@dataclass(frozen=True)
class When:
    """Which windows are forecast; nothing: the newest.

    Attributes:
        at: the moment of one forecast.
        period: `validation`, `test` or `FROM..TO`, the times of the newest readings.
        every: how far the forecasts of a period are apart, such as `1d`.

    Raises:
        UsageError: two of them exclude each other.
    """

    at: str | None = None
    period: str | None = None
    every: str | None = None

    def __post_init__(self) -> None:
        if self.at and self.period:
            raise UsageError("a moment and a period exclude each other; use <at> or <period>")
        if self.every and not self.period:
            raise UsageError("is for a period; use it with <period>", field="every")

    def find(self, windows: Windows) -> Moments:
        """Return the windows that are meant.

        Raises:
            UsageError: there are none; DataError: one has a gap.
        """
        if self.period:
            return find_period(windows, self.period, self.every)
        return find_moment(windows, self.at) if self.at else find_newest(windows)


@dataclass(frozen=True, eq=False)
class Forecast:
    """What one network forecasts, and from which sources its intervals are."""

    ensemble: Ensemble
    sources: Sources
    distribution: Distribution


def choose_default(ensemble: Ensemble) -> Sources:
    """Return the sources where none are named: seeds where there are several, and quantiles or else the residual."""
    quantiles = ensemble.has_quantiles
    return Sources(quantiles=quantiles, seeds=len(ensemble.runs) > 1, residual=not quantiles)


def forecast_runs(
    names: Sequence[str],
    runs_dir: Path,
    data_dir: Path,
    when: When,
    dataset: "str | pd.DataFrame | None" = None,
    uncertainty: str | None = None,
    samples: int = SAMPLES,
) -> tuple[list[Forecast], list[str]]:
    """Forecast with every network that is named; return the forecasts, and what is to be told of them.

    Args:
        names: runs or variants, see `choose_ensembles`.
        dataset: what to forecast from; None for the readings that the run folders keep.
        uncertainty: sources by name; None for what `choose_default` chooses.
        samples: masks of dropout for each window and run.

    Raises:
        UsageError: what cannot be meant; DataError: what cannot be forecast; RdropError: no such run.
    """
    if samples < 2:
        raise ValueRefusedError("samples", samples, "at least 2")
    named = parse_sources(uncertainty) if uncertainty is not None else None
    ensembles, skipped = choose_ensembles(names, runs_dir)
    forecasts, notes = [], describe_skipped(skipped)
    for ensemble in ensembles:
        sources = named if named is not None else choose_default(ensemble)
        data = open_data(ensemble, dataset, data_dir)
        moments = when.find(data.windows)
        if moments.incomplete:
            notes.append(f"{moments.incomplete} windows with a gap or a missing reading are left out")
        distribution = Forecaster(ensemble, data, samples).forecast(moments.rows, sources)
        forecasts.append(Forecast(ensemble, sources, distribution))
    return forecasts, list(dict.fromkeys(notes))
