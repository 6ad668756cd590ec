"""Forecasts of named networks, for the command line and the Python interface."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.forecast.data import Data, open_each
from rdrop_cli.forecast.ensembles import Ensemble, choose_ensembles
from rdrop_cli.forecast.intervals import Distribution, Forecaster
from rdrop_cli.forecast.moments import Moments, find_moment, find_newest, find_origins, find_period
from rdrop_cli.runs.comparable import describe_skipped
from rdrop_cli.series.windows import Windows
from rdrop_cli.uncertainty.sources import Sources, parse_sources

if TYPE_CHECKING:
    import pandas as pd

SAMPLES = 100  # masks of dropout for each window and run
BACKTEST = "backtest"


@dataclass(frozen=True)
class When:
    """Which windows to forecast; by default, the newest.

    Attributes:
        at: the moment of one forecast.
        period: `validation`, `test` or `FROM..TO`, by the times of the newest readings; or `backtest`, the test period
            of every origin of the study until that of the next origin begins.
        every: the distance between the forecasts of a period, such as `1d`.

    Raises:
        UsageError: two of them exclude each other.
    """

    at: str | None = None
    period: str | None = None
    every: str | None = None

    def __post_init__(self) -> None:
        if self.at is not None and self.period is not None:
            raise UsageError("a moment and a period exclude each other; use ‹at› or ‹period›")
        if self.every is not None and self.period is None:
            raise UsageError("is for a period; use it with ‹period›", field="every")

    @property
    def is_backtest(self) -> bool:
        """Whether the networks of every origin forecast."""
        return self.period == BACKTEST

    def find(self, windows: Windows) -> Moments:
        """Return the windows to forecast, unless it is a backtest.

        Raises:
            UsageError: there are none; DataError: one has a gap.
        """
        if self.period is not None:
            return find_period(windows, self.period, self.every)
        return find_newest(windows) if self.at is None else find_moment(windows, self.at)


@dataclass(frozen=True, eq=False)
class Forecast:
    """The forecasts of one network, and the sources of its intervals."""

    ensemble: Ensemble
    sources: Sources
    distribution: Distribution


def choose_default(ensemble: Ensemble) -> Sources:
    """Return the default sources: seeds if there are several, and quantiles or else the residual."""
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
    """Forecast with every named network; return the forecasts, and notes on them.

    Args:
        names: runs or variants, see `choose_ensembles`.
        dataset: the data to forecast from; None for the readings that the run folders keep.
        uncertainty: sources by name; None for the choice of `choose_default`.
        samples: masks of dropout for each window and run.

    Raises:
        UsageError: arguments are invalid; DataError: the data cannot be forecast; RdropError: there is no such run.
    """
    named = parse_sources(uncertainty) if uncertainty is not None else None
    ensembles, skipped = choose_ensembles(names, runs_dir, when.is_backtest)
    opened = list(open_each(ensembles, dataset, data_dir))
    if when.is_backtest:
        _check_origins(ensembles)
        _check_whole_tests(ensembles, opened)
        found = _find_backtest(ensembles, opened, when.every)
    else:
        found = [when.find(data.windows) for data in opened]
    forecasts, notes = [], describe_skipped(skipped)
    for ensemble, data, moments in zip(ensembles, opened, found, strict=True):
        sources = named if named is not None else choose_default(ensemble)
        notes += moments.describe_incomplete()
        distribution = Forecaster(ensemble, data, samples).forecast(moments.rows, sources)
        forecasts.append(Forecast(ensemble, sources, distribution))
    return forecasts, list(dict.fromkeys(notes))


def _check_origins(ensembles: Sequence[Ensemble]) -> None:
    """Refuse a network with one origin: its backtest would be its test."""
    for label, of_network in groupby(ensembles, key=lambda ensemble: ensemble.label):
        if len(list(of_network)) == 1:
            raise UsageError(
                f"{label}: trained at one origin, and a backtest needs several; train with ‹origins›, or forecast its "
                "test",
                field="period",
            )


def _check_whole_tests(ensembles: Sequence[Ensemble], opened: Sequence[Data]) -> None:
    """Refuse a folder that keeps only the newest windows of its test period."""
    for ensemble, data in zip(ensembles, opened, strict=True):
        if data.is_cut:
            raise DataError(
                f"{ensemble.runs[0].folder.run_id}: keeps the newest {len(data.windows.test)} windows of its test, and "
                "a backtest needs all of them; name the data with ‹dataset›"
            )


def _find_backtest(ensembles: Sequence[Ensemble], opened: Sequence[Data], every: str | None) -> list[Moments]:
    """Return, for each ensemble, the windows of its test period until that of the network's next origin begins."""
    starts = [find_origins(data.windows, find_period(data.windows, "test", None).rows)[0] for data in opened]
    found = []
    for number, (ensemble, data) in enumerate(zip(ensembles, opened, strict=True), start=1):
        goes_on = number < len(ensembles) and ensembles[number].label == ensemble.label
        found.append(find_period(data.windows, "test", every, starts[number] if goes_on else None))
    return found
