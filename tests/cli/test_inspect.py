"""`rdrop inspect`: what is shown of a dataset before anything is trained, and why training would refuse."""

import json
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.series import load
from rdrop_cli.series.forecast_errors import measure_naive_mae
from rdrop_cli.series.load import load_dataset
from rdrop_cli.series.windows import make_windows
from rdrop_cli.study.protocol import Protocol

HOURS = 2000
SMALL = ("--lookback", "2d", "--horizon", "6h")


@pytest.fixture
def load_csv(tmp_path: Path) -> Path:
    """Hourly load and wind, with a gap of three hours, one of seven, a repeated stamp and a sentinel in the wind."""
    hours = np.arange(HOURS)
    load = 40_000 + 7000 * np.sin(hours * 2 * np.pi / 24) + np.random.default_rng(0).normal(0, 900, HOURS)
    wind = np.abs(np.random.default_rng(1).normal(8, 2, HOURS))
    wind[70] = -9999
    hours[500:] += 2
    hours[900:] += 6
    hours[1200] = hours[1199]
    stamps = (np.datetime64("2014-01-01", "s") + 3600 * hours).astype(str)
    rows = [f"{stamp},DE,{mw:.2f},{speed:.2f}" for stamp, mw, speed in zip(stamps, load, wind, strict=True)]
    path = tmp_path / "load.csv"
    path.write_text("\n".join(["utc,region,load_MW,wind (m/s)", *rows]) + "\n")
    return path


@pytest.fixture
def inspect(rdrop, tmp_path):
    """Inspect in a scratch folder."""

    def run(dataset, *options, small=SMALL):
        return rdrop(
            "inspect", dataset, *small, *options, "--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data"
        )

    return run


def test_columns_sampling_gaps_periods_and_the_naive_error_are_shown(inspect, load_csv: Path, tmp_path):
    result = inspect(load_csv, "--target", "load_MW")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].split() == ["column", "unit", "min", "mean", "max", "std", "missing", "sentinel"]
    assert lines[2].split()[:2] == ["load_MW", "MW"]
    assert lines[3].split()[-2:] == ["-", "1"]
    for line in (
        "2000 rows from 2014-01-01 00:00 to 2014-03-25 15:00, 1 h apart in 99.8 % of the steps (time column 'utc')",
        "columns: load_MW, wind (m/s); excluded: region (text)",
        "sentinels (-9999): 1 in wind (m/s); kept as readings; --sentinels fill interpolates",
        "repeated timestamps: 1; kept: rows count, not timestamps",
        "gaps in time: 3; kept: a window across one is a little longer",
        "  7 h from 2014-02-07 13:00 to 2014-02-07 20:00",
        "target: load_MW, read as load in MW; 6 h after the newest reading, from 2 d before, a timestep every 1 h",
        f"picture: {tmp_path / 'runs' / 'load-inspect.png'}",
    ):
        assert line in lines, result.out
    assert any(line.startswith("periods: training to ") and "(952 windows)" in line for line in lines)
    assert any(line.startswith("naive forecast, later as now: MAE ") and " MW) in test" in line for line in lines)
    assert (tmp_path / "runs" / "load-inspect.png").read_bytes().startswith(b"\x89PNG")


def test_json_says_the_same_with_all_digits(inspect, load_csv: Path, tmp_path):
    result = inspect(load_csv, "--target", "load_MW", "--json", "--output", tmp_path / "seen.svg")
    assert result.code == 0, result.err
    seen = json.loads(result.out)
    series = load_dataset(str(load_csv), tmp_path / "data")
    assert seen["dataset"] == series.source.to_json()
    assert (seen["time_column"], seen["sampling_seconds"]) == ("utc", 3600)
    assert (seen["first"], seen["last"]) == ("2014-01-01T00:00:00", "2014-03-25T15:00:00")
    assert seen["excluded"] == {"region": "text"}
    assert [column["name"] for column in seen["columns"]] == ["load_MW", "wind (m/s)"]
    assert seen["columns"][0]["mean"] == series.values[:, 0].mean()
    assert seen["columns"][1]["sentinels"] == 1
    assert seen["longest_gaps"][0] == {
        "before": "2014-02-07T13:00:00",
        "after": "2014-02-07T20:00:00",
        "seconds": 25_200,
    }
    assert (seen["gaps"], seen["repeated_timestamps"], seen["backward_timestamps"]) == (3, 1, 0)
    assert {name: (p["first_row"], p["stop_row"]) for name, p in seen["periods"].items()} == {
        "training": (0, 1000),
        "validation": (1000, 1500),
        "test": (1500, 2000),
    }
    windows = make_windows(series, Protocol(**seen["protocol"]))
    for period in ("val", "test"):
        mae = measure_naive_mae(windows, windows.validation if period == "val" else windows.test)
        assert seen["naive"][f"{period}_mae"] == pytest.approx(mae)
        assert seen["naive"][f"{period}_mae_in_unit"] == pytest.approx(mae * windows.target_std)
    assert seen["refusal"] is None
    assert seen["picture"] == str(tmp_path / "seen.svg")
    assert (tmp_path / "seen.svg").read_text().startswith("<?xml")


