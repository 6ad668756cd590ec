"""The notebooks of the documentation, each run from its first cell to its last by a kernel of its own."""

import shutil
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kernels need another event loop there"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client", "ignore::DeprecationWarning:zmq"),
]


def run_notebook(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what each code cell shows, as text with the names of its formats."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(DOCS / name, as_version=4)
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources=resources).execute()
    return [str(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]


def test_the_first_one_shows_runs_curves_and_a_verdict(tmp_path, monkeypatch):
    first, run, table, curves, verdict = run_notebook("notebook.ipynb", tmp_path, monkeypatch)
    assert "17520 readings" in first
    assert "text/html" in run
    assert "baseline" in run
    assert "dropout 1" in table
    assert "image/png" in curves
    assert "baseline-overfits" in verdict
    assert "undecided" in verdict


def test_that_of_the_results_finds_what_their_page_says(tmp_path, monkeypatch):
    shutil.copy(DOCS / "results.zip", tmp_path)
    page = (DOCS / "results.md").read_text(encoding="utf-8")
    runs, curves, levels, pairs, days, verdict, forest = run_notebook("results.ipynb", tmp_path, monkeypatch)
    assert "dropout     32" in runs
    assert "image/png" in curves
    assert "lowest epoch" in levels
    assert "best:  -0.003 °C" in pairs
    assert "-0.003 °C" in page
    assert "end:   -0.330 °C, lower in 32 of 32 seeds" in pairs
    assert "0.33 °C better" in page
    assert "correlation of a day" in days
    assert verdict.count("<td>holds</td>") == 5
    assert "5 of 12 claims" in " ".join(page.split())
    assert "image/svg+xml" in forest
