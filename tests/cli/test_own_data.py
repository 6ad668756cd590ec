"""`rdrop train` on a file of one's own: what is inferred, told, kept in the configuration, and refused."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.series.servers import offer, serve

HOURS = 700
SMALL = (
    "--lookback",
    "12h",
    "--horizon",
    "3h",
    "--epochs",
    "2",
    "--batch-size",
    "16",
    "--units",
    "3",
    "--steps-per-epoch",
    "5",
)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an hourly load as a grid operator might: a region, load and temperature; returns its path."""

    def write_load(
        name: str = "load.csv",
        rows: int = HOURS,
        separator: str = ",",
        header: tuple[str, ...] = ("region", "utc", "load_MW", "T (degC)"),
        change: Callable[[list[list[str]]], list[list[str]]] = lambda table: table,
    ) -> Path:
        hours = np.arange(rows)
        load = 40_000 + 7000 * np.sin(hours * 2 * np.pi / 24) + np.random.default_rng(0).normal(0, 900, rows)
        stamps = (np.datetime64("2014-01-01", "s") + 3600 * hours).astype(str)
        table = [["DE", stamp + "Z", f"{mw:.1f}", f"{mw / 1e4:.2f}"] for stamp, mw in zip(stamps, load, strict=True)]
        lines = [separator.join(cells) for cells in (list(header), *change(table))]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return tmp_path / name

    return write_load


@pytest.fixture
def train(rdrop, tmp_path):
    """Train the baseline in a scratch folder; small, but for what is asked for."""

    def run(dataset, *options, small=SMALL):
        places = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
        return rdrop("train", "baseline", "--dataset", dataset, *small, *options, *places)

    return run


def test_a_grid_operators_file_is_trained_on_as_it_comes(write: Write, train, tmp_path):
    result = train(
        write(separator=";"), "--target", "load_MW", "--train-stop", "60%", "--val-stop", "2014-01-24", "--json"
    )
    assert result.code == 0, result.err
    (metrics,) = json.loads(result.out)
    protocol = metrics["protocol"]
    assert (protocol["lookback_rows"], protocol["step_rows"], protocol["horizon_rows"]) == (12, 1, 3)
    assert (protocol["train_stop_row"], protocol["val_stop_row"]) == (420, 23 * 24)
    assert protocol["horizon_from"] == "newest reading"
    assert metrics["naive"]["val_mae_in_unit"] > 1000  # MW
    for line in (
        "load: 700 rows from 2014-01-01 00:00 to 2014-01-30 03:00, 1 h apart in all of the steps (time column 'utc')",
        "load: columns: load_MW, T (degC); excluded: region (text)",
        "load: target: load_MW, read as load in MW; 3 h after the newest reading, from 12 h before, "
        "a timestep every 1 h",
        "load: periods: training to 2014-01-18 11:00 (408 windows), validation to 2014-01-23 23:00 (119 windows), "
        "test to 2014-01-30 03:00 (132 windows)",
        "load: an epoch: 5 steps of 16 windows, 80 in all: 0.196 times the 408 of training",
    ):
        assert line in result.err.splitlines()


def test_the_named_time_column_is_kept_so_that_a_run_can_be_gone_on_with(write: Write, train, rdrop, tmp_path):
    path = write(header=("utc_offset", "utc", "load_MW", "local"), change=swap_first_stamps)
    result = train(path, "--time", "local", "--target", "load_MW", "--json")
    assert result.code == 0, result.err
    assert "(time column 'local')" in result.err
    (metrics,) = json.loads(result.out)
    config = tmp_path / "runs" / metrics["run_id"] / "config.json"
    assert json.loads(config.read_text())["reading"]["time"] == "local"
    metrics_path = config.with_name("metrics.json")
    metrics_path.write_text(metrics_path.read_text().replace('"completed"', '"interrupted"'))
    again = rdrop(
        "train",
        "--resume",
        metrics["run_id"],
        "--runs-dir",
        tmp_path / "runs",
        "--data-dir",
        tmp_path / "data",
        "--json",
    )
    assert again.code == 0, again.err
    assert "(time column 'local')" in again.err
    assert json.loads(again.out)[0]["history"] == metrics["history"]


def swap_first_stamps(table: list[list[str]]) -> list[list[str]]:
    """Let the second column have stamps too, all the same."""
    return [["2014-01-01", stamp, mw, stamp] for _, stamp, mw, _ in table]


