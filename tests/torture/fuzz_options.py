"""What guided search tries options' values on."""

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np

from rdrop_cli.planning.fit import fit_to_series
from rdrop_cli.planning.lengths import parse_rows
from rdrop_cli.planning.request import Request, parse_seeds, plan_runs
from rdrop_cli.runs.schema import parse_config
from rdrop_cli.series.table import Series, Source
from rdrop_cli.study.config import MAX_SEED, RunConfig
from rdrop_cli.study.units import UNIT_SECONDS
from tests.torture.fuzz_target import Target, read_or_refuse

SECONDS_APART = 600
STAMPS = np.datetime64("2009-01-01", "s") + SECONDS_APART * np.arange(20_000)
VALUES = np.zeros((len(STAMPS), 1))
SOURCE = Source("made", "test", "0" * 64, len(STAMPS), None)
ALL_SERIES = [Series(STAMPS, ("T (degC)",), VALUES, SOURCE, time_column) for time_column in ("", "time")]
OPTIONS = (
    b"protocol=demo\nlookback=2d\nevery=1h\nhorizon=24h",
    b"epochs=3\nunits=4\ndropout=0.5\nrecurrent_dropout=0.1\nlookback=1440\ntrain_stop=2000\nval_stop=75%",
    b"seed=7\nbatch_size=8\nsentinels=fill\nengine=keras\ncell=lstm\nevery=90min\nlookback=180min",
    b"target=T (degC)\ntrain_stop=2009-02-01\nval_stop=2009-04-01 12:00",
)


def assert_trainable(config: RunConfig) -> None:
    """A configuration that was accepted is in range, and the same after it was written and read."""
    assert 0 <= config.dropout < 1
    assert 0 <= config.recurrent_dropout < 1
    assert 0 <= config.seed <= MAX_SEED
    assert min(config.epochs, config.protocol.step_rows, config.protocol.units) >= 1
    assert parse_config(json.loads(json.dumps(config.to_json()))) == config


def target_seeds(scratch: Path) -> Target:
    def read(content: bytes) -> None:
        text = content.decode("utf-8", "replace")
        seeds = read_or_refuse(lambda: parse_seeds(text))
        if seeds is not None:
            ends = [[int(end.strip()) for end in part.split("-")] for part in text.split(",")]
            assert seeds == list(dict.fromkeys(seed for end in ends for seed in range(end[0], end[-1] + 1)))
            assert all(0 <= seed <= MAX_SEED for seed in seeds)

    return Target(read, [b"0-4", b"1,3,5", b" 0-2 ,7"], [b"0-9", b"2147483647", b"2147483648", b"10001"])


def target_rows(scratch: Path) -> Target:
    def read(content: bytes) -> None:
        text = content.decode("utf-8", "replace")
        rows = read_or_refuse(lambda: parse_rows("every", text, SECONDS_APART))
        if rows is not None:
            number, unit = re.match(r"(\d+)(.*)", text.strip(), re.DOTALL).groups()  # type: ignore[union-attr]
            assert rows * SECONDS_APART == int(number) * UNIT_SECONDS.get(unit, SECONDS_APART)

    return Target(read, [b"10d", b"24h", b"90min", b"600s", b"144"], [b"d", b"h", b"min", b"s", b"00", b"999999999"])


def target_plan(scratch: Path) -> Target:
    """The options of `rdrop train`, one `name=value` a line, as configurations."""
    kinds = {
        field.name: next(kind for kind in (int, float, str) if kind.__name__ in str(field.type))
        for field in fields(Request)
        if not any(other in str(field.type) for other in ("tuple", "bool", "Reading"))
    }

    def read(content: bytes) -> None:
        pairs = [line.partition("=") for line in content.decode("utf-8", "replace").splitlines()]
        try:
            options = {name: kinds[name](value) for name, _, value in pairs if name in kinds}
        except ValueError:  # what Typer refuses
            return
        for series in ALL_SERIES:
            for config in read_or_refuse(lambda series=series: plan(Request(**options), series)) or ():
                protocol = config.protocol
                assert_trainable(config)
                assert protocol.timesteps * protocol.step_rows == protocol.lookback_rows
                assert protocol.lookback_rows < protocol.train_stop_row < protocol.val_stop_row

    return Target(read, OPTIONS, [f"\n{name}=".encode() for name in kinds])


def plan(request: Request, series: Series) -> list[RunConfig]:
    """Return the configurations, as fitted to a series, whose layout was found good."""
    configs = [fit_to_series(config, request, series) for config in plan_runs(request)]
    for config in configs:
        config.protocol.check_layout()
    return configs
