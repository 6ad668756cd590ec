"""A small study of a made series: two networks, three runs, trained once."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli import api

DAYS = 260
OPTIONS = {
    "target": "load_MW",
    "lookback": "6h",
    "every": "1h",
    "horizon": "3h",
    "units": 4,
    "batch_size": 16,
    "steps_per_epoch": 30,
    "epochs": 2,
}


def write_plant(
    path: Path, hours: Sequence[int], header: str = "time,load_MW,wind (m/s)", step_minutes: int = 60
) -> str:
    """Write readings of a plant at some hours since 2020, which are a function of the hour; return the path."""
    numbers = np.random.default_rng(0).normal(size=(30_000, 2))
    lines = [header]
    for hour in hours:
        load = 50 + 10 * np.sin(2 * np.pi * hour / 24) + 3 * numbers[hour // 6, 0] + numbers[hour, 0]
        stamp = np.datetime64("2020-01-01T00:00", "m") + step_minutes * hour
        lines.append(f"{stamp},{load:.3f},{5 + numbers[hour, 1]:.3f}")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory, make_once: Callable[..., Path]) -> Path:
    """The folder of the series, `plant.csv`, and of the runs that were trained on it, `runs`."""
    return Path(shutil.copytree(make_once("plant", train_plant), tmp_path_factory.mktemp("plant"), dirs_exist_ok=True))


def train_plant(folder: Path) -> None:
    series = api.load_data(write_plant(folder / "plant.csv", range(24 * DAYS)), folder)
    for variant, seed in (("baseline", 0), ("dropout", 0), ("dropout", 1)):
        api.train(api.plan(variant, series, seed=seed, **OPTIONS), series, folder / "runs")
