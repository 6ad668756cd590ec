"""`rdrop train --seeds` trains what is missing, and no more."""

import json

import pytest

from rdrop_cli.errors import UsageError
from rdrop_cli.planning.request import parse_seeds
from tests.cli.conftest import SMALL


@pytest.mark.parametrize(
    ("text", "seeds"), [("0", [0]), ("0-2", [0, 1, 2]), ("3,1", [3, 1]), ("0-2,1,7", [0, 1, 2, 7]), (" 4 , 5 ", [4, 5])]
)
def test_seeds_are_read_as_ranges_and_lists(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", "a", "2-1", "1-", "-1", "1..3", "0-99999999", "0-9000,9001-19000", "9999999999", "1,,2", "1\x1f", "١"]
)
def test_what_is_no_list_of_seeds_is_refused(text):
    with pytest.raises(UsageError, match="seeds: expected seeds such as 0-4"):
        parse_seeds(text)


@pytest.mark.thorough
@pytest.mark.usefixtures("warm_processes")
def test_what_is_complete_is_not_trained_again_and_what_is_new_is(rdrop, weather_csv, tmp_path):
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")

    def train(*options):
        result = rdrop("train", "baseline", "--dataset", weather_csv, *SMALL, *dirs, "--json", *options)
        assert result.code == 0, result.err
        return {run["seed"]: run["run_id"] for run in json.loads(result.out)}, result.err

    first, _ = train("--seeds", "0-1")
    second, notes = train("--seeds", "0-2", "--jobs", 1)
    assert "2 of 3 runs already complete" in notes
    assert {seed: second[seed] for seed in (0, 1)} == first
    assert set(second) == {0, 1, 2}
    other_rates, _ = train("--seeds", "0", "--units", 5)
    assert other_rates[0] not in second.values(), "another configuration is another run"


@pytest.mark.slow  # the sweep, which trains by the same function, is interrupted in the default run
def test_an_interrupted_run_is_gone_on_with(start, rdrop, weather_csv, tmp_path):
    from tests.cli.test_interruption import wait_for_epoch

    command = (
        "train", "dropout", "--dataset", weather_csv, *SMALL[:-1], 60, "--seeds", 0,
        "--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data",
    )  # fmt: skip
    process = start(*command)
    folder = wait_for_epoch(tmp_path / "runs", epochs=2)
    process.kill()
    process.communicate()
    result = rdrop(*command, "--json")
    assert result.code == 0, result.err
    assert "resuming after epoch" in result.err
    assert [run["run_id"] for run in json.loads(result.out)] == [folder.name]
