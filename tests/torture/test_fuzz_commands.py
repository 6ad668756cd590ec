"""Made command lines by the thousand, of every command and option that there is: an answer, or one line.

RDROP_FUZZ says how many; RDROP_FUZZ_SEED takes others.
"""

import json
import random
import shutil
import tempfile
from pathlib import Path

import matplotlib.font_manager  # noqa: F401 -- it keeps a list of fonts in the user's folder, before the fence is up
import pytest

from rdrop_cli.analysis.edition_claims import CLAIM_IDS
from rdrop_cli.cli.app import build_commands
from tests.torture.fence import TrespassError, fenced
from tests.torture.fuzzing import INPUTS, SECONDS_IN_ALL, assert_tame, limited, make
from tests.torture.mutate import HOSTILE_TEXTS

pytestmark = pytest.mark.timeout(SECONDS_IN_ALL)

TREE = build_commands().commands
LONG_WORK = {
    "bench": "it measures for minutes, and takes a series of its own",
    "anatomy": "it needs nothing but a variant's name to build networks with TensorFlow",
}
OPTIONS = sorted({option for command in TREE.values() for parameter in command.params for option in parameter.opts})
ODD = ["-h", "--help", "--version", "-V", "--", "-", "--no-such", "--epochs=", "-rf", "--json"]
VALUES = [
    "jena", "bad.csv", "no.csv", "book", "demo", "0", "-1", "1", "3", "1e9", "0.5", "nan", "inf", "9" * 20,
    "10d", "1h", "0h", "-1h", "1e400d", "0-4", "4-0", "0-999999999", "1,,2", "degc", "x.png", "x.gif", "runs", "data",
    "baseline", "dropout", "no-such", "..", "/", ".", "file:///etc/passwd", "http://127.0.0.1:9/x.zip", "//", "keep",
    "T (degC)", "auto", "xla", *CLAIM_IDS, *(text for text in HOSTILE_TEXTS if "\0" not in text),
]  # fmt: skip


def make_line(rng: random.Random, run_id: str) -> list[str]:
    """Return a command with up to six options and values; one that would do long work is only asked for help."""
    line = [rng.choice(sorted(TREE))] if rng.random() < 0.95 else []
    line += ["--help"] if line and line[0] in LONG_WORK else []
    for _ in range(rng.randint(0, 6)):
        line.append(rng.choice(rng.choice((OPTIONS, ODD, VALUES, [run_id, run_id[:12]]))))
    return line


@pytest.mark.thorough
def test_command_lines(folder, rdrop, tmp_path, monkeypatch, record_property):
    record_property("inputs", INPUTS)
    kept = shutil.copytree(folder.path.parent, tmp_path / "kept")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setattr("rdrop_cli.series.jena.ADDRESSES", ["http://127.0.0.1:9/nobody-listens.zip"])
    monkeypatch.setattr("rdrop_cli.series.download.time.sleep", lambda seconds: None, raising=False)
    (tmp_path / "bad.csv").write_text("Date Time,T (degC)\n01.01.2009 00:10:00,\x1b[2Jwarm\n")
    before, tried, answered = set(tmp_path.parent.iterdir()), set(), 0
    for rng in make("command"):
        line = make_line(rng, folder.run_id)
        with limited(line), fenced(tmp_path):
            result = rdrop(*line)
            if not ("--json" in line and result.code == 0):
                assert_tame(result, line)
        answered += result.code == 0
        tried.add(line[0] if line else "")
        if not folder.path.exists():  # a line has removed it
            shutil.copytree(kept / folder.run_id, folder.path)
    assert set(tmp_path.parent.iterdir()) == before, "something was written outside"
    assert INPUTS < 1000 or tried >= {*TREE, ""}
    assert 0.05 < answered / INPUTS < 0.95, "the lines are all of one kind"


def test_every_command_says_what_it_does(rdrop):
    for name in TREE:
        result = rdrop(name, "--help")
        assert result.code == 0
        assert name in result.out
    assert set(LONG_WORK) <= set(TREE)


def test_the_list_of_variants_is_an_answer_with_every_option(rdrop):
    assert_tame(rdrop("variants"), "variants")
    assert isinstance(json.loads(rdrop("variants", "--json").out), list)


@pytest.mark.parametrize("remove", [shutil.rmtree, Path.unlink, lambda path: path.rename(path.with_name("moved"))])
def test_the_fence_lets_nothing_outside_be_removed(tmp_path, remove):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir() if remove is shutil.rmtree else outside.touch()
    with pytest.raises(TrespassError), fenced(inside):
        remove(outside)
    assert outside.exists()
    (inside / "deep" / "er").mkdir(parents=True)
    (inside / "deep" / "er" / "file").touch()
    with fenced(inside):
        shutil.rmtree(inside / "deep")
    assert list(inside.iterdir()) == []
