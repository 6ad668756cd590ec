"""What is read on a terminal: help, tables and progress at its width, and streams that are not there."""

import errno
import io
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from rdrop_cli.cli import console, progress
from rdrop_cli.cli.app import build_commands, run_command
from rdrop_cli.cli.console import Column, Verbosity, print_table, set_verbosity
from rdrop_cli.cli.help import EXAMPLES
from rdrop_cli.cli.progress import RunProgress, TrainingDisplay, format_rough
from rdrop_cli.runs.history import Epoch
from rdrop_cli.study.protocol import MSE
from tests.cli.conftest import run_on_terminal

pytestmark = pytest.mark.usefixtures("warm_processes")  # many commands are started, each on a terminal of its own

COMMANDS = list(build_commands().commands)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONG_ID = "semeniuta-sequence-lstm-s12-20260101-000000-abcd"


def read_screen(*arguments, columns):
    """Return what a command writes on a terminal of so many columns; no line may be wider."""
    code, written = run_on_terminal(*arguments, columns=columns)
    text = ESCAPES.sub("", written).replace("\r", "")
    assert code == 0, text
    assert max(map(len, text.splitlines())) <= columns, text
    assert "…" not in text
    return text


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_eighty_columns_and_cuts_no_summary(rdrop, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    text = rdrop(*command.split(), "--help").out
    assert max(map(len, text.splitlines())) <= 80
    for usage in ("[RUN]...", "{RUN}...", "[VARIANT]...", "[VARIANT|LAYER]...", "COMMAND [ARGS]..."):
        text = text.replace(usage, "")
    assert "..." not in text


@pytest.mark.thorough
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_that_can_be_parsed(rdrop, command):
    lines = EXAMPLES[command].strip().splitlines()
    assert 2 <= len(lines) <= 4
    for line in lines:
        program, *arguments = shlex.split(line)
        assert (program, arguments[0]) == ("rdrop", command)
        assert rdrop(*arguments, "--help").code == 0, line
    assert all(line in rdrop(command, "--help").out for line in lines)


def test_the_options_of_train_are_in_groups(rdrop):
    titles = re.findall(r"^(\w+):$", rdrop("train", "--help").out, re.MULTILINE)
    assert titles == ["Arguments", "Data", "Network", "Training", "Runs", "Options", "Examples"]


@pytest.mark.thorough
@pytest.mark.parametrize("columns", [44, 80, 100, 160])
def test_no_id_no_figure_and_no_word_of_a_run_is_cut(save_run, tmp_path, columns):
    save_run(tmp_path, LONG_ID, variant="semeniuta-sequence")
    text = read_screen("runs", "--runs-dir", tmp_path, columns=max(columns, len(LONG_ID)))
    for whole in (LONG_ID, "completed", "3/5", "0.2600 (2.08 °C)"):
        assert whole in text
    assert ("0.2800" in text) == ("last val MAE" in text)
    shown = read_screen("show", LONG_ID, "--runs-dir", tmp_path, columns=80)
    assert "best val MAE  0.2600 (2.08 °C)" in shown


@pytest.mark.thorough
@pytest.mark.parametrize(("columns", "heads"), [(44, None), (60, "std"), (80, "sentinel")])
def test_no_figure_of_an_inspected_column_is_cut(tmp_path, monkeypatch, columns, heads):
    monkeypatch.chdir(tmp_path)
    rows = [f"{np.datetime64('2020-01-01T00') + n},{20_000 + 37 * (n % 24)}" for n in range(600)]
    (tmp_path / "load.csv").write_text("\n".join(["time,load_of_the_whole_grid_MW", *rows]))
    options = ["--lookback", "12h", "--horizon", "3h", "--output", "load.png"]
    table = read_screen("inspect", "load.csv", *options, columns=columns).partition("600 rows")[0]
    assert {"20000", "20426", "20851", "256.12"} < set(table.split()), table
    if heads:
        assert table.splitlines()[0].split()[-1] == heads
    else:
        assert [line.split()[0] for line in table.splitlines()[1:]] == [
            *("unit", "min", "mean", "max", "std", "missing", "sentinel")
        ]


def test_a_wider_terminal_gets_more_columns(save_run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")  # as a process may inherit it: the terminal's own size counts
    save_run(tmp_path, "baseline-s0-20260101-000000-abcd")
    heads = {n: read_screen("runs", "--runs-dir", tmp_path, columns=n).splitlines()[0] for n in (80, 160)}
    assert "last val MAE" not in heads[80]
    assert "last val MAE" in heads[160]


def test_a_table_that_does_not_fit_becomes_cards_with_all_of_its_cells(monkeypatch, capsys):
    columns = [Column("name"), Column("figure", right=True), Column("sentence", wraps=True)]
    rows = [("a-long-name", "1.5", "words that may be wrapped between them"), ("b", "2.5", "")]
    monkeypatch.setattr("rdrop_cli.cli.console.make_console", lambda stderr: Console(file=sys.stdout, width=30))
    print_table(columns, rows)
    assert capsys.readouterr().out.splitlines() == [
        "a-long-name",
        "  figure    1.5",
        "  sentence  words that may be",
        "            wrapped between",
        "            them",
        "",
        "b",
        "  figure    2.5",
        "  sentence",
    ]


@pytest.mark.thorough
def test_cards_are_wrapped_on_the_narrowest_terminal(save_run, tmp_path):
    save_run(tmp_path, "base-s0")
    text = read_screen("runs", "--runs-dir", tmp_path, columns=26)
    assert "\\n" not in text
    assert "best val MAE  0.2600" in text


@pytest.mark.parametrize("columns", ["0", "1"])
def test_a_width_that_is_none_is_no_reason_to_fail(save_run, tmp_path, columns):
    save_run(tmp_path, "base-s0")
    code, written = run_on_terminal("runs", "--runs-dir", tmp_path, COLUMNS=columns)
    assert (code, "base-s0" in written) == (0, True), written


def test_colours_in_a_log_leave_every_column_and_no_display(rdrop, save_run, tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    save_run(tmp_path, LONG_ID)
    result = rdrop("runs", "--runs-dir", tmp_path)
    assert "last val MAE" in result.out
    assert "\x1b[1m" in result.out
    assert not TrainingDisplay("importing").live
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in rdrop("runs", "--runs-dir", tmp_path).out


def test_messages_are_wrapped_between_words(tmp_path):
    text = ESCAPES.sub("", run_on_terminal("train", "frobnicate-and-something", columns=30)[1]).replace("\r", "")
    assert max(map(len, text.splitlines())) <= 30
    assert " ".join(text.split()) == "rdrop: no variant 'frobnicate-and-something'; see `rdrop variants`"


def test_a_dumb_terminal_gets_whole_ids_and_no_escapes(save_run, tmp_path):
    save_run(tmp_path, LONG_ID, variant="semeniuta-sequence")
    code, written = run_on_terminal("runs", "--runs-dir", tmp_path, TERM="dumb")
    assert (code, LONG_ID in written, "\x1b" in written) == (0, True, False)


@pytest.mark.skipif(os.name != "posix", reason="closes a file descriptor as a POSIX shell does")
def test_a_closed_stderr_is_replaced_by_nothing(save_run, tmp_path):
    save_run(tmp_path, "baseline-s0-a")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")  # makes a note on stderr
    command = f"exec {shlex.quote(sys.executable)} -m rdrop_cli runs --runs-dir {shlex.quote(str(tmp_path))} 2>&-"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "baseline-s0-a" in result.stdout
    assert "broken" not in result.stdout


class FailingOutput(io.RawIOBase):
    """Takes so many writes, and then none; what is left for it may be dropped."""

    def __init__(self, writes, error):
        self.writes, self.error = writes, error

    def writable(self):
        return True

    def write(self, data):
        self.writes -= 1
        if self.writes < 0 and self.error:
            raise OSError(self.error, os.strerror(self.error))
        return len(data)


@pytest.mark.parametrize("writes", range(5))
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (errno.EPIPE, 141, ""),
        (errno.ENOSPC, 1, "rdrop: stdout: No space left on device; free some space and run the command again\n"),
    ],
    ids=["closed pipe", "full disk"],
)
def test_an_output_that_takes_nothing_more_ends_the_command(save_run, tmp_path, monkeypatch, writes, error, code, said):
    save_run(tmp_path, "baseline-s0-a")
    failing, stderr = FailingOutput(writes, error), io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(sys, "stdout", stdout := io.TextIOWrapper(io.BufferedWriter(failing)))
    ended = run_command(["runs", "--runs-dir", str(tmp_path)])
    assert (ended, stderr.getvalue()) == ((code, said) if failing.writes < 0 else (0, ""))
    failing.error = None
    sys.stdout.close()
    stdout.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk to write to")  # noqa: PTH110
def test_nothing_is_left_for_python_to_complain_of_at_its_end():
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "rdrop_cli", "--version"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=buffered, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "rdrop: stdout: No space left on device; free some space and run the command again\n"


def test_quiet_leaves_results_and_errors(rdrop, save_run, tmp_path, monkeypatch):
    monkeypatch.setattr("rdrop_cli.report.html.render_report", lambda *_: "")
    assert rdrop("runs", "--runs-dir", tmp_path).err
    assert rdrop("runs", "--runs-dir", tmp_path, "--quiet").err == ""
    save_run(tmp_path, "baseline-s0-a")
    save_run(tmp_path, "baseline-s0-b", status="interrupted")
    for command in ("verdict", "report"):
        assert "skipped: " in rdrop(command, "--runs-dir", tmp_path).err
        assert rdrop(command, "--runs-dir", tmp_path, "-q").err == ""
    assert rdrop("runs", "--runs-dir", tmp_path / "none").err, "the next command is not quiet"
    assert rdrop("export", "--csv", "--mlflow", "x", "-q").err.startswith("rdrop: ")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h 0 min"), (7800, "2 h 10 min")]
)
def test_an_estimate_is_no_finer_than_it_is(seconds, text):
    assert format_rough(seconds) == text


