"""A damaged file of a run is named, whichever it is, and an undamaged run is never blamed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.checkpoint import State, list_checkpoints, load_checkpoint, save_checkpoint
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.record import RECORD, list_files, write_record
from rdrop_cli.runs.repair import prepare_repair
from rdrop_cli.runs.verify import Verification, verify_run
from tests.standin import PROTOCOL, RandomWalk, make_folder, run

FIXTURES = Path(__file__).parents[1] / "fixtures"
FILES = [
    "checkpoints/epoch-0003.ckpt", "checkpoints/epoch-0004.ckpt", "config.json", "daily_errors.csv",
    "daily_test_errors.csv", "history.csv", "loss.png", "metrics.json", "model.keras",
    "readings.npz",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = make_folder(tmp_path_factory.mktemp("runs"))
    with folder.lock():
        run(folder)
    return folder


@pytest.fixture
def folder(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of a complete run, to be damaged."""
    return RunFolder(Path(shutil.copytree(finished.path, tmp_path / finished.run_id)))


def name_faults(found: Verification) -> list[str]:
    return [fault.file for fault in found.faults]


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_run_that_nobody_touched_is_whole(folder: RunFolder) -> None:
    found = verify_run(folder)
    assert (found.files, found.faults, found.notes) == (len(FILES), [], [])
    assert list_files(folder) == FILES


def test_the_record_is_what_sha256sum_reads(folder: RunFolder) -> None:
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", RECORD], cwd=folder.path, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.splitlines() == [f"{name}: OK" for name in FILES]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_flipped_bit_of_any_file_is_named(folder: RunFolder, name: str, share: float) -> None:
    flip(folder.path / name, int(share * (folder.path / name).stat().st_size))
    assert name in name_faults(verify_run(folder))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_flipped_bit_of_the_record_is_told_from_one_of_the_files(folder: RunFolder, share: float) -> None:
    flip(folder.path / RECORD, int(share * (folder.path / RECORD).stat().st_size))
    assert name_faults(verify_run(folder)) == [RECORD]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_cut_or_another_kind_of_file_is_named(folder: RunFolder, name: str) -> None:
    path = folder.path / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert name in name_faults(verify_run(folder))
    path.unlink()
    assert name in name_faults(verify_run(folder))
    path.symlink_to(folder.path / ".lock")
    assert name in name_faults(verify_run(folder))


def test_a_file_that_a_user_has_put_there_is_no_fault(folder: RunFolder) -> None:
    (folder.path / "notes.txt").write_text("mine")
    found = verify_run(folder)
    assert (found.faults, found.notes) == ([], [f"notes.txt: not in {RECORD}"])


def change_number(value: Any) -> Any:
    """Change the first number of a document that is no count."""
    if isinstance(value, float):
        return value * 1.01
    if isinstance(value, list):
        return [change_number(value[0]), *value[1:]]
    return value


@pytest.mark.parametrize(
    "field",
    ["history.loss", "history.val_loss", "history.train_mae", "history.val_mse", "best.val_mae", "best.val_mae_in_unit",
     "final.loss", "test.mae_in_unit", "naive.val_mae_in_unit", "timing.seconds", "timing.epoch_seconds",
     "rates.dropout", "target_std"],
)  # fmt: skip
def test_metrics_that_were_changed_with_their_record_are_found_by_the_checkpoint(folder: RunFolder, field: str) -> None:
    document = json.loads(folder.metrics_path.read_text())
    part, _, name = field.rpartition(".")
    inner = document[part] if part else document
    inner[name] = 0.125 if field == "rates.dropout" else change_number(inner[name])
    text = json.dumps(document, indent=2)
    folder.metrics_path.write_text(text)
    write_record(folder, text)
    assert "metrics.json" in name_faults(verify_run(folder))


def test_a_history_that_was_changed_with_its_record_is_found_by_the_checkpoint(folder: RunFolder) -> None:
    text = folder.history_path.read_text()
    folder.history_path.write_text(text.replace("0.", "1.", 1))
    write_record(folder, folder.metrics_path.read_text())
    assert name_faults(verify_run(folder)) == ["history.csv"]


def test_checkpoints_of_other_epochs_than_the_metrics_are_named(folder: RunFolder) -> None:
    list_checkpoints(folder.checkpoints_path)[0].unlink()
    write_record(folder, folder.metrics_path.read_text())
    (fault,) = verify_run(folder).faults
    assert str(fault) == "checkpoints: the newest that can be read is of epoch 3, metrics.json has 4"


