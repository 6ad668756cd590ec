"""Keep the newest readings of validation and test in a run's folder, so it can forecast without its data.

Each period has at most a year of hourly timesteps, about a megabyte for the study. The readings form ordinary windows;
their rows are as far apart as the network's timesteps and its targets need.
"""

import json
from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.files import replace_atomically
from rdrop_cli.series.windows import Windows

MOST_WINDOWS = 8784  # per period: one per hour of a leap year
ARRAYS = ("matrix", "target", "labels", "offsets", "validation", "test", "means", "stds")
NUMBERS = ("label_size", "target_offset", "earlier_offsets", "target_mean", "target_std", "columns")


@dataclass(frozen=True)
class Readings:
    """The data that a run keeps.

    Attributes:
        windows: windows of the newest part of validation and test, up to the newest reading; none of training.
        climatology: the usual standardised reading of the training rows, by day of year and hour of day.
        is_cut: whether the test has older windows that are not kept.
    """

    windows: Windows
    climatology: npt.NDArray[np.float64]
    is_cut: bool


def keep_newest(windows: Windows, climatology: npt.NDArray[np.float64], most_windows: int = MOST_WINDOWS) -> Readings:
    """Keep the newest windows of validation and test, one timestep apart, with only the rows that they need."""
    newest = len(windows.matrix) - 1 + windows.step_rows  # its target is not known yet
    spacing = gcd(windows.step_rows, windows.target_offset, *windows.earlier_offsets)
    blocks, ends, base, is_cut = [], {}, 0, False
    for period, last in (("validation", int(windows.validation[-1])), ("test", newest)):
        rows = np.asarray(getattr(windows, period), np.int64)
        rows = rows[(last - rows) % windows.step_rows == 0]
        kept, is_cut = rows[-most_windows:], len(rows) > most_windows
        first = int(kept[0] if len(kept) else last) + int(windows.offsets[0])
        stop = min(last + windows.target_offset + 1, len(windows.matrix))
        blocks.append(np.arange(first, stop, spacing))
        ends[period] = base + (kept - first) // spacing
        base += len(blocks[-1])
    return Readings(_take_rows(windows, np.concatenate(blocks), spacing, ends), climatology, is_cut)


def _take_rows(
    windows: Windows, rows: npt.NDArray[np.int64], spacing: int, ends: dict[str, npt.NDArray[np.int64]]
) -> Windows:
    """Return windows with only these rows, `spacing` apart; `ends` has the rows before which they end, by period."""
    return replace(
        windows,
        matrix=windows.matrix[rows],
        target=windows.target[rows],
        labels=windows.labels[rows],
        timestamps=windows.timestamps[rows],
        offsets=windows.offsets // spacing,
        target_offset=windows.target_offset // spacing,
        earlier_offsets=tuple(offset // spacing for offset in windows.earlier_offsets),
        train=range(0),
        validation=ends["validation"],
        test=ends["test"],
        measured_train=None,
        training=range(0),
    )


def save_readings(path: Path, readings: Readings) -> None:
    """Write readings as a compressed `.npz` of named arrays.

    Raises:
        OSError: they cannot be written.
    """
    windows = readings.windows
    arrays = {name: getattr(windows, name) for name in ARRAYS}
    values = {name: getattr(windows, name) for name in NUMBERS} | {"is_cut": readings.is_cut}
    numbers = json.dumps(values).encode()
    arrays |= {"times": windows.timestamps.astype("datetime64[us]").astype(np.int64)}
    arrays |= {"climatology": readings.climatology, "numbers": np.frombuffer(numbers, np.uint8)}
    with replace_atomically(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_readings(path: Path) -> Readings | None:
    """Read the file that `save_readings` wrote; None if it does not exist, as in folders of older versions.

    Raises:
        DataError: it cannot be read, is damaged, or is not a run's readings.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in (*ARRAYS, "times", "climatology")}
            numbers = json.loads(archive["numbers"].tobytes())
        readings = _build(arrays, numbers)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # NumPy, zipfile, zlib and json raise exceptions of many kinds
        raise DataError(f"{path}: damaged, or not a run's readings ({type(error).__name__}); name the data") from error
    return readings


def _build(arrays: dict[str, npt.NDArray[Any]], numbers: dict[str, Any]) -> Readings:
    """Build readings from their parts.

    Raises:
        ValueError, KeyError, TypeError: the parts do not fit together.
    """
    times, climatology = arrays.pop("times"), arrays.pop("climatology")
    windows = Windows(
        matrix=np.ascontiguousarray(arrays["matrix"]),
        target=arrays["target"],
        labels=arrays["labels"],
        label_size=float(numbers["label_size"]),
        offsets=arrays["offsets"],
        target_offset=int(numbers["target_offset"]),
        earlier_offsets=tuple(int(offset) for offset in numbers["earlier_offsets"]),
        timestamps=_to_stamps(times),
        train=range(0),
        validation=arrays["validation"],
        test=arrays["test"],
        target_mean=float(numbers["target_mean"]),
        target_std=float(numbers["target_std"]),
        columns=tuple(str(name) for name in numbers["columns"]),
        means=arrays["means"],
        stds=arrays["stds"],
    )
    rows, features = windows.matrix.shape
    fits = (
        windows.matrix.dtype == windows.target.dtype == windows.labels.dtype == np.float32
        and windows.target.shape == windows.labels.shape == times.shape == (rows,)
        and windows.means.shape == windows.stds.shape == (features,) == (len(windows.columns),)
        and climatology.shape == (366, 24)
        and len(windows.offsets) > 0
        and windows.step_rows > 0
    )
    if not fits:
        raise ValueError("shapes")
    for ends in (windows.validation, windows.test):
        if len(ends) and not (
            ends.min() + windows.offsets[0] >= 0
            and ends.max() - windows.step_rows < rows
            and ends.max() + windows.target_offset < rows
        ):
            raise ValueError("rows")
    is_cut = numbers.get("is_cut", len(windows.test) == MOST_WINDOWS)  # not recorded by older runs
    return Readings(windows, climatology.astype(np.float64), bool(is_cut))


def _to_stamps(microseconds: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    """Return times as a series has them: in seconds if all are whole seconds, else in microseconds."""
    stamps = microseconds.astype("datetime64[us]")
    seconds = stamps.astype("datetime64[s]")
    return seconds if bool((seconds == stamps).all()) else stamps