@pytest.fixture
def show(monkeypatch, tiny_config):
    """Return a display of so many runs on a terminal or a pipe, and what it has written."""

    def make(runs, terminal, columns=80):
        console = Console(file=io.StringIO(), force_terminal=terminal, width=columns, color_system=None)
        monkeypatch.setattr(progress, "make_console", lambda: console)
        display = TrainingDisplay("importing TensorFlow")
        configs = [replace(tiny_config, seed=seed) for seed in range(runs)]
        return display, [RunProgress(display, config) for config in configs], console.file

    yield make
    set_verbosity(Verbosity.NORMAL)


def train(run, epochs):
    config = run._config
    run.begin(f"dropout-s{config.seed}-id", config, 0, 8.0)
    for epoch in range(1, epochs + 1):
        for step in range(1, config.protocol.steps_per_epoch + 1):
            run.step(epoch, step, 0.5)
        run.epoch(Epoch(epoch, 0.5, 0.26, 0.25, 1.0, 1.5))
    if epochs == config.epochs:
        run.end()


def test_a_pipe_gets_a_line_a_run_that_says_how_many_are_left(show):
    display, runs, file = show(runs=3, terminal=False, columns=200)
    with display:
        for run in runs[:2]:
            train(run, run._config.epochs)
    lines = file.getvalue().splitlines()
    assert lines[0] == "importing TensorFlow"
    assert [line.partition(": ")[0] for line in lines[1:]] == ["dropout s0", "dropout s1"]
    assert re.search(
        r"best val_loss 0\.2600 \(2\.08 °C\), epoch 1/\d+; 2 of 3 runs · 1 s left · 0:0\d elapsed$", lines[2]
    )


