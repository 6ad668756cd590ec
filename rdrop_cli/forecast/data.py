"""The windows that a network forecasts: those that its run keeps, or those of its dataset or a newer file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, suggest
from rdrop_cli.forecast.ensembles import Ensemble
from rdrop_cli.forecasters.forecasters import fit_climatology
from rdrop_cli.runs.document import Standardisation
from rdrop_cli.runs.readings import load_readings
from rdrop_cli.series.calendar import CALENDAR, encode_calendar
from rdrop_cli.series.load import NAMED, load_dataset, load_frame
from rdrop_cli.series.quality import fill_missing, find_measured
from rdrop_cli.series.sampling import CLOCK, Sampling
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows, make_windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import IN_UNIT, Protocol
from rdrop_cli.study.reading import Reading
from rdrop_cli.study.units import format_count

if TYPE_CHECKING:
    import pandas as pd

FURTHEST = 10.0  # most standard deviations from a column's training mean to its mean in the newest window
SAME_SAMPLING = 0.01  # relative difference below which sampling intervals are equal
MOST_REPEATED = 0.2  # share of readings no step after the one before; two of seven days are no trading days


@dataclass(frozen=True)
class Data:
    """The data that an ensemble forecasts from.

    Attributes:
        windows: the windows to forecast.
        calibration: windows with the validation period, which calibrate intervals; None if its data are not available.
        climatology: the usual standardised reading by day of year and hour in the training rows; None if not available.
        is_cut: whether the test period has older windows than these.
    """

    windows: Windows
    calibration: Windows | None
    climatology: npt.NDArray[np.float64] | None
    is_cut: bool = False


def open_each(ensembles: Sequence[Ensemble], dataset: "str | pd.DataFrame | None", data_dir: Path) -> Iterator[Data]:
    """Yield the data of each ensemble, as `open_data` returns them.

    A dataset is read once: standard input has no more the second time, and an address might answer otherwise.
    """
    read: dict[Reading | None, Series] = {}
    for ensemble in ensembles:
        yield open_data(ensemble, dataset, data_dir, read)


def open_data(
    ensemble: Ensemble,
    dataset: "str | pd.DataFrame | None",
    data_dir: Path,
    read: "dict[Reading | None, Series] | None" = None,
) -> Data:
    """Return the windows that the run folder keeps or, with `dataset`, those of a dataset, a file or a data frame.

    Args:
        read: the dataset as it was read for other ensembles, to which it is added.

    Raises:
        DataError: the folder keeps no windows, or the file does not fit the network: other columns, units or sampling.
        UsageError: there is no such dataset or file.
    """
    kept = next(filter(None, (load_readings(run.folder.readings_path) for run in ensemble.runs)), None)
    if dataset is None:
        if kept is None:
            raise DataError(
                f"{ensemble.runs[0].folder.run_id}: keeps no readings to forecast from, as runs of older versions; "
                "name the data with ‹dataset›"
            )
        return Data(kept.windows, kept.windows, kept.climatology, kept.is_cut)
    config = ensemble.config
    reading = None if isinstance(dataset, str) and dataset in NAMED else config.reading
    read = {} if read is None else read
    if reading not in read:
        read[reading] = (
            load_dataset(dataset, data_dir, reading)
            if isinstance(dataset, str)
            else load_frame(dataset, reading=reading)
        )
    series = read[reading]
    if series.source.sha256 == config.dataset_sha256:
        windows = make_windows(series, config.own_protocol)
        measured = windows.hide_filled(config.protocol.target)
        return Data(measured, measured, fit_climatology(windows).table)
    standardisation = ensemble.metrics.standardisation
    if standardisation is None:
        raise DataError(
            f"{ensemble.runs[0].folder.run_id}: does not know its standardisation (runs of older versions do not); "
            "pass the file that it was trained on as ‹dataset›"
        )
    _check_zone(series, ensemble.metrics.dataset.utc)
    sampling = _find_sampling(series, kept.windows, _spread_rows(kept.windows, config)) if kept else series.sampling
    newer = replace(fit_newer(series, config, standardisation, ensemble.metrics.target_std), known_sampling=sampling)
    return Data(newer, kept.windows if kept else None, kept.climatology if kept else None)


def _spread_rows(kept: Windows, config: RunConfig) -> int:
    """Return the number of rows of the run's series per row that its folder keeps."""
    return config.own_protocol.step_rows // kept.step_rows


