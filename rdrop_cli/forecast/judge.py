"""Forecasts of a period with known targets, for the combinations of sources that are worth comparing."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.forecast.ensembles import Ensemble
from rdrop_cli.forecast.intervals import Distribution, choose_evenly
from rdrop_cli.forecast.moments import find_known
from rdrop_cli.series.windows import Windows
from rdrop_cli.uncertainty.calibration import Judged
from rdrop_cli.uncertainty.sources import Sources

MOST_TARGETS = 2000  # forecast windows of a period, evenly spaced
Rows = npt.NDArray[np.int64]


def list_sources(ensemble: Ensemble) -> Iterator[Sources]:
    """Yield the combinations that are worth comparing: each source alone, all together, and all as conformal."""
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


def choose_known(windows: Windows, rows: Rows, period: str) -> Rows:
    """Return evenly spaced windows of a period with measured targets and a measured newest reading of the target.

    Raises:
        DataError: there are none.
    """
    rows = rows[find_known(windows, rows) & np.isfinite(windows.target[rows - windows.step_rows])]
    if not len(rows):
        raise DataError(f"{period}: the targets of none of its windows are known yet")
    return choose_evenly(rows, MOST_TARGETS)


def judge_forecasts(found: Distribution) -> Judged:
    """Return forecasts with windows and steps along one axis."""
    assert found.quantiles is not None
    levels = found.quantiles.shape[1]
    return Judged(
        centre=found.centre.ravel(),
        quantiles=np.moveaxis(found.quantiles, 0, 2).reshape(levels, -1),
        observed=found.observed.ravel(),
        times=found.times.ravel(),
    )
