"""What the command line's tests have, and a complete run; and at the end, what was counted."""

import pytest

from rdrop_cli.runs.folder import RunFolder
from tests.cli.conftest import cold_start, rdrop, start, weather_csv
from tests.standin import make_folder, run
from tests.torture.crash_points import draw_nothing

__all__ = ["cold_start", "rdrop", "start", "weather_csv"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have recorded: those of the page on reliability."""
    for report in terminalreporter.stats.get("passed", []):
        if report.when == "call" and report.user_properties:
            figures = ", ".join(f"{name} {figure}" for name, figure in report.user_properties)
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {figures}")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> RunFolder:
    """A complete run, whose files are then spoilt."""
    monkeypatch.setattr("rdrop_cli.plots.loss.draw_run", draw_nothing)
    folder = make_folder(tmp_path / "runs")
    run(folder)
    return folder