def test_a_run_that_measures_its_test_error_is_not_yet_done(show):
    display, runs, _ = show(runs=2, terminal=False, columns=200)
    train(runs[0], runs[0]._config.epochs)
    runs[1].begin("dropout-s1-id", runs[1]._config, 0, 8.0)
    runs[1].measure("test")
    assert display.describe().startswith("1 of 2 runs · ")


def test_the_best_epoch_is_the_one_whose_weights_are_kept(show):
    _, (run, _), file = show(runs=2, terminal=False, columns=200)
    config = replace(run._config, protocol=replace(run._config.protocol, best_by=MSE))
    run.begin("dropout-s0-id", config, 0, 8.0)
    for epoch, (mae, mse) in enumerate([(0.2, 0.9), (0.3, 0.1), (0.25, 0.5)], start=1):
        run.epoch(Epoch(epoch, 0.5, mae, 0.25, 1.0, 1.5, val_mse=mse))
    run.measure("test")
    run.end()
    assert "dropout s0: best val_loss 0.3000 (2.40 °C), epoch 2/" in file.getvalue()


def test_a_resumed_run_names_no_best_of_its_last_epochs_alone(show):
    _, (run, _), file = show(runs=2, terminal=False, columns=200)
    run.begin("dropout-s0-id", run._config, 1, 8.0)
    run.epoch(Epoch(2, 0.5, 0.26, 0.25, 1.0, 1.5))
    run.measure("test")
    run.end()
    assert "dropout s0: complete; 1 of 2 runs" in file.getvalue()


