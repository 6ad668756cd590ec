"""Run folders of every schema that was ever published are still read, listed, shown, drawn and gone on with."""

import json
import shutil
from pathlib import Path

import pytest
from msgspec.structs import asdict

from rdrop_cli.runs.checkpoint import load_checkpoint
from rdrop_cli.runs.difference import explain_difference
from rdrop_cli.runs.document import SCHEMA_VERSION, Epochs
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.protocol import NEWEST_READING, WINDOW_END
from tests.cli.conftest import rdrop

__all__ = ["rdrop"]
FIXTURES = Path(__file__).parents[1] / "fixtures"
SCHEMAS = sorted(path.name for path in FIXTURES.glob("schema-*"))


@pytest.fixture(params=SCHEMAS)
def place(request, tmp_path, monkeypatch) -> Path:
    """A copy of a schema's runs, a complete and an interrupted one, in the folder with their data."""
    place = tmp_path / request.param
    shutil.copytree(FIXTURES / request.param, place)
    monkeypatch.chdir(place)
    return place


def find(place: Path, variant: str) -> RunFolder:
    return next(folder for folder in list_run_folders(place / "runs") if folder.run_id.startswith(variant))


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_this_schema_has_its_fixture():
    assert f"schema-{SCHEMA_VERSION}" in SCHEMAS


def test_older_runs_are_read(place):
    assert find(place, "dropout").read_config().variant == "dropout"
    assert find(place, "dropout").read_metrics().status == "completed"
    checkpoint, damaged = load_checkpoint(find(place, "baseline").checkpoints_path)
    assert checkpoint
    assert damaged == []
    assert len(checkpoint.history.epochs) == 2


@pytest.mark.thorough
def test_older_runs_are_listed_shown_and_drawn(place, rdrop):
    listed = rdrop("runs")
    assert (listed.code, listed.err) == (0, "")
    for variant in ("dropout", "baseline"):
        assert find(place, variant).run_id in listed.out
        shown = rdrop("show", variant)
        assert shown.code == 0, shown.err
        assert "None" not in shown.out
    assert {run["variant"] for run in json.loads(rdrop("runs", "--json").out)} == {"dropout", "baseline"}
    assert rdrop("plot").code == 0
    assert rdrop("plot", "dropout", "baseline", "--output", "both.svg").code == 0


def test_an_older_complete_run_is_not_trained_again(place, rdrop):
    before = snapshot(place / "runs")
    result = rdrop("train", "--resume", "dropout")
    assert result.code == 0, result.err
    assert "already complete" in result.err
    assert snapshot(place / "runs") == before


@pytest.mark.thorough
def test_an_older_interrupted_run_is_gone_on_with(place, rdrop):
    folder = find(place, "baseline")
    begun = folder.read_metrics().history
    result = rdrop("train", "--resume", "baseline")
    assert result.code == 0, result.err
    metrics = folder.read_metrics()
    assert metrics.status == "completed"
    assert {name: curve[:2] for name, curve in asdict(metrics.history).items()} == asdict(begun)
    assert metrics.epochs == Epochs(done=3, planned=3, ended_by="plan")


def test_older_runs_have_the_meaning_that_they_were_trained_with(place):
    for variant in ("dropout", "baseline"):
        folder = find(place, variant)
        for protocol in (folder.read_config().protocol, folder.read_metrics().protocol):
            own_meaning = place.name == f"schema-{SCHEMA_VERSION}"
            assert protocol.horizon_from == (NEWEST_READING if own_meaning else WINDOW_END)
            assert (protocol.optimizer, protocol.learning_rate, protocol.loss) == ("rmsprop", 0.001, "mae")
            assert (protocol.inputs, protocol.calendar, protocol.clip_norm, protocol.patience) == (
                (),
                False,
                None,
                None,
            )
        metrics = folder.read_metrics()
        assert (metrics.standardisation is not None) is own_meaning


def test_runs_of_the_old_horizon_and_of_the_new_are_never_compared():
    of_schema = [find(FIXTURES / name, "dropout").read_metrics() for name in ("schema-3", "schema-4")]
    old, new = of_schema
    difference = explain_difference(new, old)
    assert difference
    assert "another protocol" in difference.text
    assert "horizon_from" in difference.text
