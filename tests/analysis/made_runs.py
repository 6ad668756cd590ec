"""Run folders with made curves, in the very form that a finished run leaves: no network is trained for them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rdrop_cli.analysis.coverage import DailyCoverage
from rdrop_cli.files import write_text
from rdrop_cli.runs.document import Environment
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import Epoch, History
from rdrop_cli.runs.metrics import Setting, build_metrics
from rdrop_cli.runs.schema import to_builtins
from rdrop_cli.series.table import Source
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.editions import PROTOCOLS
from rdrop_cli.study.variants import VARIANTS
from tests.analysis.made import make_level, make_settling, make_v
from tests.standin import leave_run

SHA256 = "5" * 64


def make_book_curve(variant: str, seed: int, noise: float = 0.001):
    """Return (val_loss, train_mae) as the book has them: a baseline that turns up at epoch 6, dropout level."""
    if variant == "baseline":
        up = make_v(20, 6, noise=noise, seed=seed)
        return up, up - 0.004 * np.arange(20)
    level = make_settling(40, pace=4, floor=0.26) + make_level(40, noise=noise, seed=100 + seed) - 0.27
    return level, level


def save_made_run(
    runs_dir: Path,
    run_id: str,
    variant: str = "baseline",
    seed: int = 0,
    val_loss: Sequence[float] | None = None,
    train_mae: Sequence[float] | None = None,
    status: str = "completed",
    day: int = 1,
    sha256: str = SHA256,
    verified: bool | None = None,
    dataset: str = "jena",
    rates: tuple[float, float] | None = None,
    failure: str | None = None,
    protocol: dict[str, Any] | None = None,
    vary: str = "",
    document: dict[str, Any] | None = None,
    edition: str = "book",
    reading: str | None = "",
) -> RunFolder:
    """Leave the folder of a run; `day` orders runs by age, `document` overwrites parts of metrics.json."""
    if val_loss is None:
        val_loss, train_mae = make_book_curve(variant, seed)
    values = [float(error) for error in val_loss]
    training = values if train_mae is None else [float(error) for error in train_mae]
    dropout, recurrent = rates or (VARIANTS[variant].dropout, VARIANTS[variant].recurrent_dropout)
    plan = replace(PROTOCOLS[edition], **(protocol or {}))
    cell = VARIANTS[variant].cell
    config = RunConfig(
        variant, seed, dropout, recurrent, len(values) or 20, plan, dataset, sha256, cell=cell, vary=vary
    )
    setting = Setting(
        source=Source(dataset, "made", sha256, 420_551, verified, reading=reading),
        target_std=8.84,
        naive_val_mae=0.29,
        naive_test_mae=0.3,
        train_windows_per_epoch=64_000,
        environment=Environment(rdrop="0.1.0", python="3.11.7", keras="3.15.1", device="CPU"),
        engine="native",
    )
    epochs = zip(values, training, strict=True)
    history = History([Epoch(n, v + 0.01, v, t, 20.0, 25.0) for n, (v, t) in enumerate(epochs, start=1)])
    created_at = f"2026-01-{day:02}T00:00:00+00:00"
    test_mae = min(values, default=0.3) + 0.01 if status == "completed" else None
    metrics = build_metrics(run_id, created_at, config, setting, history, status, test_mae, failure)
    return leave_run(runs_dir / run_id, config, created_at, to_builtins(metrics) | (document or {}))


def save_made_study(
    runs_dir: Path,
    seeds: Sequence[int],
    variants: Sequence[str] = ("baseline", "dropout"),
    noise_of_seeds: float = 0.0,
    origin: int = 0,
    moved_by: float = 0.0,
    suffix: str = "",
    **how: Any,
) -> None:
    """Leave a run of every variant and seed, with its daily errors; seeds may differ by more than their epochs do.

    At a later origin, so many rows on, the errors of dropout are moved.
    """
    for variant in variants:
        for seed in seeds:
            if noise_of_seeds or origin:
                stream = [seed, len(variant), *([origin] if origin else [])]
                moved = np.random.default_rng(stream).normal(0, noise_of_seeds)
                moved += moved_by if variant == "dropout" else 0.0
                curves = make_book_curve(variant, seed + len(variant))
                how |= {"val_loss": curves[0] + moved, "train_mae": curves[1]}
            if origin:
                at_origin = PROTOCOLS["book"].shift(origin)
                bounds = ("train_start_row", "train_stop_row", "val_stop_row")
                how["protocol"] = {bound: getattr(at_origin, bound) for bound in bounds}
            run_id = f"{variant}-s{seed}-20260101-000000-{origin // 1000:04x}{suffix}"
            folder = save_made_run(runs_dir, run_id, variant, seed, **how)
            save_daily_errors(folder, 0.27 if variant == "baseline" else 0.262, seed)


def save_varied(runs_dir: Path, source: str, seeds: Sequence[int], spread: dict[str, float], **how: Any) -> None:
    """Leave runs whose seed determines one source of chance alone, by which their errors spread by so much."""
    for variant, deviation in spread.items():
        for seed in seeds:
            moved = np.random.default_rng([seed, len(source), len(variant)]).normal(0, deviation)
            val_loss, train_mae = make_book_curve(variant, 0)
            run_id = f"{variant}-s{seed}-20260101-000000-{len(source):04x}"
            save_made_run(runs_dir, run_id, variant, seed, val_loss + moved, train_mae, vary=source, **how)


def save_later_origins(
    runs_dir: Path, seeds: Sequence[int], moves: Sequence[float] = (0.002, -0.001, 0.001, 0.0), **how: Any
) -> None:
    """Leave a study at later origins too, 80,000 rows apart, at each of which dropout's errors are moved."""
    for number, moved_by in enumerate(moves, start=1):
        save_made_study(runs_dir, seeds, origin=80_000 * number, moved_by=moved_by, **how)


def save_datasets(runs_dir: Path, gains: dict[str, float], seeds: int = 8) -> None:
    """Leave a study of each dataset: dropout's level lies so much below the baseline's."""
    for number, (name, gain) in enumerate(gains.items()):
        data = {"dataset": name, "sha256": f"{number}" * 64, "suffix": f"-{name}", "noise_of_seeds": 0.0005}
        save_made_study(runs_dir, range(seeds), moved_by=-gain, **data)


def save_daily_errors(folder: RunFolder, level: float, seed: int, days: int = 120) -> None:
    """Leave the daily errors of a run: weather that every run meets, and what one network makes of it."""
    shared, own = (
        np.random.default_rng(0).normal(0, 0.03, days),
        np.random.default_rng([int(level * 1000), seed]).normal(0, 0.1, days),
    )
    dates = np.datetime64("2012-10-20") + np.arange(days)
    rows = [
        f"{date},{144 if number else 30},{error!r}"
        for number, (date, error) in enumerate(zip(dates, (level + shared + own * level).tolist(), strict=True))
    ]
    write_text(folder.daily_errors_path, "\n".join(["day,windows,val_mae", *rows]) + "\n")


def save_daily_coverage(folder: RunFolder, seed: int, shares: dict[str, float], days: int = 120) -> None:
    """Leave the coverage of a run's intervals: of each source such a share, the same every day."""
    rng = np.random.default_rng([seed, days])
    dates = [str(day) for day in np.datetime64("2015-01-01") + np.arange(days)]
    targets = 24 - np.arange(days) % 3
    held = {
        sources: rng.binomial(targets, np.clip(share + rng.normal(0, 0.03, days), 0, 1))
        for sources, share in shares.items()
    }
    write_text(folder.daily_coverage_path, DailyCoverage(tuple(dates), targets, held).to_csv())
