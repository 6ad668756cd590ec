"""Whether a series was read at regular times, without which a window has no length."""

import numpy as np

from rdrop_cli.errors import DataError
from rdrop_cli.series.lines import name_row
from rdrop_cli.series.table import Series
from rdrop_cli.study.duration import format_seconds
from rdrop_cli.study.extent import Extent

LEAST_REGULAR = 0.9  # of the steps; a gap or a repeat now and then is told, and no more


def measure_extent(series: Series) -> Extent:
    """Return what a plan has to know of a series.

    Raises:
        DataError: fewer than nine steps in ten are the usual one, or that does not go forward.
    """
    _check_sampling(series)
    return Extent(
        name=series.source.name,
        own_file=bool(series.time_column),
        sampling_seconds=series.sampling_seconds,
        stamps=series.stamps,
        columns=series.columns,
        sha256=series.source.sha256,
    )


def _check_sampling(series: Series) -> None:
    name, usual = series.source.name, series.sampling_seconds
    steps = np.diff(series.stamps).astype(np.int64)
    if not len(steps):
        raise DataError(f"{name}: too short: it has one row; a series to learn from needs hundreds")
    if usual < 0:
        where, back = name_row(series, int((steps < 0).argmax()) + 1), format_seconds(-usual)
        raise DataError(f"{name}: {where}: stamps go back, mostly by {back} a row; sort the file, oldest reading first")
    if usual == 0:
        where = name_row(series, int((steps == 0).argmax()) + 1)
        raise DataError(
            f"{name}: {where}: the same stamp as the row before, as most are; keep one row a stamp, a column a sensor"
        )
    regular = steps == usual
    if regular.mean() < LEAST_REGULAR:
        row = int((~regular).argmax()) + 1
        found, expected = format_seconds(int(steps[row - 1])), format_seconds(usual)
        raise DataError(
            f"{name}: no regular sampling: {name_row(series, row)} comes {found} after the row before it, the usual "
            f"step is {expected}, and only {regular.mean():.0%} of the steps are; resample the series to equal steps"
        )
