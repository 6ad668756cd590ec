"""From a request to the runs."""

import re
from dataclasses import fields, replace
from typing import Any

import pytest

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.planning.fit import fit_to_series
from rdrop_cli.planning.request import Request, RunOptions, StudyOptions, parse_seeds, plan_runs
from rdrop_cli.series.table import Series
from rdrop_cli.study.config import MAX_SEED
from rdrop_cli.study.editions import EDITIONS, PROTOCOLS
from rdrop_cli.study.protocol import NEWEST_READING, Protocol
from rdrop_cli.study.reading import Reading
from tests.planning.series import make_series

JENA = make_series(420_551, 600)
HOURLY = make_series(10_000, 3600, own_file=True)


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
    with pytest.raises(UsageError, match=f"{option}: baseline has no such rate"):
        plan_runs(Request(variants=("baseline",), **{option: 0.3}))


def test_wanted_epochs_hold_for_all_variants() -> None:
    assert [run.epochs for run in plan_runs(Request(epochs=3))] == [3, 3]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("target", "p (mbar)"),
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
        ({"variants": ("baseline", "rnn")}, "no variant 'rnn'"),
        ({"protocol": "film"}, "protocol: .*'film'"),
        ({"engine": "torch"}, "engine: .*'torch'"),
        ({"seed": -1}, "seed: .*-1"),
        ({"epochs": 0}, "epochs: .*0"),
        ({"dropout": 1.0}, r"dropout: .*\[0, 1\), received 1"),
        ({"batch_size": 0}, "batch_size: expected at least 1, received 0"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_data_are_read(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_runs(Request(**wrong))


def test_lengths_become_rows_when_the_series_is_known() -> None:
    request = Request(variants=("baseline",), lookback="5d", every="2h", horizon="12h")
    (planned,) = plan_runs(request)
    assert planned.dataset_sha256 == ""
    config = fit_to_series(planned, request, JENA)
    protocol = config.protocol
    assert (protocol.lookback_rows, protocol.step_rows, protocol.horizon_rows) == (720, 12, 72)
    assert config.dataset_sha256 == "abc"


def test_lengths_that_are_not_wanted_stay_the_protocols() -> None:
    (planned,) = plan_runs(Request(variants=("baseline",)))
    assert fit_to_series(planned, Request(), JENA).protocol == PROTOCOLS["book"]


def test_several_horizons_are_those_of_one_protocol() -> None:
    (planned,) = plan_runs(Request(variants=("baseline",)))
    protocol = fit_to_series(planned, Request(horizon="6h,24h,12h"), JENA).protocol
    assert (protocol.earlier_horizon_rows, protocol.horizon_rows) == ((36, 72), 144)
    assert (protocol.horizons, protocol.leads) == ((36, 72, 144), (42, 78, 150))


@pytest.mark.parametrize("option", ["lookback", "every", "horizon"])
def test_a_length_that_fits_no_reading_is_refused_by_its_option(option: str) -> None:
    (planned,) = plan_runs(Request(variants=("baseline",)))
    with pytest.raises(UsageError, match=f"{option}: 25min is not a whole number of readings"):
        fit_to_series(planned, Request(**{option: "25min"}), JENA)


def test_a_length_of_no_rows_is_refused() -> None:
    (planned,) = plan_runs(Request(variants=("baseline",)))
    with pytest.raises(UsageError, match="horizon: expected at least 1 row"):
        fit_to_series(planned, Request(horizon="0h"), JENA)


def fit(request: Request, series: Series) -> Protocol:
    (planned,) = plan_runs(replace(request, variants=("baseline",)))
    return fit_to_series(planned, request, series).protocol


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("rows", [420_551, 300])
def test_the_named_datasets_keep_the_protocols_rows_and_steps(name: str, rows: int) -> None:
    assert fit(Request(protocol=name), make_series(rows, 600)) == PROTOCOLS[name]


def test_on_a_file_of_the_users_lengths_are_times_splits_shares_and_an_epoch_has_the_books_steps() -> None:
    protocol = fit(Request(), HOURLY)
    assert (protocol.lookback_rows, protocol.step_rows, protocol.horizon_rows) == (240, 1, 24)
    assert (protocol.train_stop_row, protocol.val_stop_row) == (5000, 7500)
    assert protocol.steps_per_epoch == PROTOCOLS["book"].steps_per_epoch
    assert (protocol.horizon_from, protocol.lead_rows) == (NEWEST_READING, 24)
    assert protocol.target == "T (degC)"


def test_ten_minute_readings_of_the_users_have_the_protocols_own_rows() -> None:
    protocol = fit(Request(), make_series(420_551, 600, own_file=True))
    assert (protocol.lookback_rows, protocol.step_rows, protocol.horizon_rows) == (1440, 6, 144)
    assert (protocol.lead_rows, PROTOCOLS["book"].lead_rows) == (144, 150)


def test_a_step_shorter_than_the_sampling_is_one_row() -> None:
    protocol = fit(Request(), make_series(2000, 86_400, own_file=True))
    assert (protocol.lookback_rows, protocol.step_rows, protocol.horizon_rows) == (10, 1, 1)


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (2700, "every: the protocol's 1 h is not a whole number of readings, which are 45 min apart"),
        (7 * 86_400, "lookback: the protocol's 10 d is not a whole number of readings, which are 7 d apart"),
    ],
)
def test_a_protocols_length_between_two_readings_names_the_option_to_change(seconds: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit(Request(), make_series(10_000, seconds, own_file=True))


def test_wanted_steps_are_the_steps_of_an_epoch() -> None:
    assert fit(Request(steps_per_epoch=9), HOURLY).steps_per_epoch == 9


PLANT = replace(HOURLY, columns=("load_MW", "wind [m/s]", "wind_dir", "row"))


@pytest.mark.parametrize(
    ("inputs", "exclude", "chosen"),
    [
        ((), (), ()),
        (("*",), (), ()),
        (("wind*",), (), ("load_MW", "wind [m/s]", "wind_dir")),
        (("wind [m/s]",), (), ("load_MW", "wind [m/s]")),
        ((), ("row", "wind_???"), ("load_MW", "wind [m/s]")),
        (("wind*",), ("load_MW",), ("wind [m/s]", "wind_dir")),
    ],
)
def test_inputs_are_chosen_by_names_and_wildcards_and_recorded_by_name(inputs, exclude, chosen) -> None:
    assert fit(Request(target="load_MW", inputs=inputs, exclude=exclude), PLANT).inputs == chosen


def test_inputs_that_are_not_there_or_none_at_all_are_refused() -> None:
    with pytest.raises(UsageError, match=r"inputs: expected columns of load_MW, .* received 'sun\*'"):
        fit(Request(target="load_MW", inputs=("sun*",)), PLANT)
    with pytest.raises(UsageError, match="exclude: excludes every input, load_MW, "):
        fit(Request(target="load_MW", exclude=("*",)), PLANT)
    with pytest.raises(UsageError, match=r"exclude: excludes every input, load_MW$"):
        fit(Request(target="load_MW", inputs=("load_MW",), exclude=("load_MW",)), PLANT)
    with pytest.raises(UsageError, match="exclude: excludes every input, load_MW, "):  # none recorded would mean all
        fit(Request(target="load_MW", exclude=("*",), calendar=True), PLANT)
    assert fit(Request(target="load_MW", exclude=("row",), calendar=True), PLANT).calendar


def test_the_options_of_the_api_are_those_of_a_request() -> None:
    of_run, of_study = {*RunOptions.__annotations__}, {*StudyOptions.__annotations__}
    assert {*of_run, *of_study, "variants", "dataset", "reading"} == {field.name for field in fields(Request)}
    assert (of_run - of_study, of_study - of_run) == ({"seed"}, {"origins"})


@pytest.mark.parametrize("asked", [{"cell": "gur"}, {"vary": "nothing"}, {"engine": "torch"}, {"seed": -1}], ids=str)
def test_what_no_variant_can_mean_is_refused_also_where_it_has_no_effect(asked: dict[str, Any]) -> None:
    (field,) = asked
    with pytest.raises(UsageError, match=f"{field}: expected"):
        plan_runs(Request(variants=("naive",), **asked))


def test_what_a_run_is_called_does_not_make_it_another_run() -> None:
    (plain,) = plan_runs(Request(variants=("baseline",)))
    (named,) = plan_runs(Request(variants=("baseline",), name="first", tags=("a", "a"), note="a try"))
    assert (named.name, named.tags, named.note) == ("first", ("a",), "a try")
    assert named.identity == plain.identity != plain.identity.__class__(**{**vars(plain.identity), "seed": 1})
    with pytest.raises(UsageError, match="note: expected a line of text"):
        plan_runs(Request(variants=("baseline",), note="two\nlines"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("optimizer", "adamm"),
        ("loss", "mape"),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("clip_norm", -1.0),
        ("patience", 0),
    ],
)
def test_a_training_that_cannot_be_is_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{option}: expected"):
        plan_runs(Request(**{option: value}))


def test_the_only_column_is_the_target_and_of_several_one_must_be_named() -> None:
    assert fit(Request(), replace(HOURLY, columns=("load_MW",))).target == "load_MW"
    with pytest.raises(UsageError, match="target: name the column of made to predict, one of load_MW, wind"):
        fit(Request(), replace(HOURLY, columns=("load_MW", "wind")))
    assert fit(Request(target="wind"), replace(HOURLY, columns=("load_MW", "wind"))).target == "wind"


def test_the_options_of_reading_are_kept_with_the_configuration() -> None:
    (planned,) = plan_runs(Request(variants=("baseline",), reading=Reading(time="utc", sort=True)))
    assert planned.reading == Reading(time="utc", sort=True)


@pytest.mark.parametrize("series", [JENA, HOURLY], ids=["jena", "file"])
def test_splits_are_rows_shares_or_dates(series: Series) -> None:
    protocol = fit(Request(train_stop="4000", val_stop="60%"), series)
    assert (protocol.train_stop_row, protocol.val_stop_row) == (4000, len(series.timestamps) * 6 // 10)
    protocol = fit(Request(train_stop="0.4", val_stop="2010-01-10"), replace(HOURLY, time_column=series.time_column))
    assert (protocol.train_stop_row, protocol.val_stop_row) == (4000, 24 * 374)


def test_splits_out_of_order_are_refused_with_both() -> None:
    with pytest.raises(
        UsageError,
        match=r"train_stop: training stops at 80% \(row 8000\), not before validation stops at 75% \(row 7500\)",
    ):
        fit(Request(train_stop="80%"), HOURLY)
    with pytest.raises(UsageError, match="not before validation stops"):
        fit(Request(train_stop="0.5", val_stop="50%"), HOURLY)


@pytest.mark.parametrize(
    "request_", [Request(), Request(lookback="3d"), Request(train_stop="60%", val_stop="80%"), Request(horizon="5d")]
)
def test_a_series_too_short_is_told_the_least_rows_and_they_are_enough(request_: Request) -> None:
    with pytest.raises(DataError, match=r"made: too short: it has 300 rows.* need (\d+) when split at") as caught:
        fit(request_, make_series(300, 3600, own_file=True))
    needed = int(re.search(r"need (\d+)", str(caught.value))[1])  # type: ignore[index]
    fit(request_, make_series(needed, 3600, own_file=True)).check_layout()
    with pytest.raises(DataError, match="too short"):
        fit(request_, make_series(needed - 1, 3600, own_file=True))


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
    with pytest.raises(UsageError, match="seeds: expected seeds such as 0-4 or 1,3,5, received '"):
        parse_seeds(text)


@pytest.mark.parametrize("name", EDITIONS)
def test_every_network_of_an_edition_can_be_planned_for_its_epochs(name: str) -> None:
    edition = EDITIONS[name]
    runs = plan_runs(Request(protocol=name, variants=tuple(edition.networks)))
    assert {run.variant: run.epochs for run in runs} == dict(edition.networks)
    assert {edition.reference, *edition.trained} <= set(edition.networks)
    assert [run.variant for run in plan_runs(Request(protocol=name))] == list(edition.trained)


def test_an_alias_is_the_protocol_itself_so_that_runs_under_both_names_are_the_same() -> None:
    assert plan_runs(Request(protocol="book1")) == plan_runs(Request())
    assert plan_runs(Request(protocol="demo1")) == plan_runs(Request(protocol="demo"))


def test_a_network_has_its_own_windows_unless_the_user_asks_for_others() -> None:
    request = Request(variants=("conv-gru",))
    (own,) = plan_runs(request)
    assert own.protocol == PROTOCOLS["book"]
    assert (own.own_protocol.lookback_rows, own.own_protocol.step_rows) == (720, 3)
    asked = Request(variants=("conv-gru",), lookback="10d", every="1h")
    protocol = fit_to_series(plan_runs(asked)[0], asked, JENA).own_protocol
    assert (protocol.lookback_rows, protocol.step_rows) == (1440, 6)
    scaled = fit_to_series(own, request, make_series(100_000, 1800, own_file=True))
    assert (scaled.lookback_rows, scaled.step_rows) == (240, 1)
    assert (scaled.protocol.lookback_rows, scaled.protocol.step_rows) == (480, 2)


@pytest.mark.parametrize(
    ("option", "value"), [("layout", "dataset"), ("target_scale", "unit"), ("sampling", "passes"), ("best_by", "mse")]
)
def test_every_part_of_an_edition_can_be_asked_for_alone(option: str, value: str) -> None:
    (run,) = plan_runs(Request(variants=("baseline",), **{option: value}))
    assert run.protocol.to_json() == PROTOCOLS["book"].to_json() | {option: value}
    with pytest.raises(UsageError, match=f"{option}: expected one of .*, received 'other'"):
        plan_runs(Request(**{option: "other"}))


def test_steps_of_a_pass_are_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"steps_per_epoch: 9 steps are no pass .*; use sampling='drawn'"):
        plan_runs(Request(protocol="book2", steps_per_epoch=9))
    (run, *_) = plan_runs(Request(protocol="book2", steps_per_epoch=9, sampling="drawn"))
    assert run.protocol.epoch_steps == 9
    assert PROTOCOLS["book2"].epoch_steps == 819


def test_quantiles_are_forecast_by_their_loss_and_the_best_epoch_is_that_of_their_loss() -> None:
    (usual,) = plan_runs(Request(variants=("baseline",), loss="quantile"))
    assert usual.protocol.quantiles == (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    assert usual.protocol.best_by == "pinball"
    chosen = Request(variants=("baseline",), loss="quantile", quantiles=".9, .5,.1,.5", best_by="mae", protocol="book2")
    (run,) = plan_runs(chosen)
    assert (run.protocol.quantiles, run.protocol.best_by) == ((0.1, 0.5, 0.9), "mae")
    assert plan_runs(Request(variants=("baseline",)))[0].protocol.quantiles == ()


@pytest.mark.parametrize("text", ["", ".1,.9", ".5,x", "0,.5", ".5,1", "50%", ".5,nan", ".1,nan,.5", "inf,.5", ".5,"])
def test_quantiles_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"quantiles: expected levels .*, received"):
        plan_runs(Request(loss="quantile", quantiles=text))


def test_quantiles_without_their_loss_are_refused() -> None:
    with pytest.raises(UsageError, match=r"quantiles: only the loss quantile .*received '.5'; use loss='quantile'"):
        plan_runs(Request(quantiles=".5"))
