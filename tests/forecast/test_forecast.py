"""What is forecast: of which moment, in which unit, by which runs, and from the run folder alone."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rdrop_cli import api
from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.files import write_json
from rdrop_cli.forecast.ensembles import choose_ensembles
from rdrop_cli.forecast.frame import round_as_float32
from rdrop_cli.forecast.moments import (
    find_hole,
    find_moment,
    find_observed,
    find_origins,
    find_period,
    find_times,
    list_offsets,
)
from rdrop_cli.forecast.pictures import choose_one, forecast_test, measure_test
from rdrop_cli.runs.find import find_run
from rdrop_cli.runs.readings import keep_newest, load_readings
from rdrop_cli.runs.schema import read_metrics, to_builtins
from rdrop_cli.series.windows import make_windows
from rdrop_cli.study.units import format_stamp
from rdrop_cli.uncertainty.sources import NAMES
from tests.forecast.conftest import DAYS, OPTIONS, write_plant
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows

LEAD = np.timedelta64(3, "h")


def forecast(plant: Path, *names: str, **options) -> pd.DataFrame:
    return api.forecast(names, plant / "runs", plant, **options)


@pytest.mark.thorough
def test_the_newest_readings_are_forecast_from_the_folder_alone(plant, tmp_path):
    shutil.copytree(find_run("dropout-s0", plant / "runs").path, tmp_path / "elsewhere" / "copy")
    frame = api.forecast([str(tmp_path / "elsewhere" / "copy")], tmp_path, tmp_path)
    (row,) = frame.to_dict("records")
    assert row["unique_id"] == "load_MW"
    assert row["cutoff"] == pd.Timestamp("2020-01-01") + pd.Timedelta(hours=24 * DAYS - 1)
    assert row["ds"] == row["cutoff"] + LEAD
    assert np.isnan(row["y"])
    assert row["dropout-lo-95"] < row["dropout-lo-50"] < row["dropout"] < row["dropout-hi-80"] < row["dropout-hi-95"]
    assert row == forecast(plant, "dropout-s0").to_dict("records")[0] | {"y": row["y"]}


def test_forecasts_of_the_test_err_as_the_run_says(plant):
    run = find_run("baseline-s0", plant / "runs").read_metrics()
    frame = forecast(plant, "baseline", period="test", dataset=str(plant / "plant.csv"), uncertainty="none")
    assert np.abs(frame["baseline"] - frame["y"]).mean() == pytest.approx(run.test.mae_in_unit, rel=1e-5)
    kept = forecast(plant, "baseline", period="test", uncertainty="none")
    pd.testing.assert_frame_equal(kept, frame)


def test_targets_are_the_readings_of_their_time(plant):
    frame = forecast(plant, "baseline", period="2020-09-01..2020-09-03", uncertainty="none")
    assert list(frame["cutoff"]) == list(pd.date_range("2020-09-01", periods=48, freq="h"))
    series = pd.read_csv(plant / "plant.csv", parse_dates=["time"]).set_index("time")["load_MW"]
    assert frame["y"].tolist() == series.loc[frame["ds"]].tolist()


@pytest.mark.parametrize("readings", [[55.94, -0.13, 0.0], [1015.221, 870.5, 0.001]])
def test_a_reading_has_its_own_digits_again_after_float32(readings):
    std, mean = 8.123456, 9.4076
    kept = ((np.array(readings) - mean) / std).astype(np.float32)
    assert round_as_float32(kept.astype(np.float64) * std + mean, mean, std).tolist() == readings


@pytest.mark.parametrize("layout", [{}, {"earlier_horizon_rows": (6,)}, {"step_rows": 1, "lookback_rows": 5}])
@pytest.mark.parametrize("most", [7, 10_000])
def test_no_target_of_kept_readings_lies_across_the_cut_between_the_periods(layout, most):
    windows = make_tiny_windows(replace(TINY_PROTOCOL, **layout))
    kept = keep_newest(windows, np.zeros((366, 24)), most).windows
    moments = find_period(kept, "..", None)
    origins, times, observed = (find(kept, moments.rows) for find in (find_origins, find_times, find_observed))
    step = kept.timestamps[1] - kept.timestamps[0]
    leads = (np.array(list_offsets(kept)) + kept.step_rows) * step
    assert (times == origins[:, None] + leads).all()
    assert len(np.unique(origins)) == len(origins)
    readings = dict(zip(windows.timestamps, windows.target * windows.target_std + windows.target_mean, strict=True))
    known = np.isfinite(observed)
    assert observed[known] == pytest.approx(np.array([readings[time] for time in times[known]]), rel=1e-5)
    if most == 7:  # the last targets of the validation, and those of the newest readings, are not among what is kept
        assert sum(not each for each in known[:, -1]) == 2 * leads[-1] // step
    for origin in origins:
        assert find_origins(kept, find_moment(kept, str(origin)).rows) == origin


def test_a_moment_of_which_the_folder_keeps_no_window_is_not_forecast_from_an_older_one():
    windows = make_tiny_windows(TINY_PROTOCOL)
    kept = keep_newest(windows, np.zeros((366, 24)), 7).windows
    before, after = find_hole(kept)
    inside = format_stamp(before + (after - before) / 2)
    with pytest.raises(DataError, match=r"the run folder keeps no windows between .*; name the data with dataset"):
        find_moment(kept, inside)
    with pytest.raises(UsageError, match="holds no window; the run folder keeps no windows between"):
        find_period(kept, f"{inside}..{inside}", None)
    assert "keeps no windows between" in find_period(kept, f"{inside}..", None).describe_incomplete()[0]
    assert find_period(kept, f"{format_stamp(after)}..", None).describe_incomplete() == []
    for stamp in (before, after):
        assert find_origins(kept, find_moment(kept, format_stamp(stamp)).rows) == stamp
    assert find_hole(windows) is None
    assert find_hole(keep_newest(windows, np.zeros((366, 24)), 10_000).windows) is None


@pytest.mark.parametrize("missing", [0, 5])
def test_forecasts_of_a_period_keep_their_distance_across_a_gap(missing):
    windows = make_tiny_windows(TINY_PROTOCOL)
    step = windows.timestamps[1] - windows.timestamps[0]
    later = np.where(np.arange(len(windows.timestamps)) < 350, 0, missing) * step
    gappy = replace(windows, timestamps=windows.timestamps + later)
    apart = np.diff(find_origins(gappy, find_period(gappy, "..", "2h").rows))
    assert (apart % np.timedelta64(2, "h") == np.timedelta64(0)).all()


def test_a_moment_has_the_fractions_of_a_second_with_which_it_is_printed(tiny_series, tiny_protocol):
    stamps = np.datetime64("2020-01-01", "us") + np.arange(tiny_series.rows) * np.timedelta64(250, "ms")
    windows = make_windows(replace(tiny_series, timestamps=stamps), tiny_protocol)
    for stamp in stamps[-4:]:
        assert find_origins(windows, find_moment(windows, format_stamp(stamp)).rows) == stamp
    rows = find_period(windows, f"{format_stamp(stamps[-4])}..{format_stamp(stamps[-2])}", None).rows
    assert find_origins(windows, rows).tolist() == stamps[-4:-2].tolist()


def test_a_variant_is_the_mean_of_its_seeds(plant):
    options = {"period": "2020-09-01..2020-09-02", "uncertainty": "none"}
    both, *single = (forecast(plant, name, **options)["dropout"] for name in ("dropout", "dropout-s0", "dropout-s1"))
    assert both.to_numpy() == pytest.approx(((single[0] + single[1]) / 2).to_numpy(), abs=1.1e-6)  # each is rounded
    table = forecast(plant, "dropout", "baseline", at="2020-09-01 12:30")
    assert {"dropout", "baseline", "dropout-sd-seeds", "baseline-sd-residual"} <= set(table)
    assert "baseline-sd-seeds" not in table
    assert table["cutoff"].tolist() == [pd.Timestamp("2020-09-01 12:00")]


@pytest.mark.parametrize("source", ["masks", "seeds", "residual", "conformal", "adaptive-conformal"])
def test_every_source_gives_intervals_of_its_own(plant, source):
    frame = forecast(plant, "dropout", period="2020-09-01..2020-09-02", uncertainty=source, samples=30)
    width = frame["dropout-hi-80"] - frame["dropout-lo-80"]
    assert (width > 0).all()
    assert set(NAMES) >= {name.removeprefix("dropout-sd-") for name in frame if "-sd-" in name}
    assert frame.equals(forecast(plant, "dropout", period="2020-09-01..2020-09-02", uncertainty=source, samples=30))


def test_sources_add_up(plant):
    options = {"period": "2020-09-01..2020-09-08", "samples": 50}
    one, two, all_three = (
        forecast(plant, "dropout", uncertainty=text, **options)
        for text in ("masks", "masks,seeds", "masks,seeds,residual")
    )
    assert one["dropout-sd-masks"].to_numpy() == pytest.approx(two["dropout-sd-masks"].to_numpy(), rel=1e-9)
    widths = [(each["dropout-hi-80"] - each["dropout-lo-80"]).mean() for each in (one, two, all_three)]
    assert widths == sorted(widths)


def test_a_newer_file_goes_on_where_the_old_one_ended(plant, tmp_path):
    newer = write_plant(tmp_path / "newer.csv", range(24 * (DAYS - 10), 24 * (DAYS + 20)))
    frame = forecast(plant, "dropout-s0", dataset=newer)
    assert frame["cutoff"][0] == pd.Timestamp("2020-01-01") + pd.Timedelta(hours=24 * (DAYS + 20) - 1)
    same = {"at": "2020-09-12 12:00", "uncertainty": "residual"}
    old, new = forecast(plant, "dropout-s0", **same), forecast(plant, "dropout-s0", dataset=newer, **same)
    assert new["dropout"].to_numpy() == pytest.approx(old["dropout"].to_numpy(), rel=1e-5)
    frame = forecast(plant, "dropout-s0", dataset=pd.read_csv(newer, parse_dates=["time"]), at="2020-09-12 12:00")
    assert frame["dropout"].to_numpy() == pytest.approx(new["dropout"].to_numpy(), rel=1e-12)


def spoil_column(path):
    write_plant(path, range(500), "time,load_MW,breeze (m/s)")


def spoil_unit(path):
    write_plant(path, range(500))
    lines = [line.split(",") for line in path.read_text().splitlines()]
    rows = [",".join([time, f"{float(load) * 1000:.0f}", wind]) for time, load, wind in lines[1:]]
    path.write_text("\n".join([",".join(lines[0]), *rows]) + "\n")


def spoil_sampling(path):
    write_plant(path, range(500), step_minutes=30)


def leave_gap(path):
    write_plant(path, [*range(400), *range(410, 414)])


def leave_hole(path):
    write_plant(path, range(500))
    lines = path.read_text().splitlines()
    lines[-2] = lines[-2].split(",")[0] + ",,5.0"
    path.write_text("\n".join(lines) + "\n")


def leave_column(path):
    write_plant(path, range(500))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-9], *(line.rpartition(",")[0] + "," for line in lines[-9:])]) + "\n")


def leave_sentinel(path):
    write_plant(path, range(500))
    lines = path.read_text().splitlines()
    lines[-2] = ",".join([*lines[-2].split(",")[:2], "-9999"])
    path.write_text("\n".join(lines) + "\n")


def leave_little(path):
    write_plant(path, range(4))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_column, r"no column 'wind \(m/s\)', which the network needs"),
        (spoil_unit, "'load_MW': its newest readings are .* standard deviations from .*; is it in another unit"),
        (spoil_sampling, "readings are 30 min apart, and the network was trained on 1 h"),
        (leave_gap, "has a gap after 2020-01-17 15:00; forecast another moment with at"),
        (leave_hole, "has no reading of 'load_MW' at 2020-01-21 18:00"),
        (leave_column, r"has no reading of 'wind \(m/s\)' at 2020-01-21 14:00"),
        (leave_sentinel, r"has no reading of 'wind \(m/s\)' at 2020-01-21 18:00"),
        (leave_little, "4 rows, and a window of the network takes 6"),
    ],
)
def test_a_newer_file_that_does_not_fit_is_named(plant, tmp_path, spoil, words):
    spoil(tmp_path / "newer.csv")
    with pytest.raises(DataError, match=words):
        forecast(plant, "dropout-s0", dataset=str(tmp_path / "newer.csv"))


@pytest.mark.parametrize("step", [2, 5])
def test_days_of_trade_are_forecast_from_the_folder_and_from_newer_data(tmp_path, step):
    values = 50 + np.random.default_rng(0).normal(size=1500)
    frame = pd.DataFrame({"load_MW": values}, index=pd.bdate_range("2010-01-01", periods=1500))
    series = api.load_data(frame)
    lengths = {"lookback": f"{8 * step}d", "every": f"{step}d", "horizon": f"{step}d"}
    run = api.train(api.plan("baseline", series, **OPTIONS | lengths), series, tmp_path)
    (row,) = api.forecast([run.folder.run_id], tmp_path, uncertainty="none").to_dict("records")
    assert row["ds"] == row["cutoff"] + pd.offsets.BDay(step)
    (row,) = api.forecast([run.folder.run_id], tmp_path, uncertainty="none", dataset=frame[:1400]).to_dict("records")
    assert row["ds"] == frame.index[1399 + step]


def test_a_newer_file_of_a_few_days_of_trade_goes_on_after_the_weekend(tmp_path):
    """The days from Tuesday to Friday alone could be any days."""

    def make(days):
        return pd.DataFrame({"load_MW": 50 + np.random.default_rng(0).normal(size=len(days))}, index=days)

    trading, every_day = pd.bdate_range("2010-01-01", periods=901), pd.date_range("2010-01-01", periods=901)
    newer = {"short": make(trading[-4:]), "trading": make(trading), "daily": make(every_day)}
    assert newer["short"].index[-1].day_name() == "Friday"
    for name, days in (("of-trade", trading), ("of-all", every_day)):
        series = api.load_data(make(days + pd.Timedelta(days=14)))
        lengths = {"lookback": "3d", "every": "1d", "horizon": "1d", "epochs": 1}
        api.train(api.plan("baseline", series, **OPTIONS | lengths), series, tmp_path / name)
    for dataset in ("short", "trading"):
        (row,) = api.forecast((), tmp_path / "of-trade", dataset=newer[dataset]).to_dict("records")
        assert row["ds"] == row["cutoff"] + pd.offsets.BDay(1)
    with pytest.raises(DataError, match="readings are 24 h apart, and the network was trained on 1 trading day"):
        api.forecast((), tmp_path / "of-trade", dataset=newer["daily"])
    with pytest.raises(DataError, match="readings are 1 trading day apart, and the network was trained on 24 h"):
        api.forecast((), tmp_path / "of-all", dataset=newer["trading"])


def test_windows_with_a_gap_are_left_out_of_a_period(plant, tmp_path):
    newer = write_plant(tmp_path / "newer.csv", [*range(400), *range(410, 500)])
    with pytest.warns(UserWarning, match="left out: 5 windows with a gap or a missing reading"):
        frame = forecast(plant, "dropout-s0", dataset=newer, period="2020-01-10..")
    assert len(frame) == 500 - 24 * 9 - 10 - 5


def test_readings_that_were_filled_in_training_are_no_truth_either(plant, tmp_path):
    lines = Path(write_plant(tmp_path / "holes.csv", range(24 * DAYS))).read_text().splitlines()
    holes = [*range(5500, 5510), 24 * DAYS - 1]  # the first ten within the test
    for row in holes:
        time, _, wind = lines[row + 1].split(",")
        lines[row + 1] = f"{time},,{wind}"
    (tmp_path / "holes.csv").write_text("\n".join(lines) + "\n")
    series = api.load_data(str(tmp_path / "holes.csv"), tmp_path)
    options = OPTIONS | {"sentinels": "fill", "epochs": 1}
    run = api.train(api.plan("baseline", series, **options), series, tmp_path / "runs")
    filled = pd.Timestamp("2020-01-01") + pd.to_timedelta(holes, "h")
    period = f"{filled[0] - pd.Timedelta('3h')}..{filled[9] + pd.Timedelta('4h')}"
    for dataset in (None, str(tmp_path / "holes.csv")):
        with pytest.raises(DataError, match="no reading of 'load_MW' at 2020-09-16 23:00"):
            api.forecast([run.folder.path], dataset=dataset)
        frame = api.forecast([run.folder.path], dataset=dataset, uncertainty="none", period=period)
        assert frame["ds"][frame["y"].isna()].tolist() == filled[:10].tolist()
        assert len(frame) == 16
        judged = api.calibrate([run.folder.path], dataset=dataset, period=period, uncertainty=["adaptive-conformal"])
        assert judged[0].targets == 3  # the newest readings of the others were filled


def test_readings_that_are_filled_are_no_truth(plant, tmp_path):
    series = api.load_data(str(plant / "plant.csv"), plant)
    api.train(api.plan("baseline", series, **OPTIONS | {"sentinels": "fill", "epochs": 1}), series, tmp_path)
    path = Path(write_plant(tmp_path / "newer.csv", range(500)))
    lines = path.read_text().splitlines()
    for row in (300, 301, 499):
        time, _, wind = lines[row + 1].split(",")
        lines[row + 1] = f"{time},,{wind}"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="no reading of 'load_MW' at 2020-01-21 19:00"):
        api.forecast(["baseline"], tmp_path, tmp_path, dataset=str(path))
    options = {"dataset": str(path), "period": "2020-01-12.."}
    with pytest.warns(UserWarning, match="left out: 1 window with a gap or a missing reading"):
        frame = api.forecast(["baseline"], tmp_path, tmp_path, uncertainty="none", **options)
    missing = frame["ds"][frame["y"].isna()].tolist()
    assert missing[:2] == [pd.Timestamp("2020-01-13 12:00"), pd.Timestamp("2020-01-13 13:00")]
    with pytest.warns(UserWarning, match="left out"):
        judged = api.calibrate(["baseline"], tmp_path, tmp_path, **options)
    assert judged[0].targets == frame["y"].notna().sum() - 2  # whose newest reading was filled


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"at": "2031-01-01"}, "at: 2031-01-01: there are windows from"),
        ({"at": "soon"}, "at: expected a date such as"),
        ({"at": ""}, "at: expected a date such as"),
        ({"period": ""}, "period: expected test, validation or"),
        ({"at": "2020-02-30"}, "at: expected a date of the calendar"),
        ({"period": "summer"}, r"period: expected test, validation or FROM\.\.TO"),
        ({"period": "2031-01-01.."}, "period: .*holds no window"),
        ({"period": "test", "every": "90min"}, "every: 90min is not a whole number of readings"),
        ({"period": "test", "every": "0h"}, "every: expected a length of at least one reading, .* received '0h'"),
        ({"period": "test", "every": "24"}, "every: expected a length of at least one reading, such as 1d or 6h"),
        ({"every": "1d"}, "every: is for a period"),
        ({"at": "2020-09-01", "period": "test"}, "exclude each other"),
        ({"uncertainty": "mask"}, "uncertainty: no source 'mask'"),
        ({"samples": 1, "uncertainty": "masks"}, "samples: expected at least 2"),
        ({"uncertainty": "seeds"}, "dropout has one run, so no spread of seeds"),
    ],
)
def test_what_cannot_be_meant_is_refused(plant, options, words):
    with pytest.raises(UsageError, match=words):
        forecast(plant, "dropout-s0", **options)


def test_a_network_without_dropout_has_no_masks(plant):
    with pytest.raises(UsageError, match="baseline has no dropout, so no masks"):
        forecast(plant, "baseline", uncertainty="masks")


def copy_run(plant: Path, to: Path, **changes) -> Path:
    folder = to / "run"
    shutil.copytree(find_run("dropout-s0", plant / "runs").path, folder)
    document = to_builtins(read_metrics(folder / "metrics.json")) | changes
    write_json(folder / "metrics.json", document)
    return folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"status": "failed", "failure": "run: the loss is nan"},
            "^run: its .* no forecast: the loss is nan",
        ),
        ({"status": "interrupted"}, "is interrupted after 2 of 2 epochs; complete it first"),
    ],
)
def test_runs_without_a_forecast_are_named(plant, tmp_path, changes, words):
    with pytest.raises(RdropError, match=words):
        api.forecast([str(copy_run(plant, tmp_path, **changes))], tmp_path)


def test_runs_that_differ_in_more_than_the_seed_or_not_in_it_do_not_forecast_together(plant, tmp_path):
    runs_dir, first = tmp_path / "runs", find_run("dropout-s0", plant / "runs")
    shutil.copytree(find_run("dropout-s1", plant / "runs").path, runs_dir / "other")
    longer = to_builtins(first.read_metrics().epochs) | {"planned": 9}
    copy_run(plant, tmp_path, created_at="2080-01-01T00:00:00+00:00").rename(runs_dir / "again")
    copy_run(plant, tmp_path, created_at="2090-01-01T00:00:00+00:00", epochs=longer).rename(runs_dir / "longer")
    with pytest.raises(UsageError, match="again and longer were trained for 2 and 9 epochs; forecast them one by one"):
        choose_ensembles(["again", "longer"], runs_dir)
    copy_run(plant, tmp_path, code_sha256="6" * 64).rename(runs_dir / "changed")
    with pytest.raises(UsageError, match="again and changed were trained by different code; forecast them one by one"):
        choose_ensembles(["again", "changed"], runs_dir)
    with pytest.raises(UsageError, match="are both of seed 0"):
        choose_ensembles(["again", str(first.path)], runs_dir)
    twice = [str(runs_dir / "again"), str(runs_dir / ".." / "runs" / "again")]
    for names, expected in (([], ["longer"]), (["dropout"], ["again", "other"]), (twice, ["again"])):
        ((ensemble,), _) = choose_ensembles(names, runs_dir)
        assert [run.folder.path.name for run in ensemble.runs] == expected


def test_a_run_that_cannot_be_read_is_named_once_for_several_networks(plant, tmp_path):
    shutil.copytree(plant / "runs", tmp_path / "runs")
    write_json(copy_run(plant, tmp_path / "runs") / "metrics.json", {})
    _, skipped = choose_ensembles(["baseline", "dropout"], tmp_path / "runs")
    assert [each.run for each in skipped] == ["run"]


@pytest.mark.parametrize("call", [api.forecast, api.calibrate])
def test_standard_input_is_read_once_for_several_networks(plant, monkeypatch, call):
    path, options = plant / "plant.csv", {"period": "2020-09-01..2020-09-02", "uncertainty": ["residual"]}
    options |= {"uncertainty": "none"} if call is api.forecast else {}
    names = [find_run(name, plant / "runs").path for name in ("baseline-s0", "dropout-s0")]
    with path.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        found = call(names, plant / "runs", plant, dataset="-", **options)
    assert str(found) == str(call(names, plant / "runs", plant, dataset=path, **options))


def test_a_folder_of_an_older_version_says_what_is_missing(plant, tmp_path):
    folder = copy_run(plant, tmp_path)
    (folder / "readings.npz").unlink()
    with pytest.raises(DataError, match=r"keeps no readings to forecast from.*name the data with dataset"):
        api.forecast([str(folder)], tmp_path)
    again = api.forecast([str(folder)], tmp_path, plant, dataset=str(plant / "plant.csv"))
    assert again["dropout"].tolist() == forecast(plant, "dropout-s0")["dropout"].tolist()
    newer = write_plant(tmp_path / "newer.csv", range(500))
    with pytest.raises(DataError, match="keeps no validation readings, which residual needs"):
        api.forecast([str(folder)], tmp_path, tmp_path, dataset=newer)
    assert len(api.forecast([str(folder)], tmp_path, tmp_path, dataset=newer, uncertainty="masks")) == 1


def test_a_damaged_network_is_named(plant, tmp_path):
    folder = copy_run(plant, tmp_path)
    (folder / "model.keras").write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match=r"model\.keras: cannot be read as a network"):
        api.forecast([str(folder)], tmp_path)


def test_reference_forecasts_and_unknown_runs_are_refused(plant):
    with pytest.raises(UsageError, match="naive is a reference forecast"):
        forecast(plant, "naive")
    with pytest.raises(RdropError, match="no run 'nobody'"):
        forecast(plant, "nobody")
    with pytest.raises(RdropError, match=r"no run of gal in .* is complete"):
        forecast(plant, "gal")


def test_runs_of_several_studies_are_not_forecast_together(plant, tmp_path):
    series = api.load_data(str(plant / "plant.csv"), plant)
    other = api.train(api.plan("dropout", series, seed=5, **OPTIONS | {"lookback": "8h"}), series, tmp_path)
    with pytest.raises(UsageError, match=r"another protocol .* \(lookback_rows\); forecast them one after the other"):
        forecast(plant, "dropout-s0", str(other.folder.path))


@pytest.mark.thorough
def test_every_horizon_has_a_row_with_intervals_of_its_own(plant, tmp_path):
    series = api.load_data(str(plant / "plant.csv"), plant)
    options = OPTIONS | {"horizon": "1h..12h", "epochs": 3}
    run = api.train(api.plan("dropout", series, **options), series, tmp_path)
    for sources in ("residual", "masks,residual,adaptive-conformal"):
        frame = api.forecast(["dropout"], tmp_path, tmp_path, uncertainty=sources)
        assert (frame["ds"] - frame["cutoff"]).tolist() == [pd.Timedelta(hours=hour) for hour in range(1, 13)]
        assert (frame["dropout-hi-80"] > frame["dropout-lo-80"]).all()
    frame = api.forecast(["dropout"], tmp_path, tmp_path, period="test", uncertainty="residual").dropna(subset="y")
    errors = (frame["dropout"] - frame["y"]).abs().groupby(frame["ds"] - frame["cutoff"]).mean()
    assert errors.mean() == pytest.approx(run.metrics.test.mae_in_unit, rel=0.02)
    assert errors.tolist() == pytest.approx(
        [each.test_mae * run.metrics.target_std for each in run.metrics.by_horizon], rel=0.02
    )
    (residual,) = [
        each
        for each in api.calibrate(["dropout"], tmp_path, tmp_path, uncertainty=["residual"])
        if each.label == "dropout"
    ]
    assert residual.targets == len(frame)
    assert residual.coverage[1].share == pytest.approx(0.8, abs=0.05)
    ensemble = choose_one(["dropout"], tmp_path)
    assert forecast_test(ensemble)[1].ahead == "12 h"
    assert measure_test(ensemble, samples=2)[1].ahead == "1 h to 12 h"


@pytest.mark.thorough
def test_networks_of_quantiles_forecast_them(plant, tmp_path):
    series = api.load_data(str(plant / "plant.csv"), plant)
    for seed in (0, 1):
        api.train(
            api.plan("dropout", series, **OPTIONS | {"loss": "quantile", "epochs": 4}, seed=seed), series, tmp_path
        )
    period = {"period": "2020-09-01..2020-09-08"}
    frame = api.forecast(["dropout-s0"], tmp_path, tmp_path, **period)
    assert "dropout-sd-quantiles" in frame
    assert "dropout-sd-residual" not in frame
    assert (frame["dropout-lo-80"] < frame["dropout"]).all()
    assert (frame["dropout"] < frame["dropout-hi-80"]).all()
    table = api.forecast(["dropout"], tmp_path, tmp_path, uncertainty="quantiles,masks,seeds,conformal", **period)
    assert {"dropout-sd-quantiles", "dropout-sd-masks", "dropout-sd-seeds"} <= set(table)
    found = {each.sources: each for each in api.calibrate(["dropout-s0"], tmp_path, tmp_path, samples=20)}
    assert found["quantiles,masks,conformal"].coverage[1].share == pytest.approx(0.8, abs=0.06)
    run = next(run for run in api.read_runs(tmp_path) if run.metrics.seed == 0)
    assert found["quantiles"].mae == pytest.approx(run.metrics.test.mae_in_unit, rel=0.02)
    with pytest.raises(UsageError, match="dropout forecasts no quantiles; train one with loss quantile"):
        forecast(plant, "dropout", uncertainty="quantiles")


@pytest.mark.thorough
@pytest.mark.parametrize("source", ["masks,residual", "seeds,conformal", "residual,adaptive-conformal"])
def test_windows_are_forecast_alike_piece_by_piece(plant, monkeypatch, source):
    options = {"period": "2020-09-01..2020-09-03", "uncertainty": source, "samples": 10}
    whole = forecast(plant, "dropout", **options)
    monkeypatch.setattr("rdrop_cli.forecast.intervals.WINDOWS_AT_ONCE", 17)
    pd.testing.assert_frame_equal(forecast(plant, "dropout", **options), whole, rtol=1e-12)


@pytest.fixture(scope="module")
def origins(tmp_path_factory):
    """The folder of a series, and of the runs of two networks at two origins of it."""
    folder = tmp_path_factory.mktemp("origins")
    series = api.load_data(write_plant(folder / "plant.csv", range(24 * 60)), folder)
    shared = OPTIONS | {"train_stop": "600", "val_stop": "800"}
    api.train_seeds(["baseline", "dropout"], series, [0], folder / "runs", jobs=1, origins=2, **shared)
    return folder


@pytest.mark.thorough
def test_a_backtest_is_the_test_of_every_origin_until_the_next_one(origins):
    table = forecast(origins, "dropout", "baseline", period="backtest", every="6h")
    assert set(table["cutoff"].diff()[1:]) == {pd.Timedelta(hours=6)}
    runs = [run for run in api.read_runs(origins / "runs") if run.metrics.variant == "dropout"]
    first, second = sorted(runs, key=lambda run: run.metrics.protocol.train_start_row)
    parts = [
        forecast(origins, run.folder.run_id, period="test", every="6h").set_index("cutoff")["dropout"]
        for run in (first, second)
    ]
    assert len(parts[0]) > len(parts[1]) > 20
    expected = pd.concat([parts[0][parts[0].index < parts[1].index[0]], parts[1]])
    pd.testing.assert_series_equal(table.set_index("cutoff")["dropout"], expected, check_exact=True)
    assert not parts[0][parts[1].index].equals(parts[1])


def test_a_backtest_needs_several_origins(plant):
    with pytest.raises(UsageError, match="period: baseline: trained at one origin, and a backtest needs several"):
        forecast(plant, "baseline", period="backtest")


def test_a_backtest_has_a_window_of_every_origin(origins):
    with pytest.raises(UsageError, match="test: holds no window"):
        forecast(origins, "baseline", period="backtest", every="50d")


def test_a_backtest_is_not_made_of_a_part_of_the_test(origins, monkeypatch):
    monkeypatch.setattr("rdrop_cli.forecast.data.load_readings", lambda path: replace(load_readings(path), is_cut=True))
    with pytest.raises(DataError, match=r"a backtest needs all of them; name the data with dataset"):
        forecast(origins, "dropout", period="backtest")
    data = str(origins / "plant.csv")
    assert len(forecast(origins, "dropout", period="backtest", dataset=data, uncertainty="none")) > 400
