"""A long run takes no more memory at its end than it did at first."""

import os
from pathlib import Path

import pytest

from rdrop_cli.jobs.task import Task, do_task
from rdrop_cli.planning.fit import fit_to_series
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.runs.history import Epoch
from rdrop_cli.series.load import load_dataset
from rdrop_cli.training.loop import Callback

EPOCHS, FIRST_EPOCHS, MIB = 1000, 100, 1 << 20
STATM = Path("/proc/self/statm")


class MemoryByEpoch(Callback):
    def __init__(self) -> None:
        self.resident_bytes: list[int] = []

    def epoch(self, epoch: Epoch) -> None:
        self.resident_bytes.append(int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))


@pytest.mark.slow  # a thousand epochs with their checkpoints take a minute
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not STATM.exists(), reason="only Linux tells the resident memory so")
def test_memory_stays_flat_over_a_thousand_epochs(weather_csv, tmp_path, record_property):
    lengths = {"lookback": "5h", "every": "1h", "horizon": "2h", "train_stop": "400", "val_stop": "600"}
    sizes = {"batch_size": 8, "steps_per_epoch": 2, "units": 4, "epochs": EPOCHS}
    request = Request(variants=("dropout",), dataset=str(weather_csv), protocol="demo", **lengths, **sizes)
    config = fit_to_series(plan_runs(request)[0], request, load_dataset(str(weather_csv), tmp_path / "data"))
    memory = MemoryByEpoch()
    outcome = do_task(Task(config, tmp_path / "runs", tmp_path / "data"), memory)
    assert outcome.failure is None
    at = {epoch: memory.resident_bytes[epoch - 1] / MIB for epoch in (FIRST_EPOCHS, EPOCHS // 2, EPOCHS)}
    record_property("MiB", ", ".join(f"{size:.0f} at epoch {epoch}" for epoch, size in at.items()))
    assert at[EPOCHS] - at[FIRST_EPOCHS] < 8
