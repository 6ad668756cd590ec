"""Made inputs by the thousand: no traceback, no hang, nothing accepted that is not what it says.

RDROP_FUZZ says how many for each reader; `make fuzz` asks for 2500, and RDROP_FUZZ_SEED takes others.
"""

import hashlib
import io
import json
import math
import os
import random
import sys
from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.checkpoint import load_checkpoint, save_checkpoint
from rdrop_cli.runs.folder import create_run_folder
from rdrop_cli.series.load import load_dataset
from rdrop_cli.study.config import RunConfig
from tests.series.csv.test_read_made_files import check as check_csv
from tests.standin import PROTOCOL, SETTING, RandomWalk, run
from tests.torture.crash_points import draw_nothing
from tests.torture.fuzz_targets import assert_sound
from tests.torture.fuzzing import INPUTS, SECONDS_IN_ALL, assert_tame, limited, make
from tests.torture.mutate import mutate_bytes, mutate_json

DRAWN_EVERY = 25  # a picture takes half a second
pytestmark = pytest.mark.timeout(SECONDS_IN_ALL)

GOOD_CSVS = (
    b"Date Time,T (degC),p (mbar)\n"
    + b"".join(b"0%d.01.2009 00:10:00,-8.%d,99%d.5\n" % (n, n, n) for n in range(1, 8)),
    b'\xef\xbb\xbf"Date Time","a"\r\n2009-01-01T00:00:00Z,1e3\r\n"2009-01-02 00:00:00","-1"\r\n',
    "stamp;a\n01.01.2009 00:10:00;1,5\n".encode("utf-16"),
)


def test_csv_files(record_property):
    record_property("inputs", INPUTS)
    for rng in make("csv"):
        content = mutate_bytes(rng.choice(GOOD_CSVS), rng)
        with limited(content):
            check_csv(content)


def read_or_refuse(read, path):
    """Return what is read, or None where it is refused by the name of its file."""
    try:
        return read()
    except DataError as error:
        refusal = str(error)
    assert refusal.startswith(str(path))
    return None


@pytest.mark.thorough
def test_metrics_of_any_shape(folder, rdrop, record_property):
    record_property("inputs", INPUTS)
    good = json.loads(folder.metrics_path.read_text())
    runs_dir, accepted = folder.path.parent, 0
    for number, rng in enumerate(make("metrics")):
        content = mutate_json(good, rng)
        folder.metrics_path.write_bytes(content)
        commands = [["runs"], ["show", folder.run_id], ["verdict"]]
        commands += [[*command, "--json"] for command in commands] if number % 5 == 0 else []
        commands += [["plot"], ["plot", folder.run_id], ["report"]] if number % DRAWN_EVERY == 0 else []
        with limited(content):
            for command in commands:
                result = rdrop(*command, "--runs-dir", runs_dir)
                if "--json" in command and result.code == 0:
                    json.loads(result.out)
                else:
                    assert_tame(result, (command, content))
            metrics = read_or_refuse(folder.read_metrics, folder.metrics_path)
            if metrics:
                assert_sound(metrics)
                accepted += 1
    assert 0.01 < accepted / INPUTS < 0.95, "the inputs are all of one kind"


@pytest.mark.thorough
def test_configurations_of_any_shape(folder, rdrop, record_property):
    record_property("inputs", INPUTS)
    good = json.loads(folder.config_path.read_text())
    accepted = 0
    for rng in make("config"):
        content = mutate_json(good, rng)
        folder.config_path.write_bytes(content)
        with limited(content):
            assert_tame(rdrop("runs", "--runs-dir", folder.path.parent), content)
            config = read_or_refuse(folder.read_config, folder.config_path)
            if config:
                assert 0 <= config.dropout < 1
                assert config.epochs >= 1
                assert type(config.seed) is int
                accepted += 1
            else:
                assert_tame(rdrop("train", "--resume", folder.run_id, "--runs-dir", folder.path.parent), content)
    assert 0.01 < accepted / INPUTS < 0.95


def test_checkpoints_of_any_content(folder, record_property):
    record_property("inputs", INPUTS)
    folder.metrics_path.unlink()
    for path in sorted(folder.checkpoints_path.iterdir())[1:]:
        path.unlink()
    (path,) = folder.checkpoints_path.iterdir()
    good = path.read_bytes()
    for rng in make("checkpoint"):
        payload = spoil_arrays(good[32:], rng) if rng.random() < 0.5 else mutate_bytes(good[32:], rng)
        signed = rng.random() < 0.8
        path.write_bytes((hashlib.sha256(payload).digest() if signed else good[:32]) + payload)
        for other in folder.checkpoints_path.iterdir():
            if other != path:
                other.unlink()
        with limited(payload):
            try:
                metrics = run(folder)
            except RdropError:
                continue
            assert_sound(metrics)
            assert math.isfinite(metrics.test.mae)
            assert signed or payload == good[32:], "a checkpoint was taken against its checksum"


def test_a_checkpoint_that_could_unpack_to_gigabytes_is_refused_unread(folder):
    (path, other) = sorted(folder.checkpoints_path.iterdir())
    other.unlink()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, history=np.zeros(1 << 24, np.uint8))
    payload = buffer.getvalue()
    path.write_bytes(hashlib.sha256(payload).digest() + payload)
    with pytest.raises(DataError, match="it is compressed"):
        load_checkpoint(folder.checkpoints_path)


def test_a_checkpoint_that_never_ends_is_refused_unread(folder):
    for path in folder.checkpoints_path.iterdir():
        path.unlink()
    make_device(folder.checkpoints_path / "epoch-0001.ckpt")
    with limited("a device"), pytest.raises(DataError, match="not a regular file"):
        load_checkpoint(folder.checkpoints_path)


