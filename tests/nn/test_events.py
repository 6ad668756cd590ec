"""Event files, read by TensorBoard's own reader: the epochs of metrics.json, each once, whatever stopped the run."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from msgspec.structs import asdict

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.nn.events import EventLog, has_event_log
from rdrop_cli.runs.history import Epoch, History
from rdrop_cli.runs.schema import write_config
from rdrop_cli.training.train import train_run
from tests.nn.tiny import TINY_PROTOCOL
from tests.standin import EPOCHS, SETTING, RandomWalk, Silence, make_folder
from tests.standin import run as train_to_the_end

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the packages that TensorBoard imports
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

LEADS = (144, 288)
TAGS = {"loss", "val_loss", "train_mae", "val_mae_in_unit"}
CREATED_AT = 1_767_225_600.0  # 2026-01-01 in UTC


@pytest.fixture
def folder(tmp_path):
    """A run that was created at a known time."""
    folder = make_folder(tmp_path)
    write_config(folder.config_path, folder.read_config(), "2026-01-01T00:00:00+00:00")
    return folder


def run(folder, trainer=None):
    """Run with event files to the end, or go on."""
    with EventLog(folder, SETTING.target_std, LEADS) as log:
        return train_to_the_end(folder, trainer=trainer, log=log)


def read(folder) -> EventAccumulator:
    events = EventAccumulator(str(folder.path / "tensorboard"))
    return events.Reload()


def list_steps(events, tag="val_loss"):
    return [event.step for event in events.Scalars(tag)]


def check_equal(events, metrics):
    """The scalars are the curves, in the float32 that the form holds."""
    assert set(events.Tags()["scalars"]) == TAGS
    curves = asdict(metrics.history) | {"val_mae_in_unit": np.multiply(metrics.history.val_loss, 8.0)}
    for tag in TAGS:
        assert list_steps(events, tag) == list(range(1, len(curves[tag]) + 1))
        assert [event.value for event in events.Scalars(tag)] == list(np.float32(curves[tag]))


def test_the_scalars_are_those_of_the_metrics(folder):
    metrics = run(folder)
    check_equal(read(folder), metrics)


def test_networks_of_quantiles_and_of_several_horizons_have_their_own_scalars(folder):
    with EventLog(folder, SETTING.target_std, LEADS) as log:
        log.begin(History([Epoch(1, 0.3, 0.3, 0.2, 2.0, 3.0, 0.1, 0.07, (0.2, 0.4))]))
    events = read(folder)
    extra = {"val_pinball": 0.07, "val_mae_lead_144": 0.2, "val_mae_lead_288": 0.4}
    assert set(events.Tags()["scalars"]) == TAGS | set(extra)
    assert {tag: events.Scalars(tag)[0].value for tag in extra} == {tag: np.float32(x) for tag, x in extra.items()}


def test_the_configuration_is_there_as_text(folder):
    run(folder)
    (event,) = read(folder).Tensors("config")
    lines = make_ndarray(event.tensor_proto).item().decode().splitlines()
    assert "\n".join(line.removeprefix("    ") for line in lines) == folder.config_path.read_text().rstrip()


def test_relative_time_is_time_at_work(folder):
    metrics = run(folder)
    times = [event.wall_time for event in read(folder).Scalars("loss")]
    np.testing.assert_allclose(times, CREATED_AT + np.cumsum(metrics.timing.epoch_seconds), rtol=1e-12)


@pytest.mark.parametrize("stop_at_step", [1, 5, 12])
def test_a_run_that_goes_on_has_every_epoch_once(folder, stop_at_step):
    with pytest.raises(KeyboardInterrupt):
        run(folder, RandomWalk(stop_at_step))
    assert len(list((folder.path / "tensorboard").iterdir())) == 1
    metrics = run(folder)
    assert len(list((folder.path / "tensorboard").iterdir())) == 1
    check_equal(read(folder), metrics)


KILLED = """
import os, signal, sys
sys.path.insert(0, ".")
from pathlib import Path
from rdrop_cli.nn.events import EventLog
from rdrop_cli.runs.folder import RunFolder
from tests.standin import SETTING, run
class Killing(EventLog):
    def add(self, epoch):
        if epoch.epoch == 3 and sys.argv[2] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        super().add(epoch)
        if epoch.epoch == 3:
            os.kill(os.getpid(), signal.SIGKILL)
