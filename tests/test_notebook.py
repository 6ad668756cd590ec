"""The notebook of the documentation, run from its first cell to its last by a kernel of its own."""

import os
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each code cell shows, as text with the names of its formats."""
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = tmp_path_factory.mktemp("notebook")
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    client.NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [str(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kernels need another event loop there")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client", "ignore::DeprecationWarning:zmq")
def test_the_notebook_runs_and_shows_runs_curves_and_a_verdict(outputs: list[str]) -> None:
    first, run, table, curves, verdict = outputs
    assert "17520 readings" in first
    assert "text/html" in run
    assert "baseline" in run
    assert "dropout 1" in table
    assert "image/png" in curves
    assert "baseline-overfits" in verdict
    assert "undecided" in verdict
