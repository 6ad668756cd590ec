"""Protocols: the book's numbers, and lengths that cannot be."""

from dataclasses import replace

import pytest

from rdrop_cli.errors import UsageError
from rdrop_cli.study.editions import PROTOCOLS, find_edition
from rdrop_cli.study.protocol import LENGTHS, Protocol

OPTIONS = {field: option for option, field in LENGTHS.items()}


def test_the_book_protocol_has_the_books_numbers() -> None:
    facts = {
        "target": "T (degC)",
        "lookback_rows": 1440,
        "step_rows": 6,
        "horizon_rows": 144,
        "train_stop_row": 200_000,
        "val_stop_row": 300_000,
        "batch_size": 128,
        "steps_per_epoch": 500,
        "epochs": 20,
        "epochs_with_dropout": 40,
        "units": 32,
        "sentinels": "keep",
    }
    book = find_edition("book").protocol
    assert book.to_json().items() >= facts.items()
    assert book.timesteps == 240


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_named_protocol_fits_together_and_the_published_data(name: str) -> None:
    protocol = find_edition(name).protocol
    protocol.check_layout()
    assert protocol.name == name
    assert protocol.summary
    assert protocol.val_stop_row + 1 + protocol.lookback_rows < 420_551 - protocol.horizon_rows - 1


def test_an_unknown_protocol_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"protocol: expected one of book, book2.*received 'bok'"):
        find_edition("bok")


COUNTED = [name for name, value in PROTOCOLS["book"].to_json().items() if type(value) is int]


@pytest.mark.parametrize("field", [name for name in COUNTED if name != "train_start_row"])
@pytest.mark.parametrize("value", [0, -6])
def test_every_length_and_count_is_at_least_one(field: str, value: int) -> None:
    with pytest.raises(UsageError, match=rf"{OPTIONS.get(field, field)}: expected at least 1( row)?, received {value}"):
        replace(PROTOCOLS["book"], **{field: value})


def test_another_origin_has_the_same_periods_later() -> None:
    book = PROTOCOLS["book"]
    later = book.shift(1000)
    assert (later.train_start_row, later.train_stop_row, later.val_stop_row) == (1000, 201_000, 301_000)
    assert later.train_rows == range(2440, 201_000)
    assert len(later.train_rows) == len(book.train_rows)
    assert later.at_first_origin == book.at_first_origin == book
    with pytest.raises(UsageError, match="train_start_row: expected at least"):
        book.shift(-1)


@pytest.mark.parametrize("earlier", [(5,), (6,), (2, 2), (3, 2), (0, 2), (-1,)])
def test_several_horizons_ascend_from_one_row(tiny_protocol: Protocol, earlier: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"horizon: expected rows that ascend from 1, received \("):
        replace(tiny_protocol, earlier_horizon_rows=earlier)
    assert replace(tiny_protocol, earlier_horizon_rows=(1, 4)).output_shape == (3,)
    assert tiny_protocol.output_shape == ()


def test_horizons_are_named_and_many_by_their_ends(tiny_protocol: Protocol) -> None:
    three = replace(tiny_protocol, earlier_horizon_rows=(1, 2), horizon_from="newest reading")
    assert three.describe_horizon(3600) == "1 h, 2 h, 5 h after the newest reading"
    many = replace(tiny_protocol, earlier_horizon_rows=tuple(range(1, 25)), horizon_rows=25)
    text = "25 horizons, 1 h to 25 h after the window, 4 h to 28 h after the newest reading"
    assert many.describe_horizon(3600) == text


def test_quantiles_belong_to_their_loss_and_have_a_median(tiny_protocol: Protocol) -> None:
    levels = {"loss": "quantile", "quantiles": (0.1, 0.5, 0.9)}
    assert replace(tiny_protocol, **levels).output_shape == (1, 3)
    assert replace(tiny_protocol, **levels, earlier_horizon_rows=(2,)).output_shape == (2, 3)
    for change, message in (
        ({"loss": "quantile"}, "quantiles: belong to the loss quantile, received loss quantile and none"),
        ({"quantiles": (0.5,)}, "quantiles: belong to the loss quantile, received loss mae and 1 quantiles"),
        ({**levels, "quantiles": (0.1, 0.9)}, r"quantiles: .* 0.5 among them, received \(0.1, 0.9\)"),
        ({**levels, "quantiles": (0.5, 0.1)}, "quantiles: expected levels that ascend"),
        ({**levels, "quantiles": (0.0, 0.5)}, "quantiles: expected levels that ascend"),
        ({**levels, "quantiles": (0.5, float("nan"))}, "quantiles: expected levels that ascend"),
        ({"best_by": "pinball"}, "best_by: only quantiles have a pinball loss; use loss='quantile'"),
    ):
        with pytest.raises(UsageError, match=message):
            replace(tiny_protocol, **change)


def test_sentinels_are_kept_or_filled_and_nothing_else() -> None:
    assert replace(PROTOCOLS["book"], sentinels="fill").sentinels == "fill"
    with pytest.raises(UsageError, match=r"sentinels: expected one of .*'drop'"):
        replace(PROTOCOLS["book"], sentinels="drop")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"lookback_rows": 13},
            "lookback: a window of 13 rows is not a multiple of the step of 3 rows",
        ),
        ({"train_stop_row": 12}, "training stops at row 12, before the first window of 12 rows ends"),
        ({"val_stop_row": 133}, "validation stops at row 133; the first window .* ends before row 133"),
        ({"val_stop_row": 50}, "validation stops at row 50"),
    ],
)
def test_lengths_that_do_not_fit_each_other_are_refused(
    tiny_protocol: Protocol, change: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        replace(tiny_protocol, **change).check_layout()


@pytest.mark.parametrize("change", [{"train_stop_row": 13}, {"val_stop_row": 134}])
def test_room_for_one_window_is_enough(tiny_protocol: Protocol, change: dict[str, int]) -> None:
    replace(tiny_protocol, **change).check_layout()