folder = RunFolder(Path(sys.argv[1]))
with Killing(folder, SETTING.target_std, (144, 288)) as log:
    run(folder, log=log)
"""


@pytest.mark.usefixtures("warm_processes")
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_kill_leaves_can_be_read_and_is_put_right_by_going_on(folder, when):
    """An epoch is in the checkpoint, and the kill comes right before or right after it is written here too."""
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", KILLED, folder.path, when], cwd=root, check=False)
    assert killed.returncode == -9
    assert list_steps(read(folder)) == ([1, 2] if when == "before" else [1, 2, 3])
    metrics = run(folder)
    check_equal(read(folder), metrics)


def test_a_reader_that_looks_on_forgets_what_it_had_of_the_session_before(folder):
    with pytest.raises(KeyboardInterrupt):
        run(folder, RandomWalk(stop_at_step=11))
    events = read(folder)
    assert list_steps(events) == [1, 2, 3]
    run(folder)
    assert list_steps(events.Reload()) == list(range(1, EPOCHS + 1))


def test_half_a_record_at_the_end_is_no_hindrance(folder):
    run(folder)
    (path,) = (folder.path / "tensorboard").iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    assert list_steps(read(folder), "loss") == list(range(1, EPOCHS))


def test_nothing_is_written_through_a_link(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "events.out.tfevents.1").write_text("of another program")
    (folder.path / "tensorboard").symlink_to(elsewhere)
    with pytest.raises(RdropError, match="tensorboard: is a link"):
        run(folder)
    assert [path.name for path in elsewhere.iterdir()] == ["events.out.tfevents.1"]


def test_a_full_disk_is_told_as_one_and_not_as_a_lack_of_memory(folder):
    log = EventLog(folder, SETTING.target_std, LEADS)
    log._writer = tf.io.TFRecordWriter("/dev/full")
    with pytest.raises(RdropError, match=r"tensorboard: cannot be written .*No space left"):
        log._write_summary(1, [])


def test_a_run_that_does_not_tell_its_beginning_is_refused_with_its_file(folder):
    write_config(folder.config_path, folder.read_config(), "once")
    with pytest.raises(DataError, match=r"config.json: created_at is 'once'"):
        run(folder)


@pytest.fixture(scope="module")
def tiny_series():
    """The series of `make_tiny_windows`."""
    from rdrop_cli.series.synthetic import generate_weather
    from rdrop_cli.series.table import WEATHER_COLUMNS, Series, Source

    stamps, values = generate_weather(seed=1, rows=700)
    return Series(stamps, WEATHER_COLUMNS, values, Source("made", "test", "0" * 64, 700, None))


@pytest.mark.thorough
def test_a_run_begun_with_event_files_keeps_them_without_being_asked_again(tmp_path, tiny_series):
    from rdrop_cli.runs.folder import create_run_folder
    from rdrop_cli.study.config import RunConfig

    class StopAfterFirst(Silence):
        def epoch(self, epoch):
            raise KeyboardInterrupt

    config = RunConfig("baseline", 5, 0.0, 0.0, 2, TINY_PROTOCOL, "made", "0" * 64, engine="keras")
    folder = create_run_folder(tmp_path, config)
    with pytest.raises(KeyboardInterrupt):
        train_run(config, tiny_series, lambda: folder, StopAfterFirst(), tensorboard=True)
    assert list_steps(read(folder)) == [1]
    metrics = train_run(config, tiny_series, lambda: folder, Silence())
    assert list_steps(read(folder)) == [1, 2]
    assert [event.value for event in read(folder).Scalars("loss")] == list(np.float32(metrics.history.loss))


def test_a_run_begun_without_has_none(folder):
    train_to_the_end(folder)
    assert not has_event_log(folder)
