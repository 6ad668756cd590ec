"""The variance account: what one source of chance moves, from runs in which it varies alone."""

import numpy as np
import pytest

from rdrop_cli.analysis.collect import collect_runs
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.analysis.measures import measure_level
from rdrop_cli.analysis.variance import account_for_variance
from rdrop_cli.report.text import write_page
from rdrop_cli.runs.comparable import choose_newest
from tests.analysis.made_runs import save_later_origins, save_made_study, save_varied

NETWORKS = ("baseline", "dropout 0.2/0.2", "dropout 0.2/0.2 - baseline")


@pytest.fixture
def folder(tmp_path):
    save_made_study(tmp_path, range(4))
    save_varied(tmp_path, "weights", range(1, 40), {"baseline": 0.001, "dropout": 0.002})
    save_varied(tmp_path, "masks", range(1, 40), {"dropout": 0.003})
    return tmp_path


def find(account, of, source):
    return next(spread for spread in account if (spread.of, spread.source) == (of, source))


def test_each_source_has_its_deviation_with_an_interval(folder):
    account = account_for_variance(collect_runs([], folder))
    expected = dict(zip(NETWORKS, (0.001, 0.002, np.hypot(0.001, 0.002)), strict=True))
    for of, deviation in expected.items():
        spread = find(account, of, "weights")
        assert spread.runs == 40  # with the run of seed 0, from which they vary
        assert spread.interval.low < deviation < spread.interval.high
    assert find(account, "baseline", "all seeds").runs == 4


def test_a_network_without_masks_stands_still_where_they_vary(folder):
    account = account_for_variance(collect_runs([], folder))
    assert not any(spread.of == "baseline" and spread.source == "masks" for spread in account)
    alone, difference = (find(account, of, "masks") for of in NETWORKS[1:])
    assert difference.deviation == pytest.approx(alone.deviation, rel=0.2)  # over fewer epochs
    assert alone.interval.low < 0.003 < alone.interval.high


def test_the_period_moves_the_same_seed(tmp_path):
    save_made_study(tmp_path, range(5))
    save_later_origins(tmp_path, range(5), [0.01, -0.01, 0.005, -0.005])
    account = account_for_variance(collect_runs([], tmp_path))
    spread = find(account, NETWORKS[2], "period")
    assert spread.runs == 5
    assert spread.deviation == pytest.approx(np.std([0, 0.01, -0.01, 0.005, -0.005], ddof=1) / np.sqrt(0.8), rel=0.1)


def test_runs_in_which_one_source_varies_are_not_judged_nor_drawn_nor_counted(folder, tmp_path_factory):
    alone = tmp_path_factory.mktemp("alone")
    save_made_study(alone, range(4))
    one, other = judge_runs([], folder), judge_runs([], alone)
    assert one.to_json()["questions"] == other.to_json()["questions"]
    assert one.to_json()["networks"] == other.to_json()["networks"]
    assert {run.seed for run in choose_newest(folder).runs} == {0, 1, 2, 3}
    assert other.variance == ()


def test_of_few_runs_no_deviation_is_told(tmp_path):
    save_made_study(tmp_path, range(4))
    save_varied(tmp_path, "windows", [1], {"baseline": 0.001})
    account = account_for_variance(collect_runs([], tmp_path))
    assert {spread.source for spread in account} == {"all seeds"}


def test_runs_alone_in_which_one_source_varies_cannot_be_judged(tmp_path):
    save_varied(tmp_path, "windows", range(1, 4), {"baseline": 0.001})
    skipped = collect_runs([], tmp_path).skipped
    assert [run.reason for run in skipped] == ["its seed determines windows alone"] * 3


def test_the_deviation_is_that_of_the_levels(folder):
    collection = collect_runs([], folder)
    network = collection.claimed["dropout"]
    levels = [measure_level(run.val_loss).error for run in collection.varied["masks"][network]]
    spread = find(account_for_variance(collection), NETWORKS[1], "masks")
    assert spread.deviation == pytest.approx(np.std(levels, ddof=1))


def test_the_account_is_told_in_80_columns(folder):
    lines = list(write_page(judge_runs([], folder)))
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if "initial weights" in line)
    assert row.split()[:4] == ["baseline", "initial", "weights", "40"]
