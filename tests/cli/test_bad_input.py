"""Whatever a user gets wrong ends in one line on stderr, the right code, and no half-made run."""

import pytest

from tests.cli.conftest import SMALL

WRONG_USAGE = [
    ("train frobnicate", "no variant 'frobnicate'"),
    ("train drpout", "did you mean 'dropout'?"),
    ("train --dropout 1", "--dropout: expected a rate in [0, 1), received 1"),
    ("train --dropout -0.1", "--dropout: expected a rate in [0, 1), received -0.1"),
    ("train --recurrent-dropout 1.5", "--recurrent-dropout: expected a rate in [0, 1), received 1.5"),
    ("train --recurrent-dropout nan", "--recurrent-dropout: expected a rate in [0, 1), received nan"),
    ("train --dropout much", "--dropout: expected a number, received 'much'"),
    ("train --dropout 0,5", "--dropout: expected a number, received '0,5'; did you mean '0.5'?"),
    ("train --epochs 0", "--epochs: expected at least 1, received 0"),
    ("train --epochs many", "--epochs: expected a whole number, received 'many'"),
    ("train --steps-per-epoch 0", "--steps-per-epoch: expected at least 1, received 0"),
    ("train --batch-size -1", "--batch-size: expected at least 1, received -1"),
    ("train --units 0", "--units: expected at least 1, received 0"),
    ("train --seed -1", "--seed: expected a whole number from 0"),
    ("train baseline --dropout 0.5", "--dropout: baseline has no such rate"),
    ("train --protocol boook", "--protocol: expected one of book, book2, book3, demo, demo2, demo3, received 'boook'"),
    ("train --engine warp", "--engine: expected one of"),
    ("train --sentinels drop", "--sentinels: expected one of"),
    ("train --dataset nowhere.csv", "--dataset: expected jena, synthetic or the path of a CSV, received 'nowhere.csv'"),
    (
        "train --dataset {csv} --target Rain",
        "--target: weather: no column 'Rain' to predict; it has p (mbar), T (degC)",
    ),
    ("train --dataset {csv} --vary nothing", "--vary: expected one of weights, windows, masks, received 'nothing'"),
    ("runs --status done", "--status: expected one of completed, running, interrupted, failed, received 'done'"),
    ("train --dataset {csv} --lookback 5x", "--lookback: expected a length such as 10d"),
    ("train --dataset {csv} --lookback 7min", "--lookback: 7min is not a whole number of readings"),
    (
        "train --dataset {csv} --lookback 5h --every 2h",
        "--lookback: a window of 30 rows is not a multiple",
    ),
    ("train --dataset {csv} --train-stop 100", "training stops at row 100"),
    ("train dropout --resume some-run", "--resume resumes one run with its own settings; remove dropout"),
    ("train --resume some-run --epochs 3 --seed 1", "remove --epochs --seed"),
    ("train --seed 1 --seeds 0-2", "--seed and --seeds exclude each other"),
    ("plot --output picture.gif", "expected a name ending in .png, .svg, .pdf, received '.gif'"),
    ("plot --unit kelvin", "--unit: expected one of target, standardised, received 'kelvin'"),
    ("download --from ftp://host/file.zip", "expected an address such as https://"),
    ("show", "missing argument 'RUN'"),
    ("frobnicate", "no command 'frobnicate'; see `rdrop --help`"),
    ("trian", "no command 'trian'; did you mean 'train'?"),
    ("runs --frobnicate", "no option --frobnicate; see `rdrop runs --help`"),
    ("train --dropuot 0.5", "no option --dropuot; did you mean '--dropout'?"),
    ("train --out x", "no option --out"),
    ("plot --out picture.png", "no option --out; did you mean '--output'?"),
    ("train --seeds", "--seeds: expected a value"),
    ("train gru", "'gru' is a cell, not a variant; use `rdrop train --cell gru`"),
    ("anatomy gru", "'gru' is a cell, not a variant; use `rdrop anatomy --cell gru`"),
    ("train synthetic", "'synthetic' is a dataset, not a variant; use `rdrop train --dataset synthetic`"),
    ("train {csv}", "weather.csv' is a dataset, not a variant; use `rdrop train --dataset "),
    ("train load.csv", "use `rdrop train --dataset load.csv`; that file does not exist"),
    ("runs --quiet --verbose", "no option --verbose"),
    ("train --quiet --verbose", "--quiet and --verbose exclude each other"),
]
FAILURES = [
    ("train", "the Jena data are not in"),
    ("train --dataset {csv}", "too short"),
    ("train --dataset {text}", "column 'T (degC)': expected a number, received 'warm'"),
    ("train --dataset {csv} --runs-dir {csv}", "weather.csv: is a file, not a folder of runs"),
    ("train --resume no-such-run", "no run 'no-such-run'"),
    ("show no-such-run", "no run 'no-such-run'"),
    ("plot no-such-run", "no run 'no-such-run'"),
    ("plot", "has finished an epoch"),
    ("download --from no-such-file.zip", "no-such-file.zip: no such file"),
    ("download --from {csv}", "not the whole Jena data: expected 420551 rows"),
]


@pytest.fixture
def fail(rdrop, weather_csv, tmp_path, monkeypatch):
    """Run a command that fails in a scratch folder, check what all failures share, and return code and message."""
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "text.csv"
    text.write_text("Date Time,T (degC)\n01.01.2009 00:10:00,1.5\n01.01.2009 00:20:00,warm\n")

    def run(command):
        options = SMALL if "--dataset {csv} --target" in command or "--runs-dir" in command else []
        result = rdrop(*command.format(csv=weather_csv, text=text).split(), *options)
        assert result.out == ""
        lines = result.err.strip().splitlines()
        assert len([line for line in lines if line.startswith("rdrop: ")]) == 1, result.err
        assert lines[-1].startswith("rdrop: ")
        assert not list(tmp_path.glob("runs/*")), "a half-made run was left behind"
        return result.code, lines[-1]

    return run


@pytest.mark.parametrize(("command", "message"), WRONG_USAGE)
def test_wrong_usage_ends_with_code_2_and_names_what_was_received(fail, command, message):
    code, line = fail(command)
    assert message in line
    assert code == 2


@pytest.mark.parametrize(("command", "message"), FAILURES)
def test_a_failure_at_run_time_ends_with_code_1_and_names_what_and_where(fail, command, message):
    code, line = fail(command)
    assert message in line
    assert code == 1
