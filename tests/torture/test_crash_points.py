"""A run that is killed at any point where it touches the disk goes on to the end of a run that was not."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import asdict

from rdrop_cli.runs.checkpoint import load_checkpoint
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.schema import read_metrics
from rdrop_cli.runs.verify import verify_run
from tests.standin import Silence, make_folder, run
from tests.torture.crash_points import BEYOND_THE_LAST, draw_nothing

EPOCHS = 3  # the third removes the first one's checkpoint
FILES = {
    ".lock", ".owner.json", "config.json", "metrics.json", "history.csv", "daily_errors.csv", "daily_test_errors.csv",
    "loss.png", "model.keras", "readings.npz", "SHA256SUMS",
    "checkpoints", "checkpoints/epoch-0002.ckpt", "checkpoints/epoch-0003.ckpt",
}  # fmt: skip
KINDS = ("open", "write the second half of", "sync", "rename to", "sync the folder", "make the folder", "remove")
TOO_MANY = 1000


@dataclass(frozen=True)
class Death:
    """Where a process died, how many epochs it had told to be done, and what it left."""

    point: int
    epochs: int
    where: str
    runs_dir: Path


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The metrics of the run that nothing stops, and its model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rdrop_cli.plots.loss.draw_run", draw_nothing)
        folder = make_folder(tmp_path_factory.mktemp("whole"), EPOCHS)
        with folder.lock():
            return run(folder), folder.model_path.read_bytes()


def kill_at_every_point(scratch: Path, picture: str, end: str = "kill") -> list[Death]:
    """Let a process die at each point until a run ends before its point comes."""
    command = [
        sys.executable,
        "-m",
        "tests.torture.crash_points",
        scratch,
        "1",
        str(TOO_MANY),
        str(EPOCHS),
        picture,
        end,
    ]
    root = Path(__file__).parents[2]
    ended = subprocess.run(list(map(str, command)), cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == BEYOND_THE_LAST, (ended.returncode, ended.stderr)
    lines = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    return [Death(int(point), int(epochs), where, scratch / point) for point, epochs, where in lines]


def check(death: Death, expected, rdrop) -> None:
    """Look at what is left with every command, go on, and compare with the run that nothing stopped."""
    folders = list_run_folders(death.runs_dir)
    assert count_safe_epochs(folders) >= death.epochs, death
    assert rdrop("runs", "--runs-dir", death.runs_dir).code == (0 if death.runs_dir.is_dir() else 1), death
    for folder in folders:
        begun = folder.metrics_path.exists()
        assert rdrop("show", folder.run_id, "--runs-dir", death.runs_dir).code == (0 if begun else 1), death
        assert verify_run(folder).faults == [], death
    folder = folders[0] if folders else make_folder(death.runs_dir, EPOCHS)
    reporter = Silence()
    with folder.lock():
        metrics = run(folder, reporter=reporter)
    assert reporter.notes == [], death
    check_end(folder, metrics, expected, death)
    assert verify_run(folder).faults == [], death


def count_safe_epochs(folders: list[RunFolder]) -> int:
    """Return the epochs of the newest checkpoint, after reading every file with a name of its own to its end."""
    epochs = 0
    for folder in folders:
        for path in (folder.config_path, folder.metrics_path):
            assert not path.exists() or json.loads(path.read_text())
        for path, size in ((folder.model_path, 16), (folder.plot_path, 9)):
            assert not path.exists() or path.stat().st_size >= size
        checkpoint, damaged = load_checkpoint(folder.checkpoints_path)
        assert damaged == []
        epochs = len(checkpoint.history.epochs) if checkpoint else 0
    return epochs


def check_end(folder: RunFolder, metrics, expected, death: Death) -> None:
    whole, model = expected
    for name, curve in asdict(whole.history).items():
        assert [value.hex() for value in getattr(metrics.history, name)] == [value.hex() for value in curve], death
    for part in ("test", "best", "final", "status"):
        assert getattr(metrics, part) == getattr(whole, part), death
    assert folder.model_path.read_bytes() == model, death
    assert {str(path.relative_to(folder.path)) for path in folder.path.rglob("*")} == FILES, death
    assert read_metrics(folder.metrics_path) == metrics, death


@pytest.mark.thorough
@pytest.mark.parametrize("end", ["kill", "power"])
def test_a_run_ended_at_any_point_goes_on_to_the_same_end(tmp_path, expected, rdrop, monkeypatch, record_property, end):
    monkeypatch.setattr("rdrop_cli.plots.loss.draw_run", draw_nothing)
    deaths = kill_at_every_point(tmp_path, "made", end)
    assert {kind for kind in KINDS for death in deaths if death.where.startswith(kind)} == set(KINDS)
    for death in deaths:
        check(death, expected, rdrop)
    record_property("points", len(deaths))
    assert len(deaths) > 100


@pytest.mark.slow
def test_a_run_killed_while_it_draws_can_be_shown_and_plotted(tmp_path, expected, rdrop):
    for death in kill_at_every_point(tmp_path, "drawn"):
        for folder in list_run_folders(death.runs_dir):
            begun = any((folder.path / "checkpoints").glob("epoch-*")) and "epoch" not in death.where
            plotted = rdrop("plot", "--runs-dir", death.runs_dir, folder.run_id)
            assert plotted.code == 0 or (plotted.code == 1 and not begun) or plotted.err.count("\n") == 1, death
            assert "Traceback" not in plotted.err
        check(death, expected, rdrop)


@pytest.mark.slow
def test_a_run_killed_again_while_it_goes_on_comes_to_the_same_end(
    tmp_path, expected, rdrop, monkeypatch, record_property
):
    monkeypatch.setattr("rdrop_cli.plots.loss.draw_run", draw_nothing)
    (tmp_path / "once").mkdir()
    once = kill_at_every_point(tmp_path / "once", "made")
    points = 0
    for death in once[1 :: len(once) // 8]:  # before the first there is nothing to go on with
        twice = tmp_path / f"twice-{death.point}"
        for point in range(1, len(once) + 20):
            shutil.copytree(death.runs_dir, twice / str(point))
        for second in kill_at_every_point(twice, "made"):
            check(second, expected, rdrop)
            points += 1
    record_property("points", points)
