"""Rolling origins: the same lengths on later rows, the first of them the protocol itself."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from rdrop_cli.errors import UsageError
from rdrop_cli.planning.fit import plan_on_series
from rdrop_cli.planning.origins import roll_origins
from rdrop_cli.planning.request import Request
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import make_windows
from rdrop_cli.study.editions import PROTOCOLS
from rdrop_cli.study.protocol import Protocol


@pytest.fixture
def book_series(tiny_series: Series) -> Series:
    """As many rows as the Jena data have; only they count."""
    rows = 420_551
    stamps = np.datetime64("2009-01-01T00:10:00", "s") + 600 * np.arange(rows)
    return replace(tiny_series, values=np.zeros((rows, len(tiny_series.columns))), timestamps=stamps)


@pytest.mark.parametrize(("name", "origins", "step"), [("book", 2, 100_000), ("book", 5, 27_241), ("demo", 5, 60_000)])
def test_origins_are_as_far_apart_as_the_series_has_room_and_leave_a_test(book_series, name, origins, step):
    protocol = PROTOCOLS[name]
    rolled = roll_origins(protocol, origins, book_series)
    assert rolled[0] == protocol
    assert len(rolled) == origins
    assert {after.train_start_row - before.train_start_row for before, after in pairwise(rolled)} == {step}
    for each in rolled:
        assert (len(each.train_rows), len(each.validation_rows)) == (
            len(protocol.train_rows),
            len(protocol.validation_rows),
        )
        assert len(each.find_test_rows(book_series.rows)) > len(protocol.validation_rows) / 10 - 1


@pytest.mark.parametrize(
    ("origins", "message"), [(0, "origins: expected at least 1, received 0"), (6, "has room for 5, received 6")]
)
def test_what_the_series_has_no_room_for_is_refused(book_series, origins, message):
    with pytest.raises(UsageError, match=message):
        roll_origins(PROTOCOLS["book"], origins, book_series)


def test_a_later_origin_learns_from_its_own_rows_alone(tiny_series: Series, tiny_protocol: Protocol):
    shifted = tiny_protocol.shift(30)
    values = tiny_series.values.copy()
    values[:30] = 1e3  # before the later origin begins
    changed = replace(tiny_series, values=values)
    assert np.array_equal(make_windows(changed, shifted).means, make_windows(tiny_series, shifted).means)
    assert make_windows(changed, shifted).target_std == make_windows(tiny_series, shifted).target_std
    assert make_windows(tiny_series, shifted).train == range(
        30 + tiny_protocol.lookback_rows, tiny_protocol.train_stop_row + 30
    )
    assert make_windows(tiny_series, shifted).target_mean != make_windows(tiny_series, tiny_protocol).target_mean


def test_runs_are_planned_origin_by_origin_and_what_has_no_masks_once(book_series):
    requests = [Request(protocol="demo", origins=2).with_seed(seed) for seed in range(2)]
    plans = [(c.variant, c.seed, c.protocol.train_start_row) for c in plan_on_series(requests, book_series)]
    assert plans == [(v, s, r) for s in range(2) for r in (0, 60_000) for v in ("baseline", "dropout")]
    masks = [Request(protocol="demo", vary="masks").with_seed(seed) for seed in range(3)]
    planned = [(c.variant, c.seed, c.vary) for c in plan_on_series(masks, book_series)]
    assert planned == [("baseline", 0, ""), ("dropout", 0, ""), ("dropout", 1, "masks"), ("dropout", 2, "masks")]
    with pytest.raises(UsageError, match="baseline has no masks to vary"):
        plan_on_series([Request(variants=("baseline",), vary="masks")], book_series)
    with pytest.raises(UsageError, match="vary: expected one of weights, windows, masks, received 'noise'"):
        plan_on_series([Request(vary="noise").with_seed(1)], book_series)


@pytest.mark.parametrize("spare", range(236, 248))
def test_as_many_origins_as_a_refusal_names_have_room(tiny_series: Series, spare: int) -> None:
    protocol = Protocol("made", "", lookback_rows=24, step_rows=1, horizon_rows=24, train_stop_row=60, val_stop_row=301)
    rows = protocol.least_rows + 24 + spare
    series = replace(tiny_series, timestamps=np.datetime64("2009-01-01", "s") + 600 * np.arange(rows))
    with pytest.raises(UsageError, match="has room for") as refusal:
        roll_origins(protocol, 9, series)
    most = int(str(refusal.value).partition("has room for ")[2].partition(",")[0])
    assert len(roll_origins(protocol, most, series)) == most
