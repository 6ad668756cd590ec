"""The epochs of a run."""

import csv
import io
import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.runs.history import Epoch, History, is_still_improving
from rdrop_cli.runs.schema import parse_history

LEADS = (144, 288)
MakeHistory = Callable[[Sequence[float]], History]


def test_the_best_epoch_is_the_first_with_the_lowest_validation_error(make_history: MakeHistory) -> None:
    history = make_history([0.30, 0.26, 0.28, 0.26])
    assert (history.best.epoch, history.best.val_loss) == (2, 0.26)
    assert history.last.epoch == 4


def test_a_curve_is_one_figure_of_every_epoch(make_history: MakeHistory) -> None:
    assert make_history([0.30, 0.26]).curve("val_loss") == [0.30, 0.26]
    assert History().curve("val_loss") == []


def test_the_csv_has_a_line_an_epoch_and_the_error_in_degrees(make_history: MakeHistory) -> None:
    text = make_history([0.1 + 0.2, 0.25]).to_csv(8.0, LEADS)
    first, second = csv.DictReader(io.StringIO(text))
    assert list(first) == ["epoch", "loss", "val_loss", "train_mae", "val_mae_in_unit", "train_seconds", "seconds"]
    assert (first["epoch"], second["epoch"]) == ("1", "2")
    assert float(first["val_loss"]) == 0.1 + 0.2  # every digit
    assert float(second["val_mae_in_unit"]) == 2.0
    assert (second["train_seconds"], second["seconds"]) == ("2.000", "3.000")
    assert "\r" not in text


def test_networks_of_quantiles_and_of_several_horizons_have_their_own_columns_last() -> None:
    epochs = [Epoch(n, 0.3, 0.3, 0.2, 2.0, 3.0, 0.1, 0.07 / n, (0.2 / n, 0.4 / n)) for n in (1, 2)]
    rows = list(csv.DictReader(io.StringIO(History(epochs).to_csv(8.0, LEADS))))
    assert list(rows[0])[7:] == ["val_pinball", "val_mae_lead_144", "val_mae_lead_288"]
    assert [float(rows[1][name]) for name in list(rows[1])[7:]] == [0.035, 0.1, 0.2]
    older = [Epoch(1, 0.3, 0.3, 0.2, 2.0, 3.0), epochs[1]]
    assert "lead" not in History(older).to_csv(8.0, LEADS)  # not measured in every epoch


def test_a_history_without_epochs_is_a_header_alone() -> None:
    assert History().to_csv(8.0, LEADS).count("\n") == 1


def test_a_history_survives_json_to_the_last_digit() -> None:
    history = History([Epoch(1, 0.1 + 0.2, 1 / 3, 2e-308, 1e9 / 7, 3.0)])
    assert parse_history(json.dumps(history.to_json()).encode()) == history


def test_a_figure_from_a_later_version_is_left_out(make_history: MakeHistory) -> None:
    value = make_history([0.3]).to_json()
    assert parse_history(json.dumps([{**value[0], "gradient_norm": 1.0}]).encode()) == make_history([0.3])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda epoch: epoch.pop("train_mae"), r"\[0\].train_mae is missing"),
        (lambda epoch: epoch.update(epoch=1.5), r"\[0\].epoch: expected `int`, got `float`, received 1.5"),
        (lambda epoch: epoch.update(loss=True), r"\[0\].loss: expected `float`, got `bool`, received True"),
        (lambda epoch: epoch.update(loss=1e101), r"\[0\].loss: expected a number within 1e\+100, received 1e\+101"),
        (lambda epoch: epoch.update(loss=float("nan")), "cannot be read as JSON .NaN is not JSON"),
    ],
)
def test_an_epoch_that_is_none_is_refused_with_its_field(
    make_history: MakeHistory, spoil: Callable[[dict[str, object]], object], message: str
) -> None:
    value = make_history([0.3]).to_json()
    spoil(value[0])
    with pytest.raises(DataError, match=f"not a run's history: {message}"):
        parse_history(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("val_loss", "improving"),
    [
        ([], False),
        ([0.3], True),
        ([0.3, 0.2, 0.1], True),
        ([0.3, 0.1, 0.2], False),
        ([0.3, 0.2, 0.199], False),  # less than 2 % of the naive error
        ([0.3 - n / 100 for n in range(20)], True),
        ([0.3 - n / 100 for n in range(10)] + [0.2] * 10, False),
        ([0.3] * 19 + [0.1], False),  # one low epoch is chance
        ([0.3 - n / 100 for n in range(18)] + [0.2, 0.3], False),  # it has turned
    ],
)
def test_a_run_still_improves_while_its_error_falls_at_its_end(val_loss: list[float], improving: bool) -> None:
    assert is_still_improving(val_loss, naive_val_mae=0.3) is improving


def test_a_level_curve_that_scatters_is_hardly_ever_taken_for_one_that_improves() -> None:
    rng = np.random.default_rng(0)
    curves = 0.27 + 0.002 * rng.normal(size=(2000, 20))  # the published jitter
    assert np.mean([is_still_improving(list(curve), naive_val_mae=0.29) for curve in curves]) < 0.005


def test_the_best_epoch_is_that_of_the_figure_that_the_protocol_names() -> None:
    figures = [(0.30, 0.20, 0.09), (0.29, 0.22, 0.08), (0.31, 0.19, 0.10)]
    epochs = [Epoch(n, 0.1, mae, 0.1, 1.0, 1.0, mse, pinball) for n, (mae, mse, pinball) in enumerate(figures, start=1)]
    assert [History(epochs, by).best.epoch for by in ("mae", "mse", "pinball")] == [2, 3, 2]
    assert History([*epochs, Epoch(4, 0.1, 0.40, 0.1, 1.0, 1.0, 0.3, 0.07)], "pinball").best.epoch == 4
    unmeasured = [Epoch(n, 0.1, mae, 0.1, 1.0, 1.0) for n, mae in enumerate((0.3, 0.2), start=1)]
    assert History(unmeasured, "pinball").best.epoch == 2
