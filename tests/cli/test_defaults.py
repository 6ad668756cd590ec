"""Defaults from files and variables, and `rdrop config`, which tells what sets them."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import typer

from rdrop_cli.cache import find_cache_folder
from rdrop_cli.cli.app import build_commands
from rdrop_cli.cli.defaults import FOLDERS, SETTABLE, find_user_file, list_options
from rdrop_cli.locks import find_lock_folder
from rdrop_cli.planning.toml import MAX_BYTES


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder to stand in and a home, both empty."""
    for variable in ("RDROP_RUNS_DIR", "RDROP_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".config" / "rdrop").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def write_user_file(tmp_path):
    """Write the user's own file."""
    return (tmp_path / "home" / ".config" / "rdrop" / "config.toml").write_text


def show_config(rdrop):
    result = rdrop("config", "--json")
    assert result.code == 0, result.err
    return {entry["name"]: (entry["value"], entry["origin"]) for entry in json.loads(result.out)}


def see_runs_dir(rdrop, *arguments):
    """Return the runs folder that a command looks into."""
    return rdrop("runs", *arguments).err.removeprefix("no runs in ").partition(";")[0]


def test_a_flag_comes_before_the_environment_the_project_the_user_and_what_is_built_in(
    rdrop, place, write_user_file, monkeypatch
):
    assert see_runs_dir(rdrop) == "runs"
    write_user_file('runs_dir = "of-user"\n')
    assert see_runs_dir(rdrop) == "of-user"
    (place / "rdrop.toml").write_text('runs_dir = "of-project"\n')
    assert see_runs_dir(rdrop) == "of-project"
    monkeypatch.setenv("RDROP_RUNS_DIR", "of-environment")
    assert see_runs_dir(rdrop) == "of-environment"
    (place / "of-flag").mkdir()
    assert see_runs_dir(rdrop, "--runs-dir", "of-flag") == "of-flag"


def test_a_table_comes_before_the_top_of_its_file_and_after_the_project(rdrop, place, write_user_file):
    write_user_file('runs_dir = "top"\n[runs]\nruns_dir = "table"\n')
    assert see_runs_dir(rdrop) == "table"
    assert "no run 'x' in top" in rdrop("show", "x").err
    (place / "rdrop.toml").write_text('runs_dir = "of-project"\n')
    assert see_runs_dir(rdrop) == "of-project"


def test_a_home_is_written_with_a_tilde(rdrop, place, tmp_path):
    (place / "rdrop.toml").write_text('runs_dir = "~/runs"\n')
    assert see_runs_dir(rdrop) == str(tmp_path / "home" / "runs")


@pytest.mark.parametrize("option", ["runs", "data"])
def test_a_tilde_that_no_shell_has_expanded_makes_no_folder_of_that_name(rdrop, tmp_path, monkeypatch, option):
    command = {"runs": ["runs"], "data": ["inspect", "jena"]}[option]  # bash leaves --runs-dir=~/x, Docker an ENV
    (tmp_path / "home" / "here").mkdir()
    asked = rdrop(*command, f"--{option}-dir=~/here")
    monkeypatch.setenv(f"RDROP_{option.upper()}_DIR", "~/here")
    assert asked.err == rdrop(*command).err
    assert str(tmp_path / "home" / "here") in asked.err
    monkeypatch.setenv("RDROP_CACHE_DIR", "~/cache")
    assert find_cache_folder() == tmp_path / "home" / "cache"


def test_defaults_reach_the_command_and_a_flag_the_other_way_is_obeyed(rdrop, place, save_run):
    for number, val_mae in enumerate((0.3, 0.2, 0.25)):
        save_run(place / "runs", f"dropout-s{number}", variant="dropout", seed=number, val_loss=(val_mae,))
    (place / "rdrop.toml").write_text('[runs]\nsort = "val_mae"\nlimit = 2\n')
    listed = [run["seed"] for run in json.loads(rdrop("runs", "--json").out)]
    assert listed == [1, 2]
    listed = [run["seed"] for run in json.loads(rdrop("runs", "--json", "--limit", "3", "--sort", "seed").out)]
    assert listed == [0, 1, 2]


def test_config_tells_what_sets_each_default(rdrop, place, write_user_file, monkeypatch, tmp_path):
    user_file = tmp_path / "home" / ".config" / "rdrop" / "config.toml"
    write_user_file('data_dir = "/data"\n\n[train]\njobs = 2\nepochs = 9\nseed = 0\n')
    (place / "rdrop.toml").write_text("# ours\n[train]\nlookback = 14\nepochs = 30\ntrain_stop = 2014-01-01\n")
    monkeypatch.setenv("RDROP_RUNS_DIR", "/runs")
    assert show_config(rdrop) == {
        "data_dir": ("/data", f"{user_file}:1"),
        "train.jobs": (2, f"{user_file}:4"),
        "train.lookback": ("14", "rdrop.toml:3"),
        "train.epochs": (30, "rdrop.toml:4"),
        "train.train_stop": ("2014-01-01", "rdrop.toml:5"),
        "runs_dir": ("/runs", "environment RDROP_RUNS_DIR"),
    }
    line = next(line for line in rdrop("config").out.splitlines() if "epochs" in line)
    assert line.split() == ["train.epochs", "30", "rdrop.toml:4"]


def test_config_says_where_defaults_could_be_set_when_none_is(rdrop, tmp_path):
    result = rdrop("config")
    assert (result.code, result.out) == (0, "")
    assert f"set defaults in rdrop.toml or {tmp_path / 'home' / '.config' / 'rdrop' / 'config.toml'}" in result.err
    assert rdrop("config", "--json").out.strip() == "[]"


FAULTS = [
    ("[train]\n\nepochs = \n", "rdrop.toml: invalid TOML: Invalid value (at line 3"),
    (
        "x = 1\n[train]\n",
        "rdrop.toml:1: only runs_dir and data_dir stand outside the tables; put 'x' under its command",
    ),
    ("\n[trian]\nepochs = 3\n", "rdrop.toml:2: no command 'trian'; did you mean 'train'?"),
    ("[train]\nepoch = 3\n", "rdrop.toml:2: `rdrop train` takes no 'epoch' from a file; did you mean 'epochs'?"),
    ('[train]\nepochs = "3"\n', "rdrop.toml:2: train.epochs: expected a whole number, received '3'"),
    ("[train]\nepochs = true\n", "expected a whole number, received True"),
    ("[train]\ndataset = 3\n", "expected a text in quotes, received 3"),
    ("[plot]\npublished = 1\n", "rdrop.toml:2: plot.published: expected true or false, received 1"),
    (
        '[plot]\nunit = "inches"\n',
        "rdrop.toml:2: plot.unit: expected one of target, standardised, received 'inches'",
    ),
    (
        "[bench]\nsteps = 1\nrounds = 0\n",
        "rdrop.toml:3: bench.rounds: expected a whole number of at least 1, received 0",
    ),
    ("[train]\nnice = 50\n", "rdrop.toml:2: train.nice: expected a whole number from 0 to 19, received 50"),
    ("runs_dir = [\n'a',\n]\n", "rdrop.toml:1: runs_dir: expected a text in quotes"),
    ("[train.epochs]\nx = 1\n", "train.epochs: expected a whole number, received {"),
    (
        "runs_dir = [0x" + "f" * 9999 + "]",
        "expected a text in quotes, received a number too long",
    ),
    ("[variants]\ncell = 1\n", "`rdrop variants` takes no 'cell' from a file; expected one of none"),
    ("[[train]]\nepochs = 3\n", "rdrop.toml:1: only runs_dir and data_dir stand outside the tables"),
    ("train = {epochs = 0.5}\n", "rdrop.toml:1: train.epochs: expected a whole number, received 0.5"),
    ("a = " + "[" * 9999, "rdrop.toml: invalid TOML"),
    ("a = 1" + "0" * 9999, "rdrop.toml"),
    (
        "[bench]\nsteps = 0x" + "f" * 9999,
        "rdrop.toml:2: bench.steps: expected a number of at most",
    ),
    ("#" * (MAX_BYTES + 1), "rdrop.toml: larger than 1 MiB; expected a TOML file"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_a_fault_is_one_line_with_the_file_and_code_2(rdrop, place, text, message):
    (place / "rdrop.toml").write_text(text)
    result = rdrop("runs")
    assert (result.code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert line.startswith("rdrop: rdrop.toml")
    assert message in line
    assert len(line) < 400


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('loss = "mea"', "train.loss: expected one of mae, mse, huber, quantile, received 'mea'"),
        ("jobs = 0", "train.jobs: expected at least 1, received 0"),
        ('dataset = "gone.csv"', "train.dataset: expected jena, synthetic or the path of a CSV, received 'gone.csv'"),
        ('horizon = "soon"', "train.horizon: expected "),
    ],
)
def test_a_value_that_a_command_refuses_is_located_unless_a_flag_gave_it(rdrop, place, line, message):
    (place / "rdrop.toml").write_text(f"[train]\n{line}\n")
    key, _, value = line.replace('"', "").partition(" = ")
    result = rdrop("train", *(() if key == "dataset" else ("--dataset", "synthetic")))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"rdrop: rdrop.toml:2: {message}"), result.err
    result = rdrop("train", "--dataset", "synthetic", f"--{key}", value)
    assert result.err.startswith(f"rdrop: --{message.removeprefix('train.')}"), result.err


def test_epochs_in_a_file_are_for_networks(rdrop, place):
    (place / "rdrop.toml").write_text('[train]\nepochs = 3\nprotocol = "demo"\n')
    result = rdrop("train", "naive", "--dataset", "synthetic", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)[0]["epochs"]["planned"] == 1
    assert "--epochs: naive is no network" in rdrop("train", "naive", "--dataset", "synthetic", "--epochs", 3).err


@pytest.mark.parametrize("kind", ["folder", "pipe", "binary"])
def test_what_is_no_text_file_is_refused_at_once(rdrop, place, kind):
    path = place / "rdrop.toml"
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "binary": lambda: path.write_bytes(b"\xff\xfe")}[kind]()
    result = rdrop("runs")
    assert result.code == 2
    assert result.err.startswith("rdrop: rdrop.toml: ")


