"""`make demo` shows what it promises."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_demo_shows_a_baseline_that_turns_up_and_a_dropout_model_that_does_not(tmp_path):
    subprocess.run(
        ["make", "demo", f"RUNS_DIR={tmp_path / 'runs'}", f"DATA_DIR={tmp_path / 'data'}"],
        cwd=ROOT,
        env=os.environ,
        check=True,
    )
    for picture in ("comparison.png", "forecast.png"):
        assert (tmp_path / "runs" / picture).stat().st_size > 20_000
    metrics = {
        path.name.split("-")[0]: json.loads((path / "metrics.json").read_text())
        for path in (tmp_path / "runs").iterdir()
        if path.is_dir()
    }
    rise = {}
    for variant, document in metrics.items():
        assert document["status"] == "completed"
        assert document["best"]["val_mae"] < document["naive"]["val_mae"], "it has to learn something"
        smooth = np.convolve(document["history"]["val_loss"], np.ones(3) / 3, mode="valid")
        rise[variant] = smooth[-1] - smooth.min()
    assert rise["baseline"] > 0.008, "the baseline's validation loss turns up"
    assert rise["dropout"] < 0.5 * rise["baseline"], "the dropout model's does not"