def spoil_arrays(payload: bytes, rng: random.Random) -> bytes:
    """Rewrite an archive with one array of another type, shape, name or content."""
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        named = {name: arrays[name] for name in arrays}
    name = rng.choice(sorted(named))
    if name == "history":
        text = mutate_json(json.loads(named[name].tobytes()), rng)
        named[name] = np.frombuffer(text, np.uint8)
    elif rng.random() < 0.3:
        named[f"{name}{rng.choice('x/0')}"] = named.pop(name)
    else:
        others = (
            np.zeros(0),
            np.zeros((4, 4)),
            np.array("text"),
            np.zeros(4, complex),
            np.float32(1),
            np.zeros(4, bool),
            np.full(4, np.nan, np.float32),
        )
        named[name] = rng.choice(others)
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


NAMES = [b"\xff\xfe", b"a\x1b]0;owned\x07", "\u202eevil".encode(), b"a\nrdrop: done", b"-rf", b"[bold]", b" ", b"..."]


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_folders_of_any_name(folder, rdrop, name):
    try:
        path = folder.path.rename(folder.path.parent / os.fsdecode(name))
    except OSError:
        pytest.skip("this disk takes no such name")
    for spoil in (lambda: None, lambda: (path / "metrics.json").write_text("{")):
        spoil()
        for command in (["runs"], ["plot"], ["show", str(path)], ["show", "no-such"]):
            assert_tame(rdrop(*command, "--runs-dir", path.parent), (name, command))


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_a_series_in_a_file_of_any_name(rdrop, tmp_path, monkeypatch, name):
    csv, runs_dir = tmp_path / os.fsdecode(name + b".csv"), tmp_path / "runs"
    csv.write_bytes(GOOD_CSVS[0])
    source = load_dataset(str(csv), tmp_path / "data").source
    monkeypatch.setattr("rdrop_cli.plots.loss.draw_run", draw_nothing)
    config = RunConfig("baseline", 0, 0.0, 0.0, 1, PROTOCOL, str(csv), source.sha256)
    folder = create_run_folder(runs_dir, config)
    run(folder, setting=replace(SETTING, source=source))
    assert folder.read_config() == config
    for command in (["runs"], ["show", folder.run_id], ["runs", "--json"], ["plot"]):
        result = rdrop(*command, "--runs-dir", runs_dir)
        assert result.code == 0
        assert_tame(result, (name, command))
        assert "skipped" not in result.err


def make_loop(path):
    path.symlink_to(path.name)


def make_device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.thorough
@pytest.mark.parametrize("put", [make_loop, os.mkfifo, make_device, os.mkdir], ids=["loop", "pipe", "device", "folder"])
@pytest.mark.parametrize("name", ["config.json", "metrics.json", "checkpoints", ".lock", ".owner.json"])
def test_what_is_no_file_in_a_files_place(folder, rdrop, put, name):
    path = folder.path / name
    if path.is_dir():
        path.rename(folder.path / "moved")
    path.unlink(missing_ok=True)
    put(path)
    runs_dir = folder.path.parent
    with limited(name):
        for command in (["runs"], ["show", folder.run_id], ["plot"], ["train", "--resume", folder.run_id]):
            assert_tame(
                rdrop(*command, "--runs-dir", runs_dir, *(["--data-dir", runs_dir] if "train" in command else [])), name
            )


def test_a_loop_in_the_place_of_a_folder(folder, rdrop):
    runs_dir = folder.path.parent
    make_loop(runs_dir / "loop")
    for command in (["runs"], ["show", "loop"], ["show", str(runs_dir / "loop")], ["plot", "loop"]):
        assert_tame(rdrop(*command, "--runs-dir", runs_dir), command)
    for command in (["runs"], ["plot"], ["train", "--dataset", "no.csv"]):
        assert_tame(rdrop(*command, "--runs-dir", runs_dir / "loop"), command)


def test_a_run_of_a_stranger_is_read_where_it_lies_and_not_written(folder, rdrop, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    assert rdrop("show", str(folder.path), "--runs-dir", mine).code == 0
    for name in (str(folder.path), os.path.relpath(folder.path), f"{mine}/../runs/{folder.run_id}"):
        result = rdrop("train", "--resume", name, "--runs-dir", mine)
        assert result.code == 1
        assert "not in " in result.err
    for name in ("..", "../runs", f"../runs/{folder.run_id}", "/", ".", ""):
        assert rdrop("train", "--resume", name, "--runs-dir", mine).code == 1
    assert {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == before
    assert list(mine.iterdir()) == []


def test_a_lock_that_is_a_link_changes_nothing_elsewhere(folder, rdrop, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (folder.path / ".lock").symlink_to(victim)
    document = json.loads(folder.metrics_path.read_text())
    folder.metrics_path.write_text(json.dumps({**document, "status": "interrupted"}))
    assert_tame(rdrop("runs", "--runs-dir", folder.path.parent), "runs")
    assert victim.read_text() == "mine"


def test_a_fuzzer_that_meets_a_traceback_says_so():
    with pytest.raises(AssertionError, match="ZeroDivisionError"), limited("input"):
        sys.exit(1 / 0)


def test_a_walk_of_another_size_cannot_be_gone_on_with(folder):
    checkpoint, _ = load_checkpoint(folder.checkpoints_path)
    assert checkpoint
    trainer = RandomWalk()
    trainer.weights = np.zeros(5, np.float32)
    save_checkpoint(folder.checkpoints_path, checkpoint)
    with pytest.raises(DataError, match=r"checkpoint does not match config\.json"):
        run(folder, trainer=trainer)
