"""Regular sampling: what passes, and how the first line that does not is named."""

from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.series.load import load_dataset
from rdrop_cli.series.quality import check_sampling, name_row
from rdrop_cli.series.table import Series


def load_minutes(folder: Path, minutes: list[int], blank_after: int | None = None) -> Series:
    """Load a file whose readings come at given minutes, a blank line after one of them."""
    path = folder / "load.csv"
    lines = [f"{np.datetime64('2014-01-01') + np.timedelta64(minute, 'm')},5" for minute in minutes]
    if blank_after is not None:
        lines.insert(blank_after, "")
    path.write_text("\n".join(["utc,MW", *lines]) + "\n")
    return load_dataset(str(path), folder / "data")


def refuse(series: Series) -> str:
    with pytest.raises(DataError) as caught:
        check_sampling(series)
    return str(caught.value)


def test_one_step_in_ten_may_be_another_and_two_may_not(tmp_path: Path) -> None:
    minutes = [60 * n for n in range(11)]
    series = load_minutes(tmp_path, [*minutes[:-1], 700])
    check_sampling(series)
    assert series.sampling_seconds == 3600
    said = refuse(load_minutes(tmp_path, [*minutes[:4], 217, *minutes[5:]]))
    assert said == (
        "load: no regular sampling: line 6 comes 37 min after the row before it, the usual step is 1 h, and only 80% "
        "of the steps are; resample the series to equal steps"
    )


def test_lines_are_counted_with_the_blank_ones(tmp_path: Path) -> None:
    assert "line 7 comes 37 min after" in refuse(load_minutes(tmp_path, [0, 60, 120, 180, 217, 300], blank_after=2))


def test_newest_first_is_told_to_be_sorted(tmp_path: Path) -> None:
    said = refuse(load_minutes(tmp_path, [120, 60, 0]))
    assert said == "load: line 3: stamps go back, mostly by 1 h a row; sort the file, oldest reading first"


def test_several_rows_a_stamp_are_told_to_become_columns(tmp_path: Path) -> None:
    said = refuse(load_minutes(tmp_path, [0, 0, 0, 60, 60, 60]))
    assert said.startswith("load: line 3: the same stamp as the row before, as most are; keep one row a stamp")


def test_one_row_is_too_short(tmp_path: Path) -> None:
    assert "too short: it has one row" in refuse(load_minutes(tmp_path, [0]))


def test_a_series_from_no_file_is_told_by_its_row(tiny_series: Series) -> None:
    stamps = tiny_series.stamps.copy()
    stamps[40:120] += np.arange(80)
    assert "row 41 comes 601 s after" in refuse(
        Series(stamps, tiny_series.columns, tiny_series.values, tiny_series.source)
    )


def test_a_row_of_a_file_that_is_gone_or_cut_off_is_told_by_its_number(tmp_path: Path) -> None:
    series = load_minutes(tmp_path, [0, 60, 120])
    assert name_row(series, 2) == "line 4"
    Path(series.source.origin).write_text("utc,MW\n2014-01-01,5\n")
    assert name_row(series, 2) == "row 2"
    Path(series.source.origin).unlink()
    assert name_row(series, 2) == "row 2"