def test_what_is_trained_already_is_found_again_by_the_same_words(write: Write, train):
    options = ("--target", "load_MW", "--seeds", "0", "--json")
    first, second = train(write(), *options), train(write(), *options)
    assert "1 of 1 run already complete" in second.err
    assert json.loads(second.out)[0]["run_id"] == json.loads(first.out)[0]["run_id"]


def stretch(table):
    """Every fifth hour is left out."""
    return [row for n, row in enumerate(table) if n % 5 != 3]


def set_cell(row, column, text):
    def change(table):
        table[row][column] = text
        return table

    return change


def set_column(column, text):
    return lambda table: [[*row[:column], text, *row[column + 1 :]] for row in table]


def shuffle(lines):
    return random.Random(0).sample(lines, len(lines))


BAD = {
    "irregular sampling": (stretch, (), 1, "no regular sampling: line 5 comes 2 h after the row before it"),
    "rows in disorder": (shuffle, (), 1, "not in the order of time; sort them with --sort"),
    "a constant target": (set_column(2, "5.0"), (), 1, "'load_MW' is constant over the training rows"),
    "an unknown target": ((lambda t: t), ("--target", "load"), 2, "no column 'load' to predict; it has load_MW, T"),
    "a slip in the target": ((lambda t: t), ("--target", "load_MV"), 2, "did you mean 'load_MW'?"),
    "a target of text": ((lambda t: t), ("--target", "region"), 2, "column 'region' cannot be predicted: text"),
    "no stamps": (set_column(1, "noon"), (), 1, "no column begins with a timestamp such as 2009-01-01 00:10"),
    "no such time column": ((lambda t: t), ("--time", "utd"), 2, "has no column 'utd'; did you mean 'utc'?"),
    "nothing but text": (
        lambda t: set_column(2, "low")(set_column(3, "warm")(t)), (), 1, "no column of numbers beside the timestamps",
    ),
    "missing readings": (
        set_cell(40, 2, ""), (), 1, "1 missing readings, the first in line 42, which can be interpolated",
    ),
    "a word among numbers": (set_cell(40, 2, "high"), (), 1, "line 42, column 'load_MW': expected a number"),
    "too short": (lambda table: table[:50], (), 1, "too short: it has 50 rows, and windows of 12 rows with the target"),
    "splits out of order": ((lambda t: t), ("--train-stop", "80%"), 2, "training stops at 80% (row 560), not before"),
    "a split that is none": ((lambda t: t), ("--val-stop", "spring"), 2, "--val-stop: expected a row, a fraction"),
    "a split too late": ((lambda t: t), ("--val-stop", "2015-01-01"), 2, "--val-stop: 2015-01-01 is not within load"),
    "a length between readings": ((lambda t: t), ("--horizon", "90min"), 2, "--horizon: 90min is not a whole number"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "options", "code", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_trained_on_ends_in_one_line_and_leaves_no_run(
    write: Write, train, tmp_path, change, options, code, message
):
    target = () if "--target" in options else ("--target", "load_MW")
    result = train(write(change=change), *target, *options)
    assert result.code == code
    lines = [line for line in result.err.splitlines() if line.startswith("rdrop: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert not list(tmp_path.glob("runs/*"))


def test_several_columns_and_none_of_the_books_ask_for_a_target(write: Write, train):
    result = train(write(header=("region", "utc", "load_MW", "wind_MW")))
    assert result.code == 2
    assert "rdrop: --target: name the column of load to predict, one of load_MW, wind_MW" in result.err


def test_missing_readings_are_filled_where_asked_for(write: Write, train):
    path = write(change=set_cell(40, 2, "NA"))
    result = train(path, "--target", "load_MW", "--sentinels", "fill")
    assert result.code == 0, result.err
    assert "load: missing readings: 1 in load_MW; filled by interpolation" in result.err


def test_how_a_file_was_read_is_kept_with_the_figures(write: Write, rdrop, tmp_path):
    places = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data", "--json")
    command = ("train", "naive", "--dataset", write(), "--target", "load_MW", "--lookback", "12h", "--horizon", "3h")
    result = rdrop(*command, "--missing", "-9", "--missing", "-1", "--resample", "1h", *places)
    assert result.code == 0, result.err
    assert json.loads(result.out)[0]["dataset"]["reading"] == "missing=-1|-9, resample=1h"
    assert json.loads(rdrop(*command, *places).out)[0]["dataset"]["reading"] == ""


def test_time_is_no_option_of_the_named_datasets(train):
    result = train("synthetic", "--time", "utc")
    assert result.code == 2
    assert "--time: is for a file of your own" in result.err


@pytest.mark.thorough
def test_inputs_training_and_names_are_options_and_are_kept_with_the_run(write: Write, train, rdrop, tmp_path):
    options = (
        *("--target", "load_MW", "--inputs", "T*", "--exclude", "load_MW", "--calendar", "--optimizer", "adam"),
        *("--learning-rate", "0.01", "--loss", "mse", "--clip-norm", "1", "--patience", "1", "--name", "try"),
        *("--tag", "a", "--tag", "b", "--note", "a note"),
    )
    result = train(write(), *options, "--epochs", "9", "--json")
    assert result.code == 0, result.err
    (metrics,) = json.loads(result.out)
    protocol, scale = metrics["protocol"], metrics["standardisation"]
    assert (protocol["inputs"], protocol["calendar"], protocol["loss"]) == (["T (degC)"], True, "mse")
    assert (protocol["optimizer"], protocol["learning_rate"], protocol["clip_norm"]) == ("adam", 0.01, 1.0)
    assert [each["name"] for each in scale["inputs"]][:2] == ["T (degC)", "hour of day (sine)"]
    assert (len(scale["inputs"]), scale["target"]["name"], scale["target"]["std"]) == (
        5,
        "load_MW",
        metrics["target_std"],
    )
    assert (metrics["name"], metrics["tags"], metrics["note"]) == ("try", ["a", "b"], "a note")
    runs = ("--runs-dir", tmp_path / "runs")
    assert "inputs: T (degC), hour of day (sine)" in result.err
    shown = rdrop("show", "baseline", *runs).out
    for line in (
        "name          try",
        "tags          a, b",
        "note          a note",
        "adam 0.01 on mse",
        "(loss is mse)",
    ):
        assert line in shown
    assert "try" in rdrop("runs", "--tag", "a", *runs).out
    assert json.loads(rdrop("runs", "--name", "other", "--json", *runs).out) == []


def test_a_run_that_was_still_improving_is_told(write: Write, train):
    result = train(write(), "--target", "load_MW", "--epochs", "1")
    assert "validation was still improving at the end; train more epochs to judge" in result.err


def test_the_same_bytes_under_other_names_are_one_dataset(write: Write, train, tmp_path, monkeypatch):
    path = write()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copy.csv").write_bytes(path.read_bytes())
    for name in ("load.csv", "./load.csv", str(path), "copy.csv"):
        assert train(name, "--target", "load_MW", "--seeds", "0").code == 0
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert train("load.csv", "--target", "load_MW", "--seeds", "0", "--patience", "7").code == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2, "another training is another run"


def test_a_file_that_was_moved_is_named_with_the_option_that_finds_it(write: Write, train, rdrop, tmp_path):
    path = write()
    assert train(path, "--target", "load_MW").code == 0
    (run,) = (tmp_path / "runs").iterdir()
    (run / "metrics.json").unlink()
    path.rename(tmp_path / "moved.csv")
    resume = ("train", "--resume", run.name, "--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    refused = rdrop(*resume)
    assert refused.code == 2
    assert str(path) in refused.err
    assert "--dataset" in refused.err
    write("other.csv", rows=699)
    assert "not the data that the run was started on" in rdrop(*resume, "--dataset", tmp_path / "other.csv").err
    assert rdrop(*resume, "--dataset", tmp_path / "moved.csv").code == 0


@pytest.mark.thorough
def test_an_address_is_fetched_once_for_all_jobs_and_again_to_resume(rdrop, write, tmp_path) -> None:
    places = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    with serve(offer(write().read_bytes())) as server:
        secret = server.url.replace("127", "user:password@127")
        command = ("train", "naive", "ridge", "--dataset", secret, "--target", "load_MW", "--lookback", "12h")
        result = rdrop(*command, "--horizon", "3h", "--jobs", "2", *places)
        assert result.code == 0, result.err
        assert len(server.requests) == 1
        for config in (tmp_path / "runs").glob("*/config.json"):
            assert json.loads(config.read_text())["dataset"] == server.url
        run = next((tmp_path / "runs").glob("ridge-*"))
        (run / "metrics.json").unlink()
        assert rdrop("train", "--resume", run.name, *places).code == 0
        assert rdrop("train", "--resume", run.name, "--dataset", secret, *places).code == 0
