"""The epochs of a run."""

import csv
import io
import json
from collections.abc import Callable, Sequence

import pytest

from rdrop_cli.runs.history import Epoch, History

MakeHistory = Callable[[Sequence[float]], History]


def test_the_best_epoch_is_the_first_with_the_lowest_validation_error(make_history: MakeHistory) -> None:
    history = make_history([0.30, 0.26, 0.28, 0.26])
    assert (history.best.epoch, history.best.val_loss) == (2, 0.26)
    assert history.last.epoch == 4


def test_a_curve_is_one_figure_of_every_epoch(make_history: MakeHistory) -> None:
    assert make_history([0.30, 0.26]).curve("val_loss") == [0.30, 0.26]
    assert History().curve("val_loss") == []


def test_the_csv_has_a_line_an_epoch_and_the_error_in_degrees(make_history: MakeHistory) -> None:
    text = make_history([0.1 + 0.2, 0.25]).to_csv(target_std=8.0)
    first, second = csv.DictReader(io.StringIO(text))
    assert list(first) == ["epoch", "loss", "val_loss", "train_mae", "val_mae_unscaled", "train_seconds", "seconds"]
    assert (first["epoch"], second["epoch"]) == ("1", "2")
    assert float(first["val_loss"]) == 0.1 + 0.2  # every digit
    assert float(second["val_mae_unscaled"]) == 2.0
    assert (second["train_seconds"], second["seconds"]) == ("2.000", "3.000")
    assert "\r" not in text


def test_a_history_without_epochs_is_a_header_alone() -> None:
    assert History().to_csv(8.0).count("\n") == 1


def test_a_history_survives_json_to_the_last_digit() -> None:
    history = History([Epoch(1, 0.1 + 0.2, 1 / 3, 2e-308, 1e9 / 7, 3.0)])
    assert History.from_json(json.loads(json.dumps(history.to_json()))) == history


def test_a_figure_from_a_later_version_is_left_out(make_history: MakeHistory) -> None:
    value = make_history([0.3]).to_json()
    assert History.from_json([{**value[0], "gradient_norm": 1.0}]) == make_history([0.3])


def test_an_epoch_without_one_of_its_figures_is_none(make_history: MakeHistory) -> None:
    value = make_history([0.3]).to_json()
    del value[0]["train_mae"]
    with pytest.raises(KeyError):
        History.from_json(value)
