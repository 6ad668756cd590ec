"""What runs keep day by day in files of their own: read of many at once, and named where it is damaged."""

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
    """Read the validation errors of runs by day."""
    return _read_by_day(runs, DAILY_ERRORS, damaged)


def read_coverage(runs: Sequence[Run], damaged: list[Skipped]) -> list[DailyCoverage | None]:
    """Read the coverage of the runs whose intervals were measured: most have no such file."""
    measured = [run for run in runs if os.path.exists(f"{run.folder.place}/{DAILY_COVERAGE.file}")]  # noqa: PTH110
    found = dict(
        zip((run.folder.place for run in measured), _read_by_day(measured, DAILY_COVERAGE, damaged), strict=True)
    )
    return [found.get(run.folder.place) for run in runs]


def _read_by_day(runs: Sequence[Run], kind: Kind[Daily | None], damaged: list[Skipped]) -> list[Daily | None]:
    """Read what runs keep day by day; a file that is damaged is named, none is missed where none was kept."""
    found: list[Daily | None] = []
    read = read_files([run.folder for run in runs], kind)
    for run, daily in zip(runs, read, strict=True):
        if isinstance(daily, DataError):
            damaged.append(Skipped(run.folder.run_id, f"{daily}; judged without it", f"with damaged {kind.name}"))
        found.append(None if isinstance(daily, DataError) else daily)
    return found
