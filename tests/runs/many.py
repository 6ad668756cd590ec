"""Make a folder of many runs, to measure what reads them: `python -m tests.runs.many 10000 FOLDER`.

Each run has the configuration, the metrics, the history and the daily errors that a finished run of the book's study
leaves, with its own curves and one of 97 lists of daily errors: ten networks, as many seeds of each as are needed, on
one dataset. No network is trained.
"""

import sys
from pathlib import Path

import msgspec
import numpy as np

from rdrop_cli.runs.document import Environment, Scale, Standardisation
from rdrop_cli.runs.history import Epoch, History
from rdrop_cli.runs.metrics import Setting, build_metrics
from rdrop_cli.runs.schema import SCHEMA_VERSION, to_builtins
from rdrop_cli.series.table import WEATHER_COLUMNS, Source
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.editions import PROTOCOLS
from rdrop_cli.study.variants import VARIANTS

NETWORKS = [variant for variant in VARIANTS.values() if variant.name != "stacked"][:10]
EPOCHS, DAYS, DAILY_DRAWS = 40, 694, 97
SETTING = Setting(
    source=Source("jena", "https://example.org/jena.zip", "5" * 64, 420_551, True),
    target_std=8.84,
    naive_val_mae=0.29,
    naive_test_mae=0.3,
    train_windows_per_epoch=64_000,
    environment=Environment(rdrop="0.1.0", python="3.13.1", keras="3.15.1", device="CPU", threads=2),
    engine="native",
    standardisation=Standardisation(
        inputs=[Scale(name=name, mean=9.27, std=8.84) for name in WEATHER_COLUMNS],
        target=Scale(name="T (degC)", mean=9.27, std=8.84),
    ),
)


def make_runs(runs_dir: Path, count: int) -> None:
    """Write `count` runs, seed by seed through the networks."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    daily = [_draw_daily(draw) for draw in range(DAILY_DRAWS)]
    for number in range(count):
        seed, place = divmod(number, len(NETWORKS))
        _make_run(runs_dir, number, seed, place, daily[number % DAILY_DRAWS])


def _draw_daily(draw: int) -> str:
    errors = np.random.default_rng(draw).normal(0.26, 0.05, DAYS).clip(0.05).tolist()
    dates = (np.datetime64("2012-01-01") + np.arange(DAYS)).astype(str)
    lines = [f"{date},144,{error!r}" for date, error in zip(dates, errors, strict=True)]
    return "\n".join(["day,windows,val_mae", *lines]) + "\n"


def _make_run(runs_dir: Path, number: int, seed: int, place: int, daily: str) -> None:
    variant, rng = NETWORKS[place], np.random.default_rng([seed, place])
    stamp = f"2026{1 + number // 86_400 % 12:02}01-{number // 3600 % 24:02}{number // 60 % 60:02}{number % 60:02}"
    run_id = f"{variant.name}-s{seed}-{stamp}-{number % 65_536:04x}"
    config = RunConfig(
        variant.name, seed, variant.dropout, variant.recurrent_dropout, EPOCHS,
        PROTOCOLS["book"], "jena", SETTING.source.sha256, cell=variant.cell,
    )  # fmt: skip
    falling = 0.26 + 0.001 * place + 0.1 * np.exp(-np.arange(EPOCHS) / 4.0)
    errors = (falling + rng.normal(0, 0.002, EPOCHS)).tolist()
    epochs = [Epoch(n, e + 0.01, e, e - 0.01, 20.0, 25.0, e * e * 1.8) for n, e in enumerate(errors, start=1)]
    history = History(epochs)
    created_at = f"{stamp[:4]}-{stamp[4:6]}-01T{stamp[9:11]}:{stamp[11:13]}:{stamp[13:]}+00:00"
    metrics = to_builtins(build_metrics(run_id, created_at, config, SETTING, history, "completed", min(errors) + 0.01))
    folder = runs_dir / run_id
    folder.mkdir()
    _write(folder / "config.json", {"schema_version": SCHEMA_VERSION, "created_at": created_at} | config.to_json())
    _write(folder / "metrics.json", metrics)
    (folder / "history.csv").write_text(history.to_csv(SETTING.target_std, config.own_protocol.leads))
    (folder / "daily_errors.csv").write_text(daily)


def _write(path: Path, value: object) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2))


if __name__ == "__main__":
    make_runs(Path(sys.argv[2]), int(sys.argv[1]))
