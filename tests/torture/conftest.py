"""What the command line's tests have: the command in this process, and a small series; and a complete run."""

import pytest

from rdrop_cli.runs.folder import RunFolder
from tests.cli.conftest import rdrop, weather_csv
from tests.standin import make_folder, run
from tests.torture.crash_points import draw_nothing

__all__ = ["rdrop", "weather_csv"]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> RunFolder:
    """A complete run, whose files are then spoilt."""
    monkeypatch.setattr("rdrop_cli.plots.loss.draw_run", draw_nothing)
    folder = make_folder(tmp_path / "runs")
    run(folder)
    return folder
