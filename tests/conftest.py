"""A series, a protocol and runs that are small enough to check by hand."""

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings

from rdrop_cli.runs.document import Environment, Metrics, Scale, Standardisation
from rdrop_cli.runs.figures import QuantileErrors
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import Epoch, History
from rdrop_cli.runs.metrics import Setting, build_metrics, describe_horizons
from rdrop_cli.runs.schema import to_builtins
from rdrop_cli.series.table import Series, Source
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.variants import find_variant
from rdrop_cli.system import collect_seldom
from tests.processes import ForkServer, WarmPopen
from tests.standin import leave_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is in a job that a shell has put into the background, and whatever is started by one inherits it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
# As `rdrop_cli.nn` sets it. JAX, which some tests import before that, sets a lower one, and children inherit it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
collect_seldom()
settings.register_profile("rdrop", deadline=None)  # a busy machine is no failure
settings.load_profile("rdrop")

TARGET_STD = 8.0
CREATED_AT = "2026-01-01T00:00:00+00:00"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: one that begins last keeps the other processes waiting for it."""
    longest = Counter(item.path for item in items if item.get_closest_marker("thorough"))
    items.sort(key=lambda item: -longest[item.path])
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))  # minutes where nothing else runs


@pytest.fixture(autouse=True, scope="session")
def no_defaults_of_the_developer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep a file of defaults and folders that somebody has set for their own work out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        for name in ("RDROP_RUNS_DIR", "RDROP_DATA_DIR"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_lines_because_of_a_busy_machine() -> Iterator[None]:
    """Keep what a command says when it takes long out of what it says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rdrop_cli.cli.console.SECONDS_BEFORE_LINE", 60)
        yield


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Fill a folder once, whoever asks for it and in however many processes, and return it; nobody may change it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, whole = shared / "once" / name, shared / "once" / f"{name}.whole"
        folder.parent.mkdir(exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
                folder.mkdir()
                fill(folder)
                whole.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """A process that has imported TensorFlow, from which others are forked."""
    with closing(ForkServer.start()) as server:
        yield server


@pytest.fixture
def warm_processes(fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the Python programs that a test starts from a process that has imported TensorFlow."""
    monkeypatch.setattr(WarmPopen, "server", fork_server)
    monkeypatch.setattr(subprocess, "Popen", WarmPopen)


@pytest.fixture
def tiny_series() -> Series:
    """300 readings, ten minutes apart, of three columns that have nothing to do with each other."""
    values = np.random.default_rng(0).normal((10.0, 990.0, 5.0), (8.0, 9.0, 2.0), (300, 3))
    stamps = np.datetime64("2009-01-01T00:10:00", "s") + 600 * np.arange(300)
    return Series(stamps, ("T (degC)", "p (mbar)", "wv (m/s)"), values, Source("made", "test", "5" * 64, 300, None))


@pytest.fixture
def tiny_protocol() -> Protocol:
    """Windows of four timesteps of `tiny_series`: train [12, 120), validation [133, 200), test [213, 294)."""
    return Protocol(
        name="tiny",
        summary="for tests",
        lookback_rows=12,
        step_rows=3,
        horizon_rows=5,
        train_stop_row=120,
        val_stop_row=200,
        batch_size=8,
        steps_per_epoch=4,
        epochs=3,
        epochs_with_dropout=5,
        units=4,
        train_windows_measured=20,
    )


@pytest.fixture
def tiny_config(tiny_protocol: Protocol) -> RunConfig:
    """Five epochs of the dropout variant."""
    return RunConfig("dropout", 0, 0.2, 0.2, 5, tiny_protocol, "made", "5" * 64)


@pytest.fixture
def make_history() -> Callable[[Sequence[float]], History]:
    """Make a history from validation errors; the other figures follow from them by simple rules."""

    def make(val_loss: Sequence[float]) -> History:
        return History(
            [Epoch(n, error + 0.02, error, error - 0.01, 2.0, 3.0) for n, error in enumerate(val_loss, start=1)]
        )

    return make


def find_own_rates(variant: str) -> dict[str, float]:
    """Return the rates that a variant has where none are asked for."""
    own = find_variant(variant)
    return {"dropout": own.dropout, "recurrent_dropout": own.recurrent_dropout}


@pytest.fixture
def make_metrics(tiny_config: RunConfig, make_history: Callable[[Sequence[float]], History]) -> Callable[..., Metrics]:
    """Make the metrics document of a run as the tool itself builds it."""

    def make(
        run_id: str = "baseline-s0-20260101-000000-0000",
        variant: str = "baseline",
        seed: int = 0,
        val_loss: Sequence[float] = (0.30, 0.26, 0.28),
        status: str = "completed",
        created_at: str = CREATED_AT,
        sha256: str = "5" * 64,
        verified: bool | None = None,
        dataset: str = "made",
        config: RunConfig | None = None,
        **protocol: Any,
    ) -> Metrics:
        config = config or replace(tiny_config, **find_own_rates(variant))
        config = replace(config, variant=variant, seed=seed, protocol=replace(config.protocol, **protocol))
        at_horizons = [0.29] * len(config.protocol.horizons) if config.protocol.earlier_horizon_rows else []
        setting = Setting(
            source=Source(dataset, "test", sha256, 300, verified),
            target_std=TARGET_STD,
            naive_val_mae=0.29,
            naive_val_maes=at_horizons,
            naive_test_maes=at_horizons,
            sampling_seconds=600,
            train_windows_per_epoch=32,
            environment=Environment(python="3"),
            engine="native",
            standardisation=Standardisation(
                inputs=[Scale(name="T (degC)", mean=10.0, std=TARGET_STD)],
                target=Scale(name="T (degC)", mean=10.0, std=TARGET_STD),
            ),
        )
        test_mae = 0.27 if status == "completed" else None
        by_horizon = describe_horizons(config.protocol, setting, at_horizons, at_horizons) if test_mae else []
        history = make_history(val_loss)
        pinball = QuantileErrors(val_pinball=0.07, test_pinball=0.08, val_crossed=0.01, test_crossed=0.02)
        quantiles = pinball if config.protocol.quantiles and test_mae else None
        known = test_mae, None, by_horizon, quantiles
        return build_metrics(run_id, created_at, config, setting, history, status, *known)

    return make


@pytest.fixture
def save_run(tiny_config: RunConfig, make_metrics: Callable[..., Metrics]) -> Callable[..., RunFolder]:
    """Leave a run's folder with its config and metrics; takes a config and what `make_metrics` takes."""

    def save(runs_dir: Path, run_id: str, config: RunConfig = tiny_config, **how: Any) -> RunFolder:
        document = to_builtins(make_metrics(run_id, config=config, **how))
        return leave_run(runs_dir / run_id, config, how.get("created_at", CREATED_AT), document)

    return save


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> "list[Axes]":
    """The axes of the figures that were drawn and saved."""
    from rdrop_cli.plots import style

    axes: list[Axes] = []
    save = style.save_figure

    def keep(figure: "Figure", path: Path) -> None:
        save(figure, path)
        axes.extend(figure.axes)

    monkeypatch.setattr(style, "save_figure", keep)
    return axes