def fit_newer(series: Series, config: RunConfig, standardisation: Standardisation, target_std: float) -> Windows:
    """Return windows of a file that the network was not trained on, standardised as in its training.

    Raises:
        DataError: a column is missing, the file is too short, or a column has another unit.
    """
    protocol = config.own_protocol
    scales = [scale for scale in standardisation.inputs if not (protocol.calendar and scale.name in CALENDAR)]
    _check_shape(series, [*(scale.name for scale in scales), protocol.target], protocol)
    truth, readings = _read_values(series, protocol)
    columns = [series.columns.index(scale.name) for scale in scales]
    means, stds = (np.array([getattr(scale, part) for scale in scales]) for part in ("mean", "std"))
    matrix = ((readings[:, columns] - means) / stds).astype(np.float32)
    _check_units(series, [scale.name for scale in scales], matrix[-protocol.lookback_rows :])
    if protocol.calendar:
        matrix = np.concatenate([matrix, encode_calendar(series.timestamps)], axis=1)
    in_unit = protocol.target_scale == IN_UNIT
    own = next((scale for scale in scales if scale.name == protocol.target), standardisation.target)
    target = truth[:, series.columns.index(protocol.target)]
    standardised = ((target - own.mean) / target_std).astype(np.float32)
    nothing = np.empty(0, np.int64)
    pad = len(CALENDAR) if protocol.calendar else 0
    return Windows(
        matrix=np.ascontiguousarray(matrix),
        target=standardised,
        labels=target.astype(np.float32) if in_unit else standardised,
        label_size=1 / target_std if in_unit else 1.0,
        offsets=np.arange(-protocol.lookback_rows, 0, protocol.step_rows, dtype=np.int32),
        target_offset=protocol.target_offset,
        earlier_offsets=protocol.target_offsets[:-1],
        timestamps=series.timestamps,
        train=range(0),
        validation=nothing,
        test=nothing,
        target_mean=own.mean,
        target_std=target_std,
        columns=tuple(scale.name for scale in standardisation.inputs),
        means=np.pad(means, (0, pad)),
        stds=np.pad(stds, (0, pad), constant_values=1.0),
    )


def _read_values(series: Series, protocol: Protocol) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return readings (row, column) as they were measured, NaN elsewhere, and as the network reads them.

    After its last reading the target is not filled, since there is nothing to interpolate to.
    """
    measured = find_measured(series)
    truth = np.where(measured, series.values, np.nan)  # sentinels are not forecast
    if protocol.sentinels != "fill":
        return truth, truth
    target, filled = series.columns.index(protocol.target), fill_missing(series).values
    filled[np.flatnonzero(measured[:, target]).max(initial=-1) + 1 :, target] = np.nan
    return truth, filled


def _find_sampling(series: Series, kept: Windows, spread: int) -> Sampling:
    """Return the sampling of a file, which is that of the run, whose folder keeps every `spread`th reading.

    A short file does not tell trading days from days, nor the first of a month from its first trading day.

    Raises:
        DataError: the file has another sampling interval.
    """
    trained = replace(kept.sampling, seconds=round(kept.sampling.seconds / spread, 3))
    if trained.calendar == CLOCK:  # perhaps trading days, of which every fifth is a week apart
        known, steps = series.sampling, series.sampling.count_steps(kept.timestamps) / spread
    else:
        known, steps = trained, trained.count_steps(series.timestamps)
    if abs(np.median(steps) - 1) > SAME_SAMPLING or (steps == 0).mean() > MOST_REPEATED:
        raise DataError(
            f"{series.source.name}: readings are {series.sampling} apart, and the network was trained on {trained}"
        )
    return known


def _check_zone(series: Series, trained_in_utc: bool | None) -> None:
    """Refuse times of another zone than those of the training: the hour of the day would be another."""
    if trained_in_utc is None or series.source.utc == trained_in_utc:
        return
    named, unnamed = "are in UTC", "name no zone"
    own, others = (unnamed, named) if trained_in_utc else (named, unnamed)
    todo = "give them their offset, such as +02:00" if trained_in_utc else "write them as there, without an offset"
    raise DataError(f"{series.source.name}: its times {own}, and those of the training {others}; {todo}")


def _check_shape(series: Series, needed: list[str], protocol: Protocol) -> None:
    """Refuse a file that lacks a column or is too short for one window."""
    name = series.source.name
    for column in needed:
        if column not in series.columns:
            hint = suggest(column, series.columns, f"it has {', '.join(series.columns)}")
            raise DataError(f"{name}: no column {column!r}, which the network needs; {hint}")
    if len(series.values) < protocol.lookback_rows - protocol.step_rows + 1:
        raise DataError(
            f"{name}: {format_count(len(series.values), 'row')}, and a window of the network takes "
            f"{protocol.lookback_rows}"
        )


def _check_units(series: Series, names: list[str], newest: npt.NDArray[np.float32]) -> None:
    """Refuse a file with a column whose newest readings are far from those that the network was trained on."""
    known = ~np.isnan(newest)
    sums = np.where(known, newest, 0).sum(axis=0, dtype=np.float64)
    distance = np.abs(sums / np.maximum(known.sum(axis=0), 1))
    far = distance > FURTHEST
    if far.any():
        column = int(far.argmax())
        raise DataError(
            f"{series.source.name}: {names[column]!r}: its newest readings are {distance[column]:.0f} standard "
            "deviations from those that the network was trained on; is it in another unit?"
        )
