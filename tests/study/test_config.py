"""A run's configuration: what it refuses, and that it survives the disk."""

import json
from dataclasses import MISSING, fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.runs.schema import parse_config
from rdrop_cli.study.config import MAX_SEED, RunConfig
from rdrop_cli.study.protocol import Protocol

NOT_A_NUMBER = ("7", None, [7], {"rows": 7}, True)
NOT_A_TEXT = (7, None, ["book"], {"name": "book"}, True)


@pytest.mark.parametrize("rate", ["dropout", "recurrent_dropout"])
@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5, float("nan"), float("inf")])
def test_a_rate_outside_0_to_1_is_refused(tiny_config: RunConfig, rate: str, value: float) -> None:
    with pytest.raises(UsageError, match=rf"{rate}: expected a rate in \[0, 1\), received"):
        replace(tiny_config, **{rate: value})


def test_several_horizons_are_refused_where_only_one_can_be_forecast(tiny_config: RunConfig) -> None:
    several = replace(tiny_config.protocol, earlier_horizon_rows=(1, 2))
    assert replace(tiny_config, variant="ridge", protocol=several).protocol == several
    with pytest.raises(UsageError, match=r"horizon: gradient-boosting forecasts one, received 3; .*leave grad"):
        replace(tiny_config, variant="gradient-boosting", protocol=several)
    config = replace(tiny_config, protocol=several)
    assert parse_config(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("rate", [0.0, 0.999])
def test_the_ends_of_the_range_are_rates(tiny_config: RunConfig, rate: float) -> None:
    assert replace(tiny_config, dropout=rate).dropout == rate


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1])
def test_a_seed_out_of_range_is_refused(tiny_config: RunConfig, seed: int) -> None:
    with pytest.raises(UsageError, match=f"seed: .*received {seed}"):
        replace(tiny_config, seed=seed)


def test_the_largest_seed_is_one(tiny_config: RunConfig) -> None:
    assert replace(tiny_config, seed=MAX_SEED).seed == MAX_SEED


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("variant", "rnn", "no variant 'rnn'"), ("engine", "torch", "engine: "), ("epochs", 0, "epochs: ")],
)
def test_what_cannot_be_trained_is_refused(tiny_config: RunConfig, field: str, value: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(tiny_config, **{field: value})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.integers(0, MAX_SEED), st.text(st.characters(codec="utf-8")))
def test_a_configuration_survives_the_disk_to_the_last_digit(
    tiny_config: RunConfig, rate: float, seed: int, dataset: str
) -> None:
    config = replace(tiny_config, dropout=rate, seed=seed, dataset=dataset)
    assert parse_config(json.loads(json.dumps(config.to_json()))) == config


def test_a_missing_field_is_refused(tiny_config: RunConfig) -> None:
    for name in (field.name for field in fields(RunConfig) if field.default is MISSING):
        value = tiny_config.to_json()
        del value[name]
        with pytest.raises(DataError, match=f"not a run's configuration: .*{name}"):
            parse_config(value)


def test_a_field_that_is_not_known_is_refused(tiny_config: RunConfig) -> None:
    value = tiny_config.to_json()
    with pytest.raises(DataError, match=r"not a run's configuration: .*zoneout"):
        parse_config(value | {"zoneout": 0.1})
    with pytest.raises(DataError, match=r"not a run's configuration: .*stride"):
        parse_config(value | {"protocol": value["protocol"] | {"stride": 2}})


@pytest.mark.parametrize("wrong", [{"variant": "lstm"}, {"seed": -1}, {"dropout": 2.0}, {"epochs": 0}])
def test_a_value_out_of_range_in_a_file_is_the_files_fault_and_no_wrong_usage(
    tiny_config: RunConfig, wrong: dict[str, object]
) -> None:
    with pytest.raises(DataError, match="not a run's configuration"):
        parse_config(tiny_config.to_json() | wrong)


@pytest.mark.parametrize("field", [field.name for field in fields(RunConfig)])
def test_a_field_of_another_type_is_refused(tiny_config: RunConfig, field: str) -> None:
    for wrong in _values_of_another_type(getattr(tiny_config, field)):
        with pytest.raises(DataError, match="not a run's configuration"):
            parse_config(tiny_config.to_json() | {field: wrong})


@pytest.mark.parametrize("field", [field.name for field in fields(Protocol)])
def test_a_field_of_another_type_in_the_protocol_is_refused(tiny_config: RunConfig, field: str) -> None:
    value = tiny_config.to_json()
    for wrong in _values_of_another_type(getattr(tiny_config.protocol, field)):
        with pytest.raises(DataError, match="not a run's configuration"):
            parse_config(value | {"protocol": value["protocol"] | {field: wrong}})


def _values_of_another_type(value: object) -> tuple[Any, ...]:
    if value is None:
        return tuple(wrong for wrong in NOT_A_NUMBER if wrong is not None)
    if isinstance(value, bool):
        return tuple(wrong for wrong in NOT_A_NUMBER if not isinstance(wrong, bool))
    if isinstance(value, str):
        return NOT_A_TEXT
    return (*NOT_A_NUMBER, 7.5) if isinstance(value, int) else NOT_A_NUMBER
