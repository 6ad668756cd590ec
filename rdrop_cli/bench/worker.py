"""One process of the benchmark: prepares itself, then trains or measures on request, by JSON lines."""

import os
import time
from pathlib import Path
from typing import Any

from rdrop_cli.bench.peer_worker import serve
from rdrop_cli.jobs.worker import keep_to_cores
from rdrop_cli.runs.schema import parse_config


def main() -> None:
    """Read implementation, configuration and cores, do a first step, then answer requests."""
    started = time.monotonic() - _seconds_since_start()

    def prepare(order: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        keep_to_cores(order["cores"])
        if order.get("device") == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # TensorFlow reads it when it is imported
        implementation = _make_implementation(order)
        implementation.train(1)
        engine = getattr(implementation, "engine", "keras")
        seconds = time.monotonic() - started
        return implementation, {"first_step_seconds": seconds, "engine": engine, "gpu": _has_gpu()}

    serve(prepare)


def _make_implementation(order: dict[str, Any]) -> Any:
    """Import, load and build the implementation, which counts in the time to the first step."""
    import rdrop_cli.nn  # noqa: F401 -- mutes TensorFlow, which the next line imports
    from rdrop_cli.bench.implementations import IMPLEMENTATIONS
    from rdrop_cli.series.load import load_dataset
    from rdrop_cli.series.windows import make_windows

    config = parse_config(order["config"])
    windows = make_windows(load_dataset(config.dataset, Path(order["data_dir"])), config.own_protocol)
    return IMPLEMENTATIONS[order["implementation"]](config, windows)


def _has_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _seconds_since_start() -> float:
    """Return the seconds since this process started, according to Linux's /proc; 0 on other systems."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0


if __name__ == "__main__":
    main()
