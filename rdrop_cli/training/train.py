"""A run from its configuration to its folder: what the command, and a Python program, call to train."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from rdrop_cli.errors import DataError, make_printable
from rdrop_cli.runs.document import Environment, Metrics, Scale, Standardisation
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.metrics import Setting, describe_machine
from rdrop_cli.series.sampling import find_sampling
from rdrop_cli.series.table import Series, Source
from rdrop_cli.series.windows import Windows, average_by_horizon, find_naive_errors, make_windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import IN_UNIT, Protocol
from rdrop_cli.training.interruption import CheckSignals, delay_signals
from rdrop_cli.training.loop import Callback, TrainingLoop

if TYPE_CHECKING:
    from rdrop_cli.forecasters.trainer import ForecasterTrainer
    from rdrop_cli.nn.events import EventLog
    from rdrop_cli.nn.trainer import KerasTrainer


def train_run(
    config: RunConfig,
    series: Series,
    make_folder: Callable[[], RunFolder],
    callback: Callback,
    tensorboard: bool = False,
    windows: Windows | None = None,
) -> Metrics:
    """Train one configuration in the folder that `make_folder` gives, or resume it; return its metrics.

    `make_folder` is called when all that can be refused has been checked, so that no half-made run stays behind.
    `windows` are those of the series under the configuration's protocol, where they are cut already.
    `tensorboard` keeps event files as well; a run that was begun with them has them to its end.

    Raises:
        DataError: the series is not the one that the configuration was made for, or does not fit its protocol.
        RdropError: another process holds the run, or its loss is not finite.
        MemoryError: the network or its windows do not fit into memory.
    """
    if series.source.sha256 != config.dataset_sha256:
        raise DataError(
            f"{series.source.name}: not the data that the run was started on (SHA-256 {series.source.sha256[:12]}…, "
            f"started on {config.dataset_sha256[:12]}…)"
        )
    if windows is None:
        windows = make_windows(series, config.own_protocol)
    with delay_signals() as check_signals, _raise_memory_error(), _prepare_precision(config):
        return _train(config, series.source, windows, make_folder, callback, tensorboard, check_signals)


def _prepare_precision(config: RunConfig) -> AbstractContextManager[None]:
    if not config.is_network:
        return nullcontext()
    from rdrop_cli.nn.environment import standard_precision  # the slow part: imports TensorFlow

    return standard_precision()


def _train(
    config: RunConfig,
    source: Source,
    windows: Windows,
    make_folder: Callable[[], RunFolder],
    callback: Callback,
    tensorboard: bool,
    check_signals: CheckSignals,
) -> Metrics:
    trainer, environment = _make_trainer(config, windows)
    naive_val, naive_test = (find_naive_errors(windows, rows) for rows in (windows.validation, windows.test))
    setting = Setting(
        source=source,
        engine=trainer.engine,
        target_std=windows.target_std,
        naive_val_mae=float(naive_val.mean()),
        naive_test_mae=float(naive_test.mean()),
        naive_val_maes=average_by_horizon(naive_val),
        naive_test_maes=average_by_horizon(naive_test),
        sampling_seconds=find_sampling(windows.timestamps).seconds,
        train_windows_per_epoch=config.own_protocol.epoch_windows,
        environment=environment,
        standardisation=_describe_standardisation(windows, config.protocol),
    )
    check_signals()
    if slowness := trainer.find_slowness():
        callback.note(slowness)
    folder = make_folder()
    with folder.lock(), _open_event_log(config, folder, setting.target_std, tensorboard) as log:
        return TrainingLoop(folder, windows, setting, trainer, callback, log, check_signals).run()


def _describe_standardisation(windows: Windows, protocol: Protocol) -> Standardisation:
    in_unit = protocol.target_scale == IN_UNIT
    mean, std = (0.0, 1.0) if in_unit else (windows.target_mean, windows.target_std)
    columns = zip(windows.columns, windows.means, windows.stds, strict=True)
    return Standardisation(
        inputs=[Scale(name=make_printable(name), mean=float(mean), std=float(std)) for name, mean, std in columns],
        target=Scale(name=make_printable(protocol.target), mean=mean, std=std),
    )


def _open_event_log(
    config: RunConfig, folder: RunFolder, target_std: float, wanted: bool
) -> "AbstractContextManager[EventLog] | AbstractContextManager[None]":
    """Return the log of a network's run that is to have one, or has one already."""
    if not config.is_network:
        return nullcontext()
    from rdrop_cli.nn.events import EventLog, has_event_log

    return EventLog(folder, target_std) if wanted or has_event_log(folder) else nullcontext()


@contextmanager
def _raise_memory_error() -> Iterator[None]:
    """Raise what Python calls it when memory runs out in TensorFlow, which has an exception of its own for that."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ == "ResourceExhaustedError":
            raise MemoryError from error
        raise


def _make_trainer(
    config: RunConfig, windows: Windows
) -> tuple["KerasTrainer", Environment] | tuple["ForecasterTrainer", Environment]:
    if not config.is_network:
        from rdrop_cli.forecasters.trainer import ForecasterTrainer

        return ForecasterTrainer(config, windows), describe_machine()
    from rdrop_cli.nn.environment import describe_environment
    from rdrop_cli.nn.trainer import KerasTrainer

    network = KerasTrainer(config, windows)
    return network, describe_environment(**network.describe_engine())
