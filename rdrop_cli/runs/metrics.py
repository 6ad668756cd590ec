"""Build the metrics of a run from its configuration, its setting and its epochs so far."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

import rdrop_cli
from rdrop_cli.runs.document import Dataset, Environment, Epochs, Metrics, Rates, Standardisation, Status, Timing
from rdrop_cli.runs.figures import AtHorizon, Best, Curves, Final, Naive, QuantileErrors, Test
from rdrop_cli.runs.history import History
from rdrop_cli.series.table import Source
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.units import name_target
from rdrop_cli.system import count_cores


@dataclass(frozen=True)
class Setting:
    """The context of a run's figures: its data, scale, naive errors and environment.

    Attributes:
        target_std: one standardised unit of the target in its own unit (°C for temperature); scales every `…_in_unit`.
        naive_val_mae: standardised error of the naive forecast on the validation windows.
        naive_test_mae: the same on the test windows.
        naive_val_maes, naive_test_maes: the same at each horizon, if there are several.
        sampling_seconds: the usual time between two rows of the series.
        environment: versions, device and threads.
        engine: what computed the run: `native`, `jax`, `xla`, `keras`, or `none` if there is no network.
        standardisation: means and deviations of the network's inputs and its target.
    """

    source: Source
    target_std: float
    naive_val_mae: float
    train_windows_per_epoch: int
    environment: Environment
    engine: str
    standardisation: Standardisation | None = None
    naive_test_mae: float | None = None
    naive_val_maes: Sequence[float] = ()
    naive_test_maes: Sequence[float] = ()
    sampling_seconds: float = 0.0


def describe_machine() -> Environment:
    """Return the versions and the system that every run is computed with, and the CPU as its device."""
    return Environment(
        rdrop=rdrop_cli.__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        system=f"{platform.system()} {platform.machine()}",
        device="CPU",
        threads=count_cores(),
    )


def build_metrics(
    run_id: str,
    created_at: str,
    config: RunConfig,
    setting: Setting,
    history: History,
    status: Status,
    test_mae: float | None = None,
    failure: str | None = None,
    by_horizon: Sequence[AtHorizon] = (),
    quantiles: QuantileErrors | None = None,
) -> Metrics:
    """Build the document; figures that do not exist yet are None.

    `status` is `completed`, `failed` or `interrupted`. The file of a running run also says `interrupted`, because that
    is true if the machine stops now.
    """
    scale = setting.target_std
    return Metrics(
        run_id=run_id,
        created_at=created_at,
        variant=config.variant,
        cell=config.cell,
        status=status,
        failure=failure,
        seed=config.seed,
        vary=config.vary,
        code_sha256=config.code_sha256,
        rates=Rates(dropout=config.dropout, recurrent_dropout=config.recurrent_dropout),
        engine=setting.engine,
        epochs=Epochs(done=len(history.epochs), planned=config.epochs, ended_by=_find_end(config, history, status)),
        name=config.name,
        tags=list(config.tags),
        note=config.note,
        dataset=Dataset(**setting.source.to_json()),
        protocol=config.protocol,
        target_std=scale,
        unit=name_target(config.protocol.target)[1],
        history=Curves(
            loss=history.curve("loss"),
            val_loss=history.curve("val_loss"),
            train_mae=history.curve("train_mae"),
            val_mse=[] if None in history.curve("val_mse") else history.curve("val_mse"),
            val_pinball=[] if None in history.curve("val_pinball") else history.curve("val_pinball"),
        ),
        standardisation=setting.standardisation,
        best=_describe_best(history, scale),
        final=_describe_final(history, scale),
        test=None if test_mae is None else Test(mae=test_mae, mae_in_unit=test_mae * scale),
        naive=_describe_naive(setting),
        by_horizon=list(by_horizon),
        quantiles=quantiles,
        timing=_describe_timing(history, setting),
        environment=setting.environment,
    )


def describe_horizons(
    protocol: Protocol, setting: Setting, val_maes: Sequence[float], test_maes: Sequence[float]
) -> list[AtHorizon]:
    """Return the errors of the best epoch's network and of the naive forecast at each horizon, if there are several."""
    if not val_maes:
        return []
    errors = zip(protocol.leads, val_maes, test_maes, setting.naive_val_maes, setting.naive_test_maes, strict=True)
    return [
        AtHorizon(
            lead_rows=lead,
            lead_seconds=lead * setting.sampling_seconds,
            val_mae=val,
            test_mae=test,
            naive_val_mae=naive_val,
            naive_test_mae=naive_test,
        )
        for lead, val, test, naive_val, naive_test in errors
    ]


def _find_end(config: RunConfig, history: History, status: Status) -> Literal["plan", "patience"] | None:
    if status != "completed":
        return None
    return "patience" if config.protocol.patience and len(history.epochs) < config.epochs else "plan"


def _describe_best(history: History, scale: float) -> Best | None:
    if not history.epochs:
        return None
    best = history.best
    return Best(epoch=best.epoch, val_mae=best.val_loss, val_mae_in_unit=best.val_loss * scale)


def _describe_final(history: History, scale: float) -> Final | None:
    if not history.epochs:
        return None
    last = history.last
    return Final(loss=last.loss, train_mae=last.train_mae, val_mae=last.val_loss, val_mae_in_unit=last.val_loss * scale)


def _describe_naive(setting: Setting) -> Naive:
    scale, test_mae = setting.target_std, setting.naive_test_mae
    return Naive(
        val_mae=setting.naive_val_mae,
        val_mae_in_unit=setting.naive_val_mae * scale,
        test_mae=test_mae,
        test_mae_in_unit=None if test_mae is None else test_mae * scale,
    )


def _describe_timing(history: History, setting: Setting) -> Timing:
    """Return the seconds in total and by epoch, and the training windows per second over the steps alone."""
    training_seconds = sum(history.curve("train_seconds"))
    windows = setting.train_windows_per_epoch * len(history.epochs)
    return Timing(
        seconds=sum(history.curve("seconds")),
        epoch_seconds=history.curve("seconds"),
        train_windows_per_second=windows / training_seconds if training_seconds else None,
    )
