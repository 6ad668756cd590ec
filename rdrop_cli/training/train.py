"""Train runs, each from its configuration to its finished folder; called by the command line and the Python API."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rdrop_cli.errors import DataError, make_printable
from rdrop_cli.runs.document import Metrics, Scale, Standardisation
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.metrics import Setting
from rdrop_cli.series.forecast_errors import average_by_horizon, find_naive_errors
from rdrop_cli.series.table import Series, Source
from rdrop_cli.series.windows import Windows, make_windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import IN_UNIT, Protocol
from rdrop_cli.training.interruption import delay_signals
from rdrop_cli.training.loop import Callback, TrainingLoop
from rdrop_cli.training.together import OfOneRun, attempt, run_together

if TYPE_CHECKING:
    from rdrop_cli.forecasters.trainer import ForecasterTrainer
    from rdrop_cli.nn.events import EventLog
    from rdrop_cli.nn.trainer import KerasTrainer

    AnyTrainer = ForecasterTrainer | KerasTrainer


def train_run(
    config: RunConfig,
    series: Series,
    make_folder: Callable[[], RunFolder],
    callback: Callback,
    tensorboard: bool = False,
    windows: Windows | None = None,
) -> Metrics:
    """Train one configuration in the folder that `make_folder` returns, or resume it; return its metrics.

    `make_folder` is called after everything that can be refused has been checked, so no half-made run is left behind.
    `windows` are the windows of the series under the configuration's protocol, if they are already cut.
    `tensorboard` also writes event files; a run that was started with them keeps writing them.

    Raises:
        DataError: the series is not the one that the configuration was made for, or does not fit its protocol.
        RdropError: another process holds the run, or its loss is not finite.
        MemoryError: the network or its windows do not fit into memory.
    """
    outcome = train_runs([Order(config, make_folder, callback)], series, tensorboard, windows)[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@dataclass(frozen=True)
class Order:
    """A run to train: its configuration, the function that returns its folder, and the callback for its progress."""

    config: RunConfig
    make_folder: Callable[[], RunFolder]
    callback: Callback


def train_runs(
    orders: Sequence[Order], series: Series, tensorboard: bool = False, windows: Windows | None = None
) -> list[Metrics | OfOneRun]:
    """Train runs of one protocol, several of them together with JAX; return their metrics or errors, in order.

    A run whose loss is not finite ends as failed, one whose files cannot be written stops, and one that JAX cannot
    compute, that another process holds or whose checkpoints are damaged does not start; the others continue.

    Raises:
        DataError, RdropError, MemoryError: as for `train_run`, except that the error of one run is returned.
    """
    for order in orders:
        if series.source.sha256 != order.config.dataset_sha256:
            raise DataError(
                f"{series.source.name}: not the data that the run was started on (SHA-256 "
                f"{series.source.sha256[:12]}…, started on {order.config.dataset_sha256[:12]}…)"
            )
    first = orders[0].config
    if windows is None:
        windows = make_windows(series, first.own_protocol)
    with delay_signals() as check_signals, _raise_memory_error(), _prepare_precision(first), ExitStack() as held:
        make_trainer = _choose_trainer([order.config for order in orders], windows)
        trainers = [attempt(partial(make_trainer, order.config)) for order in orders]
        check_signals()

        def prepare(order: Order, trainer: "AnyTrainer | OfOneRun") -> TrainingLoop:
            if isinstance(trainer, Exception):
                raise trainer
            for trouble in filter(None, (trainer.find_slowness(), trainer.find_hidden_state())):
                order.callback.note(trouble)
            setting = _describe_setting(order.config, series.source, windows, trainer)
            folder = order.make_folder()
            held.enter_context(folder.lock())
            log = held.enter_context(_open_event_log(order, folder, setting.target_std, tensorboard))
            return TrainingLoop(folder, windows, setting, trainer, order.callback, log, check_signals)

        loops = [attempt(partial(prepare, *each)) for each in zip(orders, trainers, strict=True)]
        outcomes = iter(run_together([loop for loop in loops if isinstance(loop, TrainingLoop)]))
        return [next(outcomes) if isinstance(loop, TrainingLoop) else loop for loop in loops]


def _prepare_precision(config: RunConfig) -> AbstractContextManager[None]:
    if not config.is_network:
        return nullcontext()
    from rdrop_cli.nn.environment import standard_precision  # the slow part: imports TensorFlow

    return standard_precision()


def _describe_setting(config: RunConfig, source: Source, windows: Windows, trainer: "AnyTrainer") -> Setting:
    naive_val, naive_test = (find_naive_errors(windows, rows) for rows in (windows.validation, windows.test))
    return Setting(
        source=source,
        engine=trainer.engine,
        target_std=windows.target_std,
        naive_val_mae=float(naive_val.mean()),
        naive_test_mae=float(naive_test.mean()),
        naive_val_maes=average_by_horizon(naive_val),
        naive_test_maes=average_by_horizon(naive_test),
        sampling_seconds=windows.sampling.seconds,
        train_windows_per_epoch=config.own_protocol.epoch_windows,
        environment=trainer.describe_environment(),
        standardisation=_describe_standardisation(windows, config.protocol),
    )


def _describe_standardisation(windows: Windows, protocol: Protocol) -> Standardisation:
    in_unit = protocol.target_scale == IN_UNIT
    mean, std = (0.0, 1.0) if in_unit else (windows.target_mean, windows.target_std)
    columns = zip(windows.columns, windows.means, windows.stds, strict=True)
    return Standardisation(
        inputs=[Scale(name=make_printable(name), mean=float(mean), std=float(std)) for name, mean, std in columns],
        target=Scale(name=make_printable(protocol.target), mean=mean, std=std),
    )


def _open_event_log(
    order: Order, folder: RunFolder, target_std: float, wanted: bool
) -> "AbstractContextManager[EventLog] | AbstractContextManager[None]":
    """Return the event log of a network's run if it is wanted or the run already has one."""
    config = order.config
    if not config.is_network:
        if wanted:
            order.callback.note(f"{folder.run_id}: a reference forecast has no epochs, so no event files are written")
        return nullcontext()
    from rdrop_cli.nn.events import EventLog, has_event_log

    leads = config.own_protocol.leads
    return EventLog(folder, target_std, leads) if wanted or has_event_log(folder) else nullcontext()


@contextmanager
def _raise_memory_error() -> Iterator[None]:
    """Raise MemoryError if TensorFlow runs out of memory, instead of TensorFlow's own exception."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ == "ResourceExhaustedError":
            raise MemoryError from error
        raise


def _choose_trainer(configs: Sequence[RunConfig], windows: Windows) -> "Callable[[RunConfig], AnyTrainer]":
    """Return the function that makes the trainer of each of the runs."""
    if not configs[0].is_network:
        from rdrop_cli.forecasters.trainer import ForecasterTrainer

        return partial(ForecasterTrainer, windows=windows)
    from rdrop_cli.nn.engines import choose_engine, make_batch
    from rdrop_cli.nn.trainer import KerasTrainer

    return partial(KerasTrainer, windows=windows, make_engine=choose_engine if len(configs) == 1 else make_batch())