REFUSALS = {
    "no target": ((), "--target: name the column of load to predict, one of load_MW, wind (m/s)"),
    "an unknown target": (("--target", "load"), "no column 'load' to predict"),
    "a target of text": (("--target", "region"), "column 'region' cannot be predicted: text"),
    "too short": (("--target", "load_MW", "--lookback", "30d"), "too short: it has 2000 rows"),
    "splits out of order": (("--target", "load_MW", "--val-stop", "10%"), "not before validation stops at 10%"),
}


@pytest.mark.parametrize(("options", "message"), REFUSALS.values(), ids=REFUSALS)
def test_what_training_would_refuse_is_told_beside_what_can_be_shown(inspect, load_csv, options, message):
    shown, seen = inspect(load_csv, *options), inspect(load_csv, *options, "--json")
    assert shown.code == seen.code == 0
    assert shown.err == ""
    (line,) = [line for line in shown.out.splitlines() if line.startswith("cannot be trained on: ")]
    assert message in line
    document = json.loads(seen.out)
    assert message in document["refusal"]
    assert (document["naive"], document["periods"]) == (None, {})
    assert len(document["columns"]) == 2


def test_what_inspect_refuses_train_refuses_in_the_same_words(inspect, rdrop, load_csv, tmp_path):
    options = ("--target", "load_MW", "--lookback", "30d")
    seen = json.loads(inspect(load_csv, *options, "--json").out)
    trained = rdrop("train", "--dataset", load_csv, *SMALL, *options, "--data-dir", tmp_path / "data")
    assert trained.err.splitlines()[-1] == f"rdrop: {seen['refusal']}"


def test_the_target_is_drawn_even_where_it_cannot_be_trained_on(inspect, load_csv, tmp_path):
    inspect(load_csv, "--target", "load_MW", "--lookback", "30d")
    assert (tmp_path / "runs" / "load-inspect.png").exists()


def test_irregular_stamps_are_shown_and_said_to_be_refused(inspect, load_csv):
    header, *rows = load_csv.read_text().splitlines()
    load_csv.write_text("\n".join([header, *(row for n, row in enumerate(rows) if n % 5)]) + "\n")
    result = inspect(load_csv, "--target", "load_MW")
    assert result.code == 0
    assert "1 h apart in 75.05 % of the steps" in result.out
    assert "cannot be trained on: load: no regular sampling" in result.out


def test_the_embedded_dataset_is_inspected_by_its_name(inspect, tmp_path, monkeypatch):

    monkeypatch.setattr(load, "SYNTHETIC_ROWS", 3000)
    result = inspect("synthetic", "--train-stop", "1500", "--val-stop", "2200")
    assert result.code == 0, result.err
    assert "temperature in °C; 6 h after the window, 7 h after the newest reading, from 2 d before" in result.out
    assert "an epoch: 500 steps of 128 windows" in result.out  # the protocol's
    assert (tmp_path / "runs" / "synthetic-inspect.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nowhere.csv",), 2, "expected jena, synthetic or the path of a CSV, received 'nowhere.csv'"),
        (("{csv}", "--time", "noon"), 2, "has no column 'noon'"),
        (("{csv}", "--protocol", "film"), 2, "--protocol: expected one of"),
        (("{csv}", "--output", "picture.gif"), 2, "expected a name ending in .png, .svg, .pdf"),
        (("{text}",), 1, "no readings below the header"),
        (("jena",), 1, "the Jena data are not in"),
    ],
)
def test_what_cannot_be_read_ends_in_one_line(inspect, load_csv, tmp_path, arguments, code, message):
    (tmp_path / "text.csv").write_text("a,b\nx,y\n")
    places = {"csv": load_csv, "text": tmp_path / "text.csv"}
    result = inspect(*(argument.format(**places) for argument in arguments), small=())
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("rdrop: ")
    assert message in result.err
    assert len(result.err.splitlines()) == 1


