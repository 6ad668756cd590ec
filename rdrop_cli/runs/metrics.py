"""Build `metrics.json`: what a run is and what it measured, for people and scripts."""

from dataclasses import dataclass
from typing import Any

from rdrop_cli.runs.history import History
from rdrop_cli.runs.schema import SCHEMA_VERSION
from rdrop_cli.series.table import Source
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.units import name_target


@dataclass(frozen=True)
class Setting:
    """What a run's figures are to be read with.

    Attributes:
        target_std: one standardised unit of the target in its own unit (°C for temperature), of every `…_unscaled`.
        naive_val_mae: standardised error of the naive forecast on the validation windows.
        environment: versions, device and threads.
        engine: what computed it: `native`, `xla` or `keras`.
    """

    source: Source
    target_std: float
    naive_val_mae: float
    train_windows_per_epoch: int
    environment: dict[str, Any]
    engine: str


def build_metrics(
    run_id: str,
    created_at: str,
    config: RunConfig,
    setting: Setting,
    history: History,
    status: str,
    test_mae: float | None = None,
    failure: str | None = None,
) -> dict[str, Any]:
    """Assemble the document; figures that are not there yet are None.

    `status` is `completed`, `failed`, or `interrupted`: the last is also what stands in the file while a run is at
    work, because it is what is true if the machine stops now.
    """
    scale = setting.target_std
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "created_at": created_at,
        "variant": config.variant,
        "cell": config.cell,
        "status": status,
        "failure": failure,
        "seed": config.seed,
        "rates": {"dropout": config.dropout, "recurrent_dropout": config.recurrent_dropout},
        "engine": setting.engine,
        "epochs": {"done": len(history.epochs), "planned": config.epochs},
        "dataset": setting.source.to_json(),
        "protocol": config.protocol.to_json(),
        "target_std": scale,
        "unit": name_target(config.protocol.target)[1],
        "history": {name: history.curve(name) for name in ("loss", "val_loss", "train_mae")},
        "best": _describe_best(history, scale),
        "final": _describe_final(history, scale),
        "test": None if test_mae is None else {"mae": test_mae, "mae_unscaled": test_mae * scale},
        "naive": {"val_mae": setting.naive_val_mae, "val_mae_unscaled": setting.naive_val_mae * scale},
        "timing": _describe_timing(history, setting),
        "environment": setting.environment,
    }


def _describe_best(history: History, scale: float) -> dict[str, Any] | None:
    if not history.epochs:
        return None
    best = history.best
    return {"epoch": best.epoch, "val_mae": best.val_loss, "val_mae_unscaled": best.val_loss * scale}


def _describe_final(history: History, scale: float) -> dict[str, Any] | None:
    if not history.epochs:
        return None
    last = history.last
    return {
        "loss": last.loss,
        "train_mae": last.train_mae,
        "val_mae": last.val_loss,
        "val_mae_unscaled": last.val_loss * scale,
    }


def _describe_timing(history: History, setting: Setting) -> dict[str, Any]:
    """Seconds in all and by epoch, and training windows a second over the steps alone."""
    training_seconds = sum(history.curve("train_seconds"))
    windows = setting.train_windows_per_epoch * len(history.epochs)
    return {
        "seconds": sum(history.curve("seconds")),
        "epoch_seconds": history.curve("seconds"),
        "train_windows_per_second": windows / training_seconds if training_seconds else None,
    }
