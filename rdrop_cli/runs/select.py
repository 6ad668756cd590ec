"""Choose the runs that can be compared: those with epochs to show, on the same data under the same protocol."""

from pathlib import Path
from typing import Any

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.find import find_run, list_run_folders, read_all_metrics
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.config import RunConfig

Metrics = dict[str, Any]


def choose_named(names: list[str], runs_dir: Path) -> tuple[list[Metrics], list[str]]:
    """Return the runs that a user names, and a warning where they differ in data or protocol.

    Raises:
        RdropError: a name is no run, or a run has not finished an epoch.
    """
    runs = [find_run(name, runs_dir).read_metrics() for name in names]
    for run in runs:
        if not has_epochs(run):
            raise RdropError(f"{run['run_id']}: has not finished an epoch; there is nothing to draw yet")
    differing = [run["run_id"] for run in runs if not are_comparable(run, runs[0])]
    warnings = [f"{run_id} has other data or another protocol than {runs[0]['run_id']}" for run_id in differing]
    return runs, warnings


def choose_newest_of_each_variant(runs_dir: Path) -> tuple[list[Metrics], list[str]]:
    """Return the newest run of each variant that is comparable with the newest of all, and what was left out and why.

    Raises:
        RdropError: no run has finished an epoch.
    """
    readable, left_out = read_all_metrics(runs_dir)
    drawable = [run for run in reversed(readable) if has_epochs(run)]
    if not drawable:
        raise RdropError(f"no run in {runs_dir} has finished an epoch; `rdrop train` makes some")
    newest: dict[str, Metrics] = {}
    for run in drawable:
        if not are_comparable(run, drawable[0]):
            left_out.append(f"{run['run_id']}: other data or another protocol than {drawable[0]['run_id']}")
        else:
            newest.setdefault(str(run["variant"]), run)
    return [newest[variant] for variant in sorted(newest)], left_out


def find_same_configuration(config: RunConfig, runs_dir: Path) -> RunFolder | None:
    """Return the run of this very configuration: a complete one if there is, else the one with the most epochs."""
    same = []
    for folder in list_run_folders(runs_dir):
        try:
            if folder.read_config() == config:
                metrics = folder.read_metrics()
                same.append((metrics["status"] == "completed", metrics["epochs"]["done"], folder))
        except RdropError:
            continue  # what cannot be read is no run to go on with; `rdrop runs` names it
    return max(same, key=lambda found: found[:2])[2] if same else None


def has_epochs(run: Metrics) -> bool:
    """Whether there is a curve to draw or judge."""
    return bool(run["history"]["val_loss"])


def are_comparable(one: Metrics, other: Metrics) -> bool:
    """Whether two runs measured the same thing: the same data, windows and units."""
    return bool(one["dataset"]["sha256"] == other["dataset"]["sha256"] and one["protocol"] == other["protocol"])
