"""`rdrop forecast` on the command line: formats, and refusals in one line."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from rdrop_cli import api
from rdrop_cli.cli.app import run_command
from tests.forecast.conftest import OPTIONS, plant  # noqa: F401 -- the same study


@pytest.fixture
def run(plant: Path, capsys: pytest.CaptureFixture[str]):  # noqa: F811
    """Run `rdrop forecast` on the runs of the plant; return exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        folders = ["--runs-dir", str(plant / "runs"), "--data-dir", str(plant)]
        code = run_command(["forecast", *arguments, *folders])
        return code, *capsys.readouterr()

    return run


@pytest.mark.thorough
def test_one_forecast_is_a_page_for_people(run):
    code, out, _ = run("dropout", "baseline-s0")
    assert code == 0
    assert "dropout, 2 runs: load in MW; newest reading 2020-09-16 23:00" in out
    assert "2020-09-17 02:00" in out
    assert "spread (standard deviations): seeds" in out
    assert "baseline, 1 run" in out
    assert " 95 %" in out
    assert "UTC" not in out


def test_times_of_a_series_that_tells_its_zone_are_said_to_be_in_utc(plant, tmp_path, capsys):  # noqa: F811
    lines = (plant / "plant.csv").read_text().splitlines()[:800]
    zoned = [lines[0], *(line.replace(",", "+02:00,", 1) for line in lines[1:])]
    (tmp_path / "zoned.csv").write_text("\n".join(zoned) + "\n")
    series = api.load_data(str(tmp_path / "zoned.csv"), tmp_path)
    api.train(api.plan("baseline", series, **OPTIONS | {"epochs": 1}), series, tmp_path / "runs")
    assert run_command(["forecast", "--uncertainty", "none", "--runs-dir", str(tmp_path / "runs")]) == 0
    out = capsys.readouterr().out
    assert "newest reading 2020-02-03 04:00 (UTC)" in out
    assert "time (UTC)" in out
    assert run_command(["calibrate", "--by", "hour", "--runs-dir", str(tmp_path / "runs"), "--samples", "2"]) == 0
    assert "\nhour (UTC)" in capsys.readouterr().out
    for name, newer, words in (
        ("naive.csv", lines, "naive: its times name no zone, and those of the training are in UTC; give"),
        ("zoned.csv", zoned, ""),
    ):
        (tmp_path / name).write_text("\n".join(newer[:701]) + "\n")
        arguments = ["--dataset", str(tmp_path / name), "--runs-dir", str(tmp_path / "runs")]
        assert run_command(["forecast", *arguments]) == bool(words)
        assert words in capsys.readouterr().err


def test_without_sources_there_are_no_intervals(run):
    code, out, _ = run("dropout", "--uncertainty", "none")
    assert code == 0
    assert "%" not in out
    assert "spread" not in out


def test_a_period_is_a_table_in_every_format(run, tmp_path):
    period = ["dropout", "--period", "2020-09-01..2020-09-03", "--every", "12h"]
    code, text, _ = run(*period)
    assert code == 0
    printed = text.splitlines()
    assert printed[0].startswith(
        "unique_id,cutoff,ds,y,dropout,dropout-lo-95,dropout-lo-80,dropout-lo-50,dropout-hi-50,"
    )
    assert printed[1].startswith("load_MW,2020-09-01 11:00:00,2020-09-01 14:00:00,")
    assert len(printed) == 5
    records = json.loads(run(*period, "--format", "json")[1])
    assert records[0]["cutoff"] == "2020-09-01 11:00:00"
    for name, read in (("a.csv", pd.read_csv), ("a.json", pd.read_json), ("a.parquet", pd.read_parquet)):
        code, out, _ = run(*period, "--output", str(tmp_path / name))
        assert (code, out) == (0, f"{tmp_path / name}\n")
        frame = read(tmp_path / name)
        assert frame["dropout"].tolist() == pytest.approx([row["dropout"] for row in records], rel=1e-8)
        assert pd.to_datetime(frame["ds"]).tolist() == [pd.Timestamp(row["ds"]) for row in records]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "parquet"], "--format parquet needs a file; name it with --output"),
        (["--format", "text", "-o", "a.csv"], "--format text is for the terminal"),
        (["-o", "a.xlsx"], "a.xlsx: expected a name ending in .csv, .parquet or .json"),
        (["--at", "2020-01-09", "--period", "test"], "exclude each other; use --at or --period"),
        (["--every", "1d"], "--every: is for a period; use it with --period"),
        (["--uncertainty", "maks"], "--uncertainty: no source 'maks'; did you mean 'masks'?"),
    ],
)
def test_what_cannot_be_meant_ends_in_one_line(run, arguments, words):
    code, out, err = run("dropout", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.thorough
def test_pictures_of_a_network_are_drawn_into_the_runs_folder(plant, capsys, tmp_path):  # noqa: F811
    folder = ["--runs-dir", str(plant / "runs")]
    assert run_command(["plot", "dropout", "--forecast", *folder]) == 0
    assert capsys.readouterr().out == f"{plant / 'runs' / 'forecast.png'}\n"
    assert run_command(["plot", "baseline", "--calibration", *folder, "-o", str(tmp_path / "a.svg")]) == 0
    assert "targets within intervals" in (tmp_path / "a.svg").read_text()
    for arguments, words in (
        (["dropout", "baseline", "--forecast"], "shows one network; name one of dropout, baseline"),
        (["--forecast", "--calibration"], "--forecast and --calibration are two pictures"),
        (["--forecast", "--published"], "--published adds published curves, and --forecast draws none"),
    ):
        assert run_command(["plot", *arguments, *folder]) == 2
        assert words in capsys.readouterr().err


def test_parquet_without_its_library_is_refused_before_the_forecast(run, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("rdrop_cli.forecast.forecast.forecast_runs", lambda *_: pytest.fail("forecasts"))
    code, out, err = run("dropout", "-o", str(tmp_path / "a.parquet"))
    assert (code, out) == (1, "")
    assert err.startswith("rdrop: Parquet needs pyarrow: pip install")


def test_small_readings_keep_their_digits_in_json(run, monkeypatch):
    times = pd.to_datetime(["2020-09-01"])
    small = pd.DataFrame({"cutoff": times, "ds": times, "y": float("nan"), "dropout": 5.123e-13})
    monkeypatch.setattr("rdrop_cli.forecast.frame.build_frame", lambda _: small)
    (record,) = json.loads(run("dropout", "--uncertainty", "none", "--format", "json")[1])
    assert record == {"cutoff": "2020-09-01 00:00:00", "ds": "2020-09-01 00:00:00", "y": None, "dropout": 5.123e-13}