def test_without_a_record_what_is_derived_is_checked_all_the_same(folder: RunFolder) -> None:
    (folder.path / RECORD).unlink()
    found = verify_run(folder)
    assert found.lacks_record
    assert found.faults == []
    assert found.notes == ["no SHA256SUMS, as of earlier versions: what is not derived cannot be checked"]
    flip(folder.history_path, folder.history_path.stat().st_size // 2)
    assert name_faults(verify_run(folder)) == ["history.csv"]


@pytest.mark.parametrize("schema", sorted(path.name for path in FIXTURES.glob("schema-*")))
def test_runs_of_older_versions_are_whole(schema: str) -> None:
    folders = list_run_folders(FIXTURES / schema / "runs")
    assert len(folders) == 2
    for folder in folders:
        found = verify_run(folder)
        assert found.faults == []
        assert found.lacks_record == (folder.read_metrics().status == "completed")


def test_a_run_that_was_renamed_is_whole_and_says_so(folder: RunFolder) -> None:
    renamed = RunFolder(folder.path.rename(folder.path.with_name("mine")))
    found = verify_run(renamed)
    assert found.faults == []
    assert found.notes == [f"the folder was renamed; metrics.json calls the run {folder.run_id}"]


def test_a_run_that_was_stopped_is_whole(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    assert verify_run(folder).notes == ["has no metrics.json yet: it was stopped before its first epoch ended"]
    with pytest.raises(KeyboardInterrupt), folder.lock():
        run(folder, trainer=RandomWalk(stop_at_step=8))
    assert verify_run(folder).faults == []
    folder.metrics_path.unlink()
    assert name_faults(verify_run(folder)) == ["metrics.json"]


def test_a_complete_run_that_lost_metrics_and_checkpoints_did_not_stop_early(folder: RunFolder) -> None:
    shutil.rmtree(folder.checkpoints_path)
    folder.metrics_path.unlink()
    assert name_faults(verify_run(folder)) == ["metrics.json", *FILES[:2]]


MakeRun = Callable[[], RunFolder]


def test_a_repair_keeps_the_checkpoints_that_are_whole(folder: RunFolder) -> None:
    older = list_checkpoints(folder.checkpoints_path)[1]
    flip(older, 100)
    prepare_repair(folder)
    assert [path.name for path in list_checkpoints(folder.checkpoints_path)] == ["epoch-0004.ckpt"]
    with folder.lock():
        run(folder)
    assert verify_run(folder).faults == []


@pytest.mark.parametrize("lost", [".", RECORD, "metrics.json"])
def test_a_complete_run_without_its_newest_checkpoint_is_repaired(folder: RunFolder, lost: str) -> None:
    list_checkpoints(folder.checkpoints_path)[0].unlink()
    if lost != ".":
        (folder.path / lost).unlink()
    prepare_repair(folder)
    with folder.lock():
        run(folder)
    assert verify_run(folder).faults == []


def test_what_cannot_be_repaired_is_refused_and_left(folder: RunFolder, tmp_path: Path) -> None:
    stopped = make_folder(tmp_path / "other")
    with pytest.raises(KeyboardInterrupt), stopped.lock():
        run(stopped, trainer=RandomWalk(stop_at_step=11))
    with pytest.raises(RdropError, match="is not complete; resume it"):
        prepare_repair(stopped)
    flip(list_checkpoints(stopped.checkpoints_path)[1], 100)
    with pytest.raises(RdropError, match="is not complete; resume it"):
        prepare_repair(stopped)
    for path in list_checkpoints(folder.checkpoints_path):
        flip(path, 100)
    with pytest.raises(RdropError, match="no checkpoint is whole, so nothing can be made again"):
        prepare_repair(folder)
    assert len(list_checkpoints(folder.checkpoints_path)) == 2
    flip(folder.config_path, 0)
    with pytest.raises(RdropError, match=r"config\.json"):
        prepare_repair(folder)


class StopsAtTheEnd(RandomWalk):
    """A trainer that is stopped after its last epoch, before its results are measured."""

    def set_state(self, state: State) -> None:
        raise KeyboardInterrupt


def test_a_repair_trains_no_interrupted_run_on_whose_patience_is_not_at_its_end(tmp_path: Path) -> None:
    protocol = replace(PROTOCOL, patience=2)
    stopped, ended = (make_folder(tmp_path, epochs=30, protocol=protocol) for _ in range(2))
    for folder, trainer in (stopped, RandomWalk(stop_at_step=8)), (ended, StopsAtTheEnd()):
        with pytest.raises(KeyboardInterrupt), folder.lock():
            run(folder, trainer=trainer)
    with pytest.raises(RdropError, match="is not complete; resume it"):
        prepare_repair(stopped)
    prepare_repair(ended)
    with ended.lock():
        assert run(ended).epochs.ended_by == "patience"


def test_a_checkpoint_of_another_run_under_the_right_name_is_named(folder: RunFolder) -> None:
    checkpoint, _ = load_checkpoint(folder.checkpoints_path)
    assert checkpoint
    checkpoint.history.epochs[1] = checkpoint.history.epochs[2]
    save_checkpoint(folder.checkpoints_path, checkpoint)
    write_record(folder, folder.metrics_path.read_text())
    assert name_faults(verify_run(folder)) == ["history.csv", "metrics.json"]


@pytest.mark.parametrize("name", [*FILES, RECORD, ".lock"])
def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(folder: RunFolder, name: str) -> None:
    (folder.path / name).unlink(missing_ok=True)
    os.mkfifo(folder.path / name)
    verify = "import sys; from rdrop_cli.runs.verify import *; f = RunFolder(sys.argv[1]); f.is_locked(); verify_run(f)"
    subprocess.run([sys.executable, "-c", verify, str(folder.path)], timeout=60, check=True)
