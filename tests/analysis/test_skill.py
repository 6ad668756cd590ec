"""The comparison of two forecasts by their errors a day."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rdrop_cli.analysis.collect import collect_runs
from rdrop_cli.analysis.skill import compare_forecasts, measure_skill
from rdrop_cli.report.summary import describe_skill

RESULTS = Path(__file__).parents[2] / "docs" / "results.zip"

DAYS = 400
EVEN = np.full(DAYS, 144.0)


def make_errors(rng, persistence=0.0, difference=0.0):
    """Daily errors of two forecasts; what one is better by on a day is alike from day to day."""
    noise, gap = rng.normal(0, 0.05, DAYS), np.zeros(DAYS)
    for day in range(DAYS):
        gap[day] = persistence * gap[day - 1] + noise[day]
    return 1 + difference + gap, np.ones(DAYS)


def test_alike_forecasts_are_told_apart_in_one_of_twenty_however_long_errors_stay_alike():
    rng = np.random.default_rng(0)
    for persistence, most in ((0.0, 0.08), (0.6, 0.1)):
        p = [compare_forecasts(*make_errors(rng, persistence), EVEN)[2] for _ in range(600)]
        assert 0.02 < np.mean(np.array(p) < 0.05) < most
    naive_p = [stats.ttest_1samp(np.subtract(*make_errors(rng, 0.6)), 0).pvalue for _ in range(600)]
    assert np.mean(np.array(naive_p) < 0.05) > 0.25  # what takes days for independent is wrong in a third


def test_a_difference_is_found_with_its_sign_and_its_interval():
    one, other = make_errors(np.random.default_rng(0), 0.3, difference=-0.03)
    difference, half, p = compare_forecasts(one, other, EVEN)
    assert difference == pytest.approx(np.mean(one - other))
    assert p < 0.001
    assert abs(difference + 0.03) < half < 0.03
    assert compare_forecasts(other, one, EVEN)[0] == -difference


def test_the_variance_is_that_of_newey_and_west():
    one, other = make_errors(np.random.default_rng(2), 0.5)
    gap, h = one - other, 14
    centred = gap - gap.mean()
    apart = np.abs(np.subtract.outer(np.arange(DAYS), np.arange(DAYS)))
    total = (np.maximum(0, 1 - apart / h) * np.outer(centred, centred)).sum()
    error = np.sqrt(total / DAYS**2 / ((DAYS + 1 - 2 * h + h * (h - 1) / DAYS) / DAYS))
    _, half, p = compare_forecasts(one, other, EVEN)
    assert half == pytest.approx(stats.t.ppf(0.975, DAYS - 1) * error)
    assert p == pytest.approx(2 * stats.t.sf(abs(gap.mean()) / error, DAYS - 1))


def test_days_with_more_windows_weigh_more():
    windows = EVEN.copy()
    windows[:100] = 1
    one = np.where(np.arange(DAYS) < 100, 2.0, 1.0)
    assert compare_forecasts(one, np.ones(DAYS), windows)[0] == pytest.approx(100 / windows.sum())


def test_the_same_forecast_is_no_different():
    assert compare_forecasts(np.ones(DAYS), np.ones(DAYS), EVEN) == (0.0, 0.0, 1.0)


@pytest.fixture
def runs_dir(tmp_path):
    """Four seeds of the study's dropout, and the best reference forecast."""
    shutil.unpack_archive(RESULTS, tmp_path / "all")
    for pattern in ("dropout-s[0-3]-*", "gradient-boosting-*"):
        for folder in (tmp_path / "all").glob(pattern):
            shutil.copytree(folder, tmp_path / "runs" / folder.name)
    return tmp_path / "runs"


