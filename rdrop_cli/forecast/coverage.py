"""The coverage of single runs' intervals, kept in their folders: the verdict judges it, one number per seed.

It depends only on the network and the readings of the folder, so it can be measured again.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.analysis.coverage import NOMINAL, DailyCoverage, count_by_day
from rdrop_cli.errors import RdropError
from rdrop_cli.files import write_text
from rdrop_cli.forecast.data import open_data
from rdrop_cli.forecast.ensembles import Ensemble, choose_ensembles
from rdrop_cli.forecast.forecast import SAMPLES
from rdrop_cli.forecast.intervals import Forecaster
from rdrop_cli.forecast.judge import choose_known, judge_forecasts, list_sources
from rdrop_cli.forecast.moments import find_period
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.record import amend_record, is_up_to_date
from rdrop_cli.uncertainty.scores import covers

PERIOD = "test"
Rows = npt.NDArray[np.int64]


def keep_coverage(forecaster: Forecaster, rows: Rows, runs_dir: Path) -> list[str]:
    """Keep the coverage of each run of an ensemble in its folder; return a note for each that is not written.

    Only runs in `runs_dir` are written.
    """
    notes = []
    for number, run in enumerate(forecaster.ensemble.runs):
        if not run.folder.is_in(runs_dir):
            notes.append(f"{run.folder.path}: not in {runs_dir}, so its coverage is not kept")
            continue
        coverage = measure_coverage(forecaster.take_run(number), rows)
        try:
            _write(run.folder, coverage)
        except (OSError, RdropError) as error:
            notes.append(f"{run.folder.run_id}: {run.folder.daily_coverage_path.name} is not kept ({error})")
    return notes


def measure_coverage(forecaster: Forecaster, rows: Rows) -> DailyCoverage:
    """Measure the daily coverage of one run's 80 % intervals, from every combination of its own sources."""
    held = {}
    for sources in list_sources(forecaster.ensemble):
        judged = judge_forecasts(forecaster.forecast(rows, sources))
        held[str(sources)] = covers(judged.quantiles, judged.observed, NOMINAL)
    return count_by_day(judged.times.astype("datetime64[D]"), held)


def measure_again(folder: RunFolder) -> None:
    """Measure the coverage of a complete run again from its network and readings.

    Raises:
        RdropError: the run is not complete, or keeps no network or readings.
    """
    (ensemble,), _ = choose_ensembles([str(folder.path)], folder.path.parent)
    _write(folder, measure_coverage(*_prepare(ensemble)))


def _prepare(ensemble: Ensemble) -> tuple[Forecaster, Rows]:
    data = open_data(ensemble, None, Path())
    rows = choose_known(data.windows, find_period(data.windows, PERIOD, None).rows, PERIOD)
    return Forecaster(ensemble, data, SAMPLES), rows


def _write(folder: RunFolder, coverage: DailyCoverage) -> None:
    """Write the file and its checksum, unless it already has this content; a kill may have come between the two."""
    path, text = folder.daily_coverage_path, coverage.to_csv()
    if path.is_file() and path.read_bytes() == text.encode() and is_up_to_date(folder, path.name):
        return
    with folder.lock():
        write_text(path, text)
        amend_record(folder, path.name)