@pytest.mark.parametrize("kind", ["gone", "rdrop.toml"])
def test_a_link_to_no_file_is_named(rdrop, place, kind):
    (place / "rdrop.toml").symlink_to(kind)
    result = rdrop("config")
    assert (result.code, result.err) == (2, f"rdrop: rdrop.toml: links to {kind}, where no file is\n")


def test_the_home_of_another_user_has_no_settings(place, tmp_path, monkeypatch):
    """As in a container that runs under another user than its image was made for."""
    home = tmp_path / "home"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    (home / ".config" / "rdrop" / "config.toml").write_text('runs_dir = "x"\n')
    weak = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*weak, sys.executable, "-m", "rdrop_cli", "config"]
    home.chmod(0)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        home.chmod(0o755)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("no setting is changed")


def test_a_relative_base_folder_counts_as_none(tmp_path, monkeypatch):
    """So says the specification: else each folder of work would have a cache of its own."""
    monkeypatch.delenv("RDROP_CACHE_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, "relative")
    home = tmp_path / "home"
    assert find_cache_folder() == home / ".cache" / "rdrop"
    assert find_user_file() == [home / ".config" / "rdrop" / "config.toml"]
    assert find_lock_folder() == tmp_path / f"rdrop-{os.getuid()}"


def test_a_faulty_file_keeps_nobody_from_the_version_and_the_help(rdrop, place):
    (place / "rdrop.toml").write_text("=")
    assert rdrop("--version").code == 0
    assert rdrop("--help").code == 0


HARMFUL = [
    *("rm.yes = true", 'rm.status = ["failed"]', 'rm.cell = ["gru"]', "rm.variant = []"),
    *('plot.out = "/tmp/x.png"', 'report.out = "x.html"', 'anatomy.out = "x.png"', 'bench.growth = "x.png"'),
    *('download.from = "http://localhost"', "download.force = true", 'train.resume = "x"', "train.json = true"),
    *('train.variants = ["gal"]', 'show.run = "x"', "train.help = true", "rdrop.version = true"),
]


@pytest.mark.parametrize("text", HARMFUL)
def test_a_strangers_file_cannot_write_fetch_remove_or_keep_from_asking(rdrop, place, text):
    (place / "rdrop.toml").write_text(text + "\n")
    result = rdrop("runs")
    assert result.code == 2
    assert result.err.startswith("rdrop: rdrop.toml:1: ")


def test_a_file_cannot_steer_the_terminal(rdrop, place):
    (place / "rdrop.toml").write_text('runs_dir = "a\\u001b[31m\\u009b31m"\n')
    for result in (rdrop("config"), rdrop("runs"), rdrop("show", "x")):
        assert not {"\x1b", "\x9b"} & set(result.out + result.err)


def test_every_option_that_a_file_may_set_exists():
    options = list_options(typer.Context(build_commands()))
    for command, settable in SETTABLE.items():
        assert set(options[command]) - set(FOLDERS) == set(settable), command
    assert "runs_dir" in options["rm"]


def test_the_documentation_names_what_each_table_may_set():
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `\[(\w+)\]` \| (.*) \|$", page, flags=re.MULTILINE))
    assert {command: set(re.findall(r"`(\w+)`", row)) for command, row in rows.items()} == {
        command: set(settable) for command, settable in SETTABLE.items()
    }


def test_no_parser_is_loaded_where_there_is_no_file(place):
    code = (
        "import sys; from rdrop_cli.cli.app import run_command; run_command(['runs']); print('tomllib' in sys.modules)"
    )

    def tells_of_parser():
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return ended.stdout.strip()

    assert tells_of_parser() == "False"
    (place / "rdrop.toml").write_text("[train]\n")
    assert tells_of_parser() == "True"
