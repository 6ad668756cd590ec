"""The metrics document: what scripts rely on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rdrop_cli.runs import document
from rdrop_cli.runs.document import SCHEMA_VERSION, Dataset, Environment, Epochs, Metrics, Timing
from rdrop_cli.runs.figures import Best, Curves, Naive
from rdrop_cli.runs.history import History
from rdrop_cli.runs.metrics import Setting, build_metrics
from rdrop_cli.runs.schema import read_metrics, write_metrics
from rdrop_cli.series.table import Source
from rdrop_cli.study.config import RunConfig

MakeMetrics = Callable[..., Metrics]


def test_a_finished_run_tells_everything(make_metrics: MakeMetrics) -> None:
    metrics = make_metrics("dropout-s3", variant="dropout", seed=3, val_loss=(0.30, 0.26, 0.28), verified=False)
    assert metrics.schema_version == SCHEMA_VERSION
    assert (metrics.run_id, metrics.variant, metrics.seed) == ("dropout-s3", "dropout", 3)
    assert (metrics.status, metrics.failure) == ("completed", None)
    assert metrics.rates.pair == (0.2, 0.2)
    assert metrics.epochs == Epochs(done=3, planned=5, ended_by="plan")
    assert metrics.dataset == Dataset(
        name="made", origin="test", sha256="5" * 64, rows=300, verified=False, reading="", utc=False
    )
    assert metrics.protocol.name == "tiny"
    assert metrics.engine == "native"
    assert metrics.history.val_loss == [0.30, 0.26, 0.28]
    assert metrics.history.loss == pytest.approx([0.32, 0.28, 0.30])
    assert metrics.history.train_mae == pytest.approx([0.29, 0.25, 0.27])
    assert metrics.environment == Environment(python="3")


def test_errors_are_told_in_degrees_too(make_metrics: MakeMetrics) -> None:
    metrics = make_metrics(val_loss=(0.30, 0.26, 0.28))
    assert metrics.target_std == 8.0
    assert metrics.best == Best(epoch=2, val_mae=0.26, val_mae_in_unit=0.26 * 8)
    assert metrics.final.val_mae == 0.28
    assert metrics.final.val_mae_in_unit == pytest.approx(2.24)
    assert metrics.test == document.Test(mae=0.27, mae_in_unit=0.27 * 8)
    assert metrics.naive == Naive(val_mae=0.29, val_mae_in_unit=0.29 * 8)


def test_time_is_told_in_all_by_epoch_and_in_windows_a_second(make_metrics: MakeMetrics) -> None:
    timing = make_metrics(val_loss=(0.3, 0.3, 0.3)).timing  # 2 s of steps and 3 s in all, each epoch
    assert timing == Timing(seconds=9.0, epoch_seconds=[3.0, 3.0, 3.0], train_windows_per_second=3 * 32 / 6.0)


def test_a_run_that_has_not_finished_an_epoch_has_figures_to_come(make_metrics: MakeMetrics, tmp_path: Path) -> None:
    metrics = make_metrics(val_loss=(), status="interrupted")
    assert (metrics.best, metrics.final, metrics.test) == (None, None, None)
    assert metrics.history == Curves(loss=[], val_loss=[], train_mae=[])
    assert metrics.timing.train_windows_per_second is None
    assert metrics.naive.val_mae == 0.29
    write_metrics(tmp_path / "metrics.json", metrics)
    assert read_metrics(tmp_path / "metrics.json") == metrics


def test_the_document_comes_back_from_the_disk_as_it_was(make_metrics: MakeMetrics, tmp_path: Path) -> None:
    metrics = make_metrics()
    write_metrics(tmp_path / "metrics.json", metrics)
    assert read_metrics(tmp_path / "metrics.json") == metrics


def test_a_failure_is_told_in_words(tiny_config: RunConfig) -> None:
    setting = Setting(
        source=Source("made", "test", "5" * 64, 300, None),
        engine="keras",
        target_std=8.0,
        naive_val_mae=0.29,
        train_windows_per_epoch=32,
        environment=Environment(),
    )
    metrics = build_metrics(
        "r", "2026", replace(tiny_config, variant="baseline"), setting, History(), "failed", failure="loss is nan"
    )
    assert (metrics.status, metrics.failure) == ("failed", "loss is nan")


def test_a_part_is_read_by_its_name_in_the_json_too(make_metrics: Callable[..., Metrics]) -> None:
    metrics = make_metrics()
    assert metrics["best"]["val_mae"] == metrics.best.val_mae
    with pytest.raises(KeyError, match="besst"):
        metrics["besst"]


def test_a_network_of_the_users_own_has_its_rates_in_its_code(make_metrics, tiny_config):
    """So they are no part of what a forecast calls it."""
    plain, lossy = (replace(tiny_config, dropout=rate, recurrent_dropout=rate) for rate in (0.0, 0.2))
    assert make_metrics(variant="my_network:make", config=plain).has_own_rates
    assert not make_metrics(variant="my_network:make", config=lossy).has_own_rates
    assert not make_metrics(variant="dropout", config=plain).has_own_rates
    assert make_metrics(variant="dropout", config=lossy).has_own_rates