def repeat_shorter(runs_dir: Path, pattern: str, epochs: int, lower_by: float = 0.0) -> None:
    """Leave runs again, of fewer epochs and with lower errors."""
    for folder in list(runs_dir.glob(pattern)):
        again = shutil.copytree(folder, runs_dir / f"{folder.name[:-4]}aaaa")
        for name in ("metrics.json", "config.json"):
            document = json.loads((again / name).read_text())
            if name == "config.json":
                document["epochs"] = epochs
            else:
                history = {key: values[:epochs] for key, values in document["history"].items()}
                history["val_loss"] = [error - lower_by for error in history["val_loss"]]
                document |= {"run_id": again.name, "history": history}
                document["epochs"] |= {"done": epochs, "planned": epochs}
                document["timing"]["epoch_seconds"] = document["timing"]["epoch_seconds"][:epochs]
                lowest = min(history["val_loss"])
                document["best"] = {
                    "epoch": history["val_loss"].index(lowest) + 1,
                    "val_mae": lowest,
                    "val_mae_in_unit": lowest * document["target_std"],
                }
            (again / name).write_text(json.dumps(document))


def test_networks_that_differ_in_epochs_are_two(runs_dir):
    repeat_shorter(runs_dir, "dropout-*", 20)
    skill = measure_skill(collect_runs([], runs_dir).used, runs_dir)
    assert skill is not None
    assert skill.seeds == 4
    assert skill.network.startswith("dropout 0.2/0.2, ")
    assert skill.network.endswith("0 epochs")


def test_one_lucky_seed_displaces_no_network_of_many(runs_dir):
    repeat_shorter(runs_dir, "dropout-s2-*", 30, lower_by=0.02)
    skill = measure_skill(collect_runs([], runs_dir).used, runs_dir)
    assert skill is not None
    assert (skill.network.partition(", ")[0], skill.seeds) == ("dropout 0.2/0.2", 4)


def test_what_the_comparison_lacks_is_said(runs_dir):
    used = collect_runs([], runs_dir).used
    assert describe_skill(used, runs_dir).startswith("test: dropout 0.2/0.2, mean of 4 seeds,")
    (folder,) = runs_dir.glob("dropout-s3-*")
    (folder / "daily_test_errors.csv").unlink()
    expected = f"test: not compared with the reference forecasts: {folder.name} has no daily_test_errors.csv"
    assert describe_skill(used, runs_dir) == expected


def test_both_ends_of_an_interval_have_as_many_decimals(runs_dir):
    text = describe_skill(collect_runs([], runs_dir).used, runs_dir)
    low, high = text.partition("interval ")[2].partition(",")[0].split(" to ")
    assert len(low) == len(high), text


def test_how_a_network_is_trained_is_no_matter_of_a_reference_forecast(runs_dir):
    (path,) = runs_dir.glob("gradient-boosting-*/metrics.json")
    document = json.loads(path.read_text())
    document["protocol"] |= {"units": 4, "steps_per_epoch": 20, "loss": "mse"}
    path.write_text(json.dumps(document))
    used = collect_runs([], runs_dir).used
    assert measure_skill(used, runs_dir) is not None
    document["protocol"] |= {"lookback_rows": 720}
    path.write_text(json.dumps(document))
    assert measure_skill(used, runs_dir) is None


def test_a_run_outside_the_folder_is_compared_by_its_own_errors(runs_dir, tmp_path):
    shutil.copytree(runs_dir, tmp_path / "there")
    for path in (tmp_path / "there").glob("dropout-*/daily_test_errors.csv"):
        header, *lines = path.read_text().splitlines()
        halved = [(*line.split(",")[:2], str(float(line.split(",")[2]) / 2)) for line in lines]
        path.write_text("\n".join([header, *map(",".join, halved)]) + "\n")
    collection = collect_runs(sorted(map(str, (tmp_path / "there").glob("dropout-*"))), runs_dir)
    assert measure_skill(collection.used, runs_dir).difference > -0.1
    assert measure_skill(collection.used, runs_dir, collection.folders).difference < -1


def test_damaged_errors_of_the_test_are_told_and_cost_no_report(runs_dir):
    (path,) = runs_dir.glob("dropout-s3-*/daily_test_errors.csv")
    path.write_text(path.read_text() + "x,y\n")
    told = describe_skill(collect_runs([], runs_dir).used, runs_dir)
    assert told.startswith(
        f"test: not compared with the reference forecasts: {path.parent.name}: daily_test_errors.csv: "
    )
