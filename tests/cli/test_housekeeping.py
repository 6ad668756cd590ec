"""`rdrop runs` sorted and filtered, `rdrop rm`, and what completes a word."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from rdrop_cli.runs.folder import RunFolder
from tests.cli.conftest import run_on_terminal
from tests.cli.test_fast_start import PROBE

MIB = 1 << 20


@pytest.fixture
def runs_dir(save_run, tmp_path):
    """Five runs: their order by name, by age and by error are all different."""
    runs = tmp_path / "runs"
    for run_id, variant, seed, status, minute, val_loss in (
        ("baseline-s0-a", "baseline", 0, "completed", 3, (0.30, 0.27)),
        ("baseline-s1-b", "baseline", 1, "failed", 2, (0.29,)),
        ("dropout-s0-c", "dropout", 0, "completed", 1, (0.25, 0.28)),
        ("dropout-s1-d", "dropout", 1, "interrupted", 5, ()),
        ("zoneout-s0-e", "zoneout", 0, "completed", 4, (0.26,)),
    ):
        created_at = f"2026-01-01T00:0{minute}:00+00:00"
        save_run(runs, run_id, variant=variant, seed=seed, status=status, created_at=created_at, val_loss=val_loss)
    return runs


def list_ids(rdrop, runs_dir, *options):
    result = rdrop("runs", "--runs-dir", runs_dir, "--json", *options)
    assert result.code == 0, result.err
    return [run["run_id"][-1] for run in json.loads(result.out)]


@pytest.mark.parametrize(
    ("options", "order"),
    [
        ("", "cbaed"),
        ("--reverse", "deabc"),
        ("--sort val_mae", "ceabd"),
        ("--sort val_mae --reverse", "baecd"),  # a run without the figure is last either way
        ("--sort final", "eacbd"),
        ("--sort epochs -r", "cabed"),
        ("--sort variant", "bacde"),
        ("--sort seed", "caebd"),
        ("--sort val_mae --limit 2", "ce"),
        ("--variant dropout", "cd"),
        ("--variant dropout --variant zoneout --status completed", "ce"),
        ("--status failed --status interrupted", "bd"),
        ("--cell lstm", ""),
        ("--cell gru --limit 1", "c"),
    ],
)
def test_runs_are_sorted_and_chosen(rdrop, runs_dir, options, order):
    assert "".join(list_ids(rdrop, runs_dir, *options.split())) == order


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--variant zone-out", "did you mean 'zoneout'?"),
        ("--status done", "--status: expected one of completed, running, interrupted, failed, received 'done'"),
        ("--cell rnn", "--cell: expected one of gru, lstm, received 'rnn'"),
        ("--sort mae", "'mae'"),
        ("--limit 0", "--limit"),
    ],
)
def test_what_no_run_can_be_is_refused(rdrop, runs_dir, options, message):
    result = rdrop("runs", "--runs-dir", runs_dir, *options.split())
    assert result.code == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1


def test_a_choice_that_no_run_meets_is_told_from_an_empty_folder(rdrop, runs_dir, tmp_path):
    assert f"no run in {runs_dir} matches the filters" in rdrop("runs", "--runs-dir", runs_dir, "--variant", "gal").err
    (tmp_path / "empty").mkdir()
    assert "start one with `rdrop train`" in rdrop("runs", "--runs-dir", tmp_path / "empty").err


def test_rates_are_shown_where_runs_of_one_variant_differ_in_them(rdrop, save_run, tiny_config, tmp_path):
    runs = tmp_path / "runs"
    save_run(runs, "dropout-s0-a", variant="dropout")
    assert "rates" not in rdrop("runs", "--runs-dir", runs).out
    save_run(runs, "dropout-s0-b", variant="dropout", config=replace(tiny_config, recurrent_dropout=0.5))
    out = rdrop("runs", "--runs-dir", runs).out
    assert "rates" in out
    assert "0.2/0.5" in out


def test_a_killed_removal_is_ended_by_the_next_even_if_that_finds_no_run(rdrop, runs_dir):
    (runs_dir / "baseline-s0-a").rename(runs_dir / ".removed-baseline-s0-a-1234")
    rdrop("rm", "--variant", "moon", "--dry-run", "--runs-dir", runs_dir)
    assert (runs_dir / ".removed-baseline-s0-a-1234").exists()
    assert rdrop("rm", "--variant", "moon", "--runs-dir", runs_dir).code == 0
    assert not (runs_dir / ".removed-baseline-s0-a-1234").exists()


@pytest.mark.usefixtures("warm_processes")
def test_no_color_leaves_a_terminal_without_escapes(runs_dir):
    assert "\x1b" in run_on_terminal("runs", "--runs-dir", runs_dir, NO_COLOR="")[1]
    code, written = run_on_terminal("runs", "--runs-dir", runs_dir, NO_COLOR="1")
    assert code == 0
    assert "baseline-s0-a" in written
    assert "\x1b" not in written


def list_left(runs_dir):
    return "".join(sorted(path.name[-1] for path in runs_dir.iterdir()))


def test_named_runs_are_shown_and_removed(rdrop, runs_dir):
    (runs_dir / "baseline-s1-b" / "model.keras").write_bytes(b"0" * 3 * MIB)
    result = rdrop("rm", "baseline-s1-b", runs_dir / "zoneout-s0-e", "zoneout-s0-e", "--runs-dir", runs_dir, "--yes")
    assert result.code == 0, result.err
    shown = result.out.splitlines()
    assert shown[2].split() == ["baseline-s1-b", "failed", "3.1", "MB"]
    assert len(shown) == 4
    assert result.err.startswith("2 runs, 3.2 MB deleted")
    assert list_left(runs_dir) == "acd"


@pytest.mark.parametrize(
    ("options", "left"),
    [("--status failed", "acde"), ("--status failed --status interrupted", "ace"), ("--variant dropout", "abe")],
)
def test_runs_are_removed_by_what_they_are(rdrop, runs_dir, options, left):
    result = rdrop("rm", *options.split(), "--runs-dir", runs_dir, "--yes", "--json")
    assert result.code == 0, result.err
    assert list_left(runs_dir) == left
    gone = json.loads(result.out)
    assert {run["run_id"][-1] for run in gone} == set("abcde") - set(left)
    assert all(run["removed"] and run["files"] == 2 and run["bytes"] > 500 for run in gone)


def test_a_dry_run_removes_nothing(rdrop, runs_dir):
    result = rdrop("rm", "--status", "failed", "--dry-run", "--runs-dir", runs_dir)
    assert result.code == 0
    assert "baseline-s1-b  failed" in result.out
    assert "would be deleted" in result.err
    (run,) = json.loads(rdrop("rm", "--status", "failed", "-n", "--json", "--runs-dir", runs_dir).out)
    assert run["removed"] is False
    assert list_left(runs_dir) == "abcde"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("baseline-s0-a", 2, "not a terminal, cannot confirm; pass --yes"),
        ("", 2, "pass either run ids or filters (--status, --variant, --cell)"),
        ("baseline-s0-a --status failed --yes", 2, "pass either run ids or filters"),
        ("--variant zone-out --yes", 2, "did you mean 'zoneout'?"),
        ("baseline-s0 --yes", 1, "no run 'baseline-s0' in"),
        ("baseline-s0-a nothing --yes", 1, "no run 'nothing' in"),
    ],
)
def test_what_cannot_be_meant_removes_nothing(rdrop, runs_dir, arguments, code, message):
    result = rdrop("rm", *arguments.split(), "--runs-dir", runs_dir)
    assert result.code == code
    (line,) = result.err.splitlines()
    assert message in line
    assert list_left(runs_dir) == "abcde"


def test_a_run_at_work_keeps_all_that_were_named(rdrop, runs_dir):
    with RunFolder(runs_dir / "zoneout-s0-e").lock():
        result = rdrop("rm", "baseline-s0-a", "zoneout-s0-e", "--runs-dir", runs_dir, "--yes")
    assert result.code == 1
    assert "zoneout-s0-e: run is locked by another process" in result.err
    assert list_left(runs_dir) == "abcde"


def test_a_run_that_cannot_be_read_is_removed_by_name_only(rdrop, runs_dir):
    (runs_dir / "baseline-s0-a" / "metrics.json").write_text("{")
    result = rdrop("rm", "--status", "completed", "--runs-dir", runs_dir, "--yes")
    assert "baseline-s0-a" in result.err
    assert list_left(runs_dir) == "abd"
    result = rdrop("rm", "baseline-s0-a", "--runs-dir", runs_dir, "--yes")
    assert "baseline-s0-a  unreadable" in result.out
    assert list_left(runs_dir) == "bd"


@pytest.mark.usefixtures("warm_processes")
@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, "acde"), ("n\n", 1, "abcde"), ("\n", 1, "abcde")])
def test_on_a_terminal_a_yes_is_asked_for(runs_dir, answer, code, left):
    ended, written = run_on_terminal("rm", "baseline-s1-b", "--runs-dir", runs_dir, answer=answer)
    assert "Delete 1 run," in written
    assert str(runs_dir) in written
    assert ended == code
    assert list_left(runs_dir) == left


def test_a_run_that_is_completed_while_the_question_waits_is_not_deleted(rdrop, runs_dir, save_run, monkeypatch):
    def complete_it(question):
        shutil.rmtree(runs_dir / "dropout-s1-d")
        save_run(runs_dir, "dropout-s1-d", seed=1)

    monkeypatch.setattr("rdrop_cli.cli.rm._ask", complete_it)
    result = rdrop("rm", "--status", "interrupted", "--runs-dir", runs_dir)
    assert result.code == 1
    assert "dropout-s1-d: was interrupted and is completed now; nothing was deleted" in result.err
    assert list_left(runs_dir) == "abcde"


def complete(line, cwd, **environment):
    """Return what a shell is offered for the last word of a line; nothing heavy may be imported for it."""
    words = line.split(" ")
    environment |= {"_RDROP_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-c", PROBE]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **environment}
    )
    assert "HEAVY []" in result.stderr
    return result.stdout.split()


@pytest.mark.thorough
def test_ids_are_completed_from_the_folder_that_the_line_the_environment_or_a_file_names(runs_dir, tmp_path):
    ids = sorted(path.name for path in runs_dir.iterdir())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert complete("rdrop show ", cwd=tmp_path) == ids
    assert complete("rdrop rm d", cwd=tmp_path) == ["dropout-s0-c", "dropout-s1-d"]
    assert complete("rdrop show ", cwd=elsewhere) == []
    assert complete("rdrop show --runs-dir ../runs ", cwd=elsewhere) == ids
    assert complete("rdrop rm --yes --runs-dir ../runs baseline-s0-a z", cwd=elsewhere) == ["zoneout-s0-e"]
    assert complete("rdrop train --runs-dir ../runs --resume z", cwd=elsewhere) == ["zoneout-s0-e"]
    assert complete("rdrop plot z", cwd=elsewhere, RDROP_RUNS_DIR="../runs") == ["zoneout-s0-e"]
    (elsewhere / "rdrop.toml").write_text('runs_dir = "../runs"\n')
    assert complete("rdrop show z", cwd=elsewhere) == ["zoneout-s0-e"]
    assert complete("rdrop show --runs-dir . z", cwd=elsewhere) == []
    (elsewhere / "rdrop.toml").write_text("runs_dir = \n")
    assert complete("rdrop show z", cwd=elsewhere) == []


@pytest.mark.thorough
def test_what_runs_may_be_chosen_by_is_completed(tmp_path):
    assert complete("rdrop runs --variant zone", cwd=tmp_path) == ["zoneout"]
    assert complete("rdrop rm --status f", cwd=tmp_path) == ["failed"]
    assert complete("rdrop runs --cell ", cwd=tmp_path) == ["gru", "lstm"]
    assert complete("rdrop runs --sort val", cwd=tmp_path) == ["val_mae"]
