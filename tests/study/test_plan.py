"""From a request to the runs."""

import pytest

from rdrop_cli.errors import UsageError
from rdrop_cli.study.config import MAX_SEED
from rdrop_cli.study.plan import Request, fit_to_series, parse_seeds, plan_runs
from rdrop_cli.study.protocol import PROTOCOLS


def test_a_request_for_nothing_in_particular_is_the_study() -> None:
    baseline, dropout = plan_runs(Request())
    assert (baseline.variant, baseline.epochs, baseline.dropout, baseline.recurrent_dropout) == ("baseline", 20, 0, 0)
    assert (dropout.variant, dropout.epochs, dropout.dropout, dropout.recurrent_dropout) == ("dropout", 40, 0.2, 0.2)
    for config in (baseline, dropout):
        assert (config.dataset, config.seed) == ("jena", 0)
        assert config.protocol == PROTOCOLS["book"]


def test_variants_keep_the_order_in_which_they_are_named_and_are_run_once() -> None:
    runs = plan_runs(Request(variants=("dropout", "baseline", "dropout")))
    assert [run.variant for run in runs] == ["dropout", "baseline"]


def test_rates_reach_the_variants_that_have_them_and_no_other() -> None:
    baseline, dropout = plan_runs(Request(dropout=0.5, recurrent_dropout=0.0))
    assert (baseline.dropout, baseline.recurrent_dropout) == (0, 0)
    assert (dropout.dropout, dropout.recurrent_dropout) == (0.5, 0)


@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_a_rate_that_no_named_variant_has_is_refused(option: str) -> None:
    name = option.replace("_", "-")
    with pytest.raises(UsageError, match=f"--{name}: baseline has no such rate"):
        plan_runs(Request(variants=("baseline",), **{option: 0.3}))


def test_wanted_epochs_hold_for_all_variants() -> None:
    assert [run.epochs for run in plan_runs(Request(epochs=3))] == [3, 3]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("target", "p (mbar)"),
        ("train_stop_row", 100_000),
        ("val_stop_row", 250_000),
        ("batch_size", 64),
        ("steps_per_epoch", 7),
        ("units", 16),
        ("sentinels", "fill"),
    ],
)
def test_an_option_changes_its_part_of_the_protocol_alone(option: str, value: object) -> None:
    (run,) = plan_runs(Request(variants=("baseline",), protocol="demo", **{option: value}))
    assert run.protocol.to_json() == PROTOCOLS["demo"].to_json() | {option: value}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"variants": ("baseline", "lstm")}, "no variant 'lstm'"),
        ({"protocol": "film"}, "--protocol: .*'film'"),
        ({"engine": "torch"}, "--engine: .*'torch'"),
        ({"seed": -1}, "--seed: .*-1"),
        ({"epochs": 0}, "--epochs: .*0"),
        ({"dropout": 1.0}, r"--dropout: .*\[0, 1\), received 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_data_are_read(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_runs(Request(**wrong))


def test_lengths_become_rows_when_the_series_is_known() -> None:
    request = Request(variants=("baseline",), lookback="5d", every="2h", horizon="12h")
    (planned,) = plan_runs(request)
    assert planned.dataset_sha256 == ""
    config = fit_to_series(planned, request, sampling_seconds=600, sha256="abc")
    protocol = config.protocol
    assert (protocol.lookback_rows, protocol.step_rows, protocol.horizon_rows) == (720, 12, 72)
    assert config.dataset_sha256 == "abc"


def test_lengths_that_are_not_wanted_stay_the_protocols() -> None:
    (planned,) = plan_runs(Request(variants=("baseline",)))
    assert fit_to_series(planned, Request(), 3600, "abc").protocol == PROTOCOLS["book"]


@pytest.mark.parametrize("option", ["lookback", "every", "horizon"])
def test_a_length_that_fits_no_reading_is_refused_by_its_option(option: str) -> None:
    (planned,) = plan_runs(Request(variants=("baseline",)))
    with pytest.raises(UsageError, match=f"--{option}: 25min is no whole number of readings"):
        fit_to_series(planned, Request(**{option: "25min"}), 600, "abc")


def test_a_length_of_no_rows_is_refused() -> None:
    (planned,) = plan_runs(Request(variants=("baseline",)))
    with pytest.raises(UsageError, match="horizon_rows must be at least 1"):
        fit_to_series(planned, Request(horizon="0h"), 600, "abc")


def test_another_seed_changes_the_seed_alone() -> None:
    request = Request(variants=("dropout",), epochs=3)
    (run,), (other,) = plan_runs(request), plan_runs(request.with_seed(7))
    assert other.to_json() == run.to_json() | {"seed": 7}


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", [3]),
        ("0-4", [0, 1, 2, 3, 4]),
        ("1,3,5", [1, 3, 5]),
        ("0-2, 7", [0, 1, 2, 7]),
        ("5,0-2,1", [5, 0, 1, 2]),
        ("4-4", [4]),
        (str(MAX_SEED), [MAX_SEED]),
    ],
)
def test_seeds_are_written_as_ranges_and_lists(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", ",", "1,", "-1", "4-0", "1-2-3", "a", "1.5", str(MAX_SEED + 1), "0-99999999"])
def test_what_names_no_seeds_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--seeds: expected seeds such as 0-4 or 1,3,5, received '"):
        parse_seeds(text)
