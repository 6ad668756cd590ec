"""Windows with several horizons: each column is that of windows which have its horizon alone."""

from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.series.forecast_errors import (
    average_by_day,
    average_by_horizon,
    find_naive_errors,
    measure_naive_mae,
)
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows, make_windows, read_newest, read_targets
from rdrop_cli.study.protocol import IN_UNIT, NEWEST_READING, STANDARDISED, WINDOW_END, Protocol

HORIZONS = (1, 2, 5)


@pytest.fixture(params=[WINDOW_END, NEWEST_READING])
def several(request: pytest.FixtureRequest, tiny_protocol: Protocol) -> Protocol:
    """The tiny protocol, whose horizon is of five rows, with two nearer ones."""
    return replace(tiny_protocol, earlier_horizon_rows=HORIZONS[:-1], horizon_from=request.param)


def are_alike(windows: Windows, place: int, alone: Windows) -> bool:
    """Whether one horizon of several has the targets, labels and naive errors of windows that have it alone."""
    rows = windows.test
    return all(
        np.array_equal(of_several[:, place], single)
        for of_several, single in (
            (windows.find_targets(rows), alone.find_targets(rows)),
            (windows.get_labels(rows), alone.get_labels(rows)),
            (read_targets(windows, rows), read_targets(alone, rows)),
            (read_newest(windows, rows), read_newest(alone, rows)),
            (find_naive_errors(windows, rows), find_naive_errors(alone, rows)),
        )
    )


@pytest.mark.parametrize("scale", [STANDARDISED, IN_UNIT])
def test_each_horizon_is_that_of_windows_which_have_it_alone(
    tiny_series: Series, several: Protocol, scale: str
) -> None:
    several = replace(several, target_scale=scale)
    windows = make_windows(tiny_series, several)
    for place, rows in enumerate(HORIZONS):
        alone = make_windows(tiny_series, replace(several, earlier_horizon_rows=(), horizon_rows=rows))
        assert alone.get_labels(windows.test).shape == windows.test.shape
        assert are_alike(windows, place, alone)
        swapped = replace(windows, earlier_offsets=windows.earlier_offsets[::-1])
        assert are_alike(swapped, place, alone) == (rows == HORIZONS[-1]), "swapped horizons are not seen"


def test_the_furthest_target_decides_where_windows_end(tiny_series: Series, several: Protocol) -> None:
    windows = make_windows(tiny_series, several)
    alone = make_windows(tiny_series, replace(several, earlier_horizon_rows=()))
    for period in ("train", "validation", "test"):
        assert list(getattr(windows, period)) == list(getattr(alone, period))
    assert windows.find_targets(windows.test).max() == alone.find_targets(alone.test).max() < tiny_series.rows
    assert several.least_rows == replace(several, earlier_horizon_rows=()).least_rows


def test_errors_are_averaged_at_each_horizon_and_over_all(tiny_series: Series, several: Protocol) -> None:
    windows = make_windows(tiny_series, several)
    rows = windows.validation
    errors = find_naive_errors(windows, rows)
    means = average_by_horizon(errors)
    assert means == pytest.approx([errors[:, place].mean() for place in range(3)])
    assert measure_naive_mae(windows, rows) == pytest.approx(np.mean(means))
    assert average_by_horizon(errors[:, 0]) == []
    days = average_by_day(windows, rows, errors.astype(np.float32))
    assert sum(count for _, count, _ in days) == errors.size
    assert sum(count * mean for _, count, mean in days) == pytest.approx(errors.sum(), rel=1e-5)
    stamps = tiny_series.timestamps[windows.find_targets(rows)].astype("datetime64[D]").astype(str)
    assert [(day, count) for day, count, _ in days] == [(day, (stamps == day).sum()) for day in np.unique(stamps)]


def test_a_window_counts_where_all_of_its_targets_were_measured(tiny_series: Series, several: Protocol) -> None:
    values = tiny_series.values.copy()
    values[250, 0] = np.nan
    windows = make_windows(replace(tiny_series, values=values), replace(several, sentinels="fill"))
    lost = {250 - lead + several.step_rows for lead in several.leads} | {250 + several.step_rows}
    everything = make_windows(tiny_series, several)
    assert set(everything.test) - set(windows.test) == lost
    assert windows.unmeasured == len(lost) == 4
