"""Daily errors and coverage, which runs keep in files of their own: read for many runs at once; damage is reported."""

import os
from collections.abc import Sequence
from typing import TypeVar

from rdrop_cli.analysis.coverage import (
    DailyCoverage,
    pack_daily_coverage,
    read_daily_coverage,
    unpack_daily_coverage,
)
from rdrop_cli.analysis.run import DailyErrors, pack_daily_errors, read_daily_errors, unpack_daily_errors
from rdrop_cli.errors import DataError
from rdrop_cli.runs.comparable import Run, Skipped
from rdrop_cli.runs.index import Kind, read_files

Daily = TypeVar("Daily", DailyErrors, DailyCoverage)

DAILY_ERRORS = Kind("daily errors", "daily_errors.csv", read_daily_errors, pack_daily_errors, unpack_daily_errors)

DAILY_COVERAGE = Kind(
    "daily coverage", "daily_coverage.csv", read_daily_coverage, pack_daily_coverage, unpack_daily_coverage
)


def read_errors(runs: Sequence[Run], damaged: list[Skipped]) -> list[DailyErrors | None]:
    """Read the daily validation errors of runs."""
    return _read_by_day(runs, DAILY_ERRORS, damaged)


def read_coverage(runs: Sequence[Run], damaged: list[Skipped]) -> list[DailyCoverage | None]:
    """Read the daily coverage of runs; None for the many runs whose intervals were not measured."""
    measured = [run for run in runs if os.path.exists(f"{run.folder.place}/{DAILY_COVERAGE.file}")]  # noqa: PTH110
    found = dict(
        zip((run.folder.place for run in measured), _read_by_day(measured, DAILY_COVERAGE, damaged), strict=True)
    )
    return [found.get(run.folder.place) for run in runs]


def _read_by_day(runs: Sequence[Run], kind: Kind[Daily | None], damaged: list[Skipped]) -> list[Daily | None]:
    """Read a daily file of each run; a damaged file is added to `damaged`, a missing one is None."""
    found: list[Daily | None] = []
    read = read_files([run.folder for run in runs], kind)
    for run, daily in zip(runs, read, strict=True):
        if isinstance(daily, DataError):
            damaged.append(Skipped(run.folder.run_id, f"{daily}; judged without it", f"with damaged {kind.name}"))
        found.append(None if isinstance(daily, DataError) else daily)
    return found