def test_a_folder_that_cannot_be_written_costs_the_picture_alone(inspect, load_csv, tmp_path):
    (tmp_path / "runs").write_text("a file where the folder should be")
    result = inspect(load_csv, "--target", "load_MW")
    assert result.code == 0
    assert any(line.startswith("periods: ") for line in result.out.splitlines())
    assert "picture: " not in result.out
    assert result.err.startswith("no picture: ")
    assert "--output" in result.err


def test_quiet_leaves_what_was_asked_for(inspect, load_csv, tmp_path):
    (tmp_path / "runs").write_text("a file where the folder should be")
    result = inspect(load_csv, "--target", "load_MW", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("column")


def test_what_was_taken_for_what_is_told_with_the_option_to_have_it_otherwise(inspect, tmp_path):
    hours = np.datetime64("2014-01-01", "s") + 3600 * np.arange(HOURS)
    rows = [f"{i};{t.item():%d.%m.%Y};{t.item():%H:%M};{20 + i % 24},5;-999" for i, t in enumerate(hours)]
    rows[::7] = [row.replace("-999", "7") for row in rows[::7]]
    rows[::5] = [row.replace("-999", f"{n % 9},5") for n, row in enumerate(rows[::5])]
    (tmp_path / "load.csv").write_bytes("\n".join(["Nr;Datum;Zeit;Größe;q", *rows]).encode("cp1252"))
    result = inspect(tmp_path / "load.csv", "--target", "Größe", "--sentinels", "fill")
    assert result.code == 0, result.err
    for said in (
        "(time column 'Datum+Zeit')",
        "excluded: Nr (counts the rows; --keep Nr)",
        "text: read as cp1252 (--encoding)",
        "numbers: with a decimal comma (--decimal)",
        "separator: semicolon (--separator)",
        "timestamps: read as %d.%m.%Y %H:%M (--date-format)",
        "sentinels (-999): ",
    ):
        assert said in result.out, result.out
    kept = inspect(
        tmp_path / "load.csv", "--target", "Größe", "--missing", "-999", "--keep", "Nr", "--sentinels", "fill"
    )
    assert "columns: Nr, Größe, q" in kept.out
    assert "missing readings: " in kept.out


def test_targets_that_were_filled_are_not_counted_and_told(inspect, tmp_path):
    values = np.cumsum(np.random.default_rng(2).normal(size=HOURS))
    hours = np.datetime64("2014-01-01", "s") + 3600 * np.arange(HOURS)
    measured = np.arange(HOURS) % 48 < 12
    rows = [f"{t},{v:.6f}" if m else f"{t}," for t, v, m in zip(hours, values, measured, strict=True)]
    (tmp_path / "level.csv").write_text("\n".join(["time,level", *rows]))
    small = ("--lookback", "24h", "--horizon", "3h", "--sentinels", "fill")
    seen = json.loads(inspect(tmp_path / "level.csv", "--json", small=small).out)
    protocol, period = seen["protocol"], seen["periods"]["validation"]
    ends = np.arange(period["first_row"] + 1 + protocol["lookback_rows"], period["stop_row"])
    now = ends - protocol["step_rows"]
    later = now + protocol["horizon_rows"]
    counted = measured[now] & measured[later]
    assert period["windows"] == counted.sum() < 0.3 * len(ends)
    error = np.abs(values[later] - values[now])[counted].mean()
    assert seen["naive"]["val_mae_in_unit"] == pytest.approx(error, rel=1e-4)
    assert (
        "windows of validation and test, whose target or newest reading was filled"
        in inspect(tmp_path / "level.csv", small=small).out
    )
