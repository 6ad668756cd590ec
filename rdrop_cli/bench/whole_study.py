"""Time the complete study, from the first import to the last file: rdrop's commands against the book's way."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rdrop_cli.errors import RdropError
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.units import format_count
from rdrop_cli.system import clean_environment

RDROP = [sys.executable, "-P", "-m", "rdrop_cli"]
BOOK = [sys.executable, "-P", "-m", "rdrop_cli.bench.book"]


def measure_study(data_dir: Path, epochs: int | None, note: Callable[[str], None]) -> dict[str, Any]:
    """Train both networks of the study in both ways, one after the other; return the seconds of each way.

    rdrop's way is `rdrop train` and `rdrop plot`, as in `make study`. Both read the parsed series, which has to be in
    `data_dir`, and both train, validate after each epoch, test, and save the networks.

    Args:
        epochs: of both networks; None for the study's own.

    Raises:
        RdropError: a command failed.
    """
    configs = plan_runs(Request(dataset="synthetic", epochs=epochs))
    trained = {config.variant: config.epochs for config in configs}
    shown = ", ".join(f"{variant} {format_count(count, 'epoch')}" for variant, count in trained.items())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ["--dataset", "synthetic", "--data-dir", str(data_dir.resolve()), "--runs-dir", "runs", "--quiet"]
        options += [] if epochs is None else ["--epochs", str(epochs)]
        note(f"rdrop: {shown}")
        ours = _run([*RDROP, "train", *options], folder) + _run([*RDROP, "plot", "--runs-dir", "runs", "-q"], folder)
        note(f"rdrop: {ours:.0f} s; now the book's way, which takes about ten times as long")
        order = {"configs": [config.to_json() for config in configs], "data_dir": str(data_dir.resolve())}
        theirs = _run(BOOK, folder, json.dumps(order))
    return {"epochs": trained, "seconds": {"rdrop": ours, "book": theirs}, "times_as_fast": theirs / ours}


def _run(command: list[str], folder: Path, text: str = "") -> float:
    """Run a command in a folder, without the user's defaults; return the seconds that it took."""
    environment = clean_environment() | {"XDG_CONFIG_HOME": str(folder)}
    start = time.monotonic()
    result = subprocess.run(
        command, cwd=folder, env=environment, input=text, stdout=subprocess.DEVNULL, text=True, check=False
    )
    if result.returncode:
        raise RdropError(f"`{' '.join(command[3:])}` ended with code {result.returncode}; its output is above")
    return time.monotonic() - start