def test_a_terminal_keeps_no_line_of_many_runs_and_one_of_each_epoch_of_one(show):
    display, runs, file = show(runs=2, terminal=True)
    train(runs[0], runs[0]._config.epochs)
    assert file.getvalue() == ""
    assert display.describe().startswith("1 of 2 runs · ")
    display, runs, file = show(runs=1, terminal=True)
    train(runs[0], runs[0]._config.epochs)
    assert file.getvalue().count("\nepoch") == runs[0]._config.epochs


def test_a_failed_run_is_counted_and_leaves_no_bar(show):
    display, runs, file = show(runs=2, terminal=True)
    train(runs[0], 1)
    runs[0].end()
    assert display.describe().startswith("0 of 2 runs · 1 failed · ")
    display.console.print(display._render())
    assert "epoch 1/" not in file.getvalue()


def test_a_run_that_begins_again_has_no_time_left_yet(show):
    display, (run,), _ = show(runs=1, terminal=True)
    run.begin("dropout-s0-id", run._config, 0, 8.0)
    run.step(1, 1, 0.5)
    run.begin("dropout-s0-id", run._config, 0, 8.0)  # its worker was lost
    assert "left" not in display.describe()


def test_verbose_keeps_a_line_of_each_epoch(show):
    set_verbosity(Verbosity.VERBOSE)
    _, runs, file = show(runs=2, terminal=True)
    train(runs[0], runs[0]._config.epochs)
    assert file.getvalue().count("dropout s0  epoch") == runs[0]._config.epochs


@pytest.mark.parametrize("columns", [40, 80, 100])
def test_the_display_fits_its_terminal(show, columns):
    display, runs, file = show(runs=2, terminal=True, columns=columns)
    train(runs[0], 1)
    display.console.print(display._render())
    lines = file.getvalue().splitlines()
    assert lines[0].startswith("0 of 2 runs · ")
    assert "epoch 1/" in lines[1]
    assert "loss 0.5000" in lines[1]
    assert "…" not in file.getvalue()
    assert max(map(len, lines)) <= columns


def test_a_name_that_a_shell_would_run_is_not_completed(save_run, tmp_path):
    save_run(tmp_path, "baseline-s0-a")
    save_run(tmp_path, "zz$(touch${IFS}PWN)")
    save_run(tmp_path, "zz;touch PWN")
    environment = {
        "_RDROP_COMPLETE": "complete_bash",
        "COMP_WORDS": f"rdrop show --runs-dir {tmp_path} ",
        "COMP_CWORD": "4",
    }
    command = [sys.executable, "-m", "rdrop_cli"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert result.stdout.split("\n") == ["baseline-s0-a", ""]


@pytest.mark.parametrize(("encoding", "rule"), [("utf-8", "─"), ("iso8859-1", "-"), ("ascii", "-")])
def test_the_rule_of_a_table_is_one_that_the_terminal_can_write(monkeypatch, encoding, rule):
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", stream)
    print_table([Column("run"), Column("status")], [["baseline", "completed"]])
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding).splitlines()[1] == rule * 19


def test_a_name_between_colons_is_no_picture(capsys):
    console.print_error("a:b: too short")
    print_table([Column(":100:")], [["a:b:c"]])
    console.print_lines([":b:"])
    written = capsys.readouterr()
    assert written.err == "rdrop: a:b: too short\n"
    assert [line for line in written.out.splitlines() if ":" in line] == [":100:", "a:b:c", ":b:"]


def test_no_command_is_the_help(capsys):
    assert run_command([]) == 0
    assert "Housekeeping:" in capsys.readouterr().out


def test_what_takes_long_is_a_line_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(console, "SECONDS_BEFORE_LINE", 0.01)
    with console.show_stage("reading load.csv"):
        time.sleep(0.2)
    assert capsys.readouterr().err == "reading load.csv\n"
    monkeypatch.setattr(console, "SECONDS_BEFORE_LINE", 60)
    with console.show_stage("reading load.csv"):
        pass
    assert capsys.readouterr().err == ""
