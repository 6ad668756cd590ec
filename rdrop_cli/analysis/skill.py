"""Whether networks forecast better than the best reference forecast on the test period (Diebold and Mariano 1995)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.analysis.distributions import exceed_t, find_t
from rdrop_cli.analysis.measures import measure_level
from rdrop_cli.analysis.network import Network, label_networks, read_network
from rdrop_cli.analysis.period import BLOCK_DAYS, LEAST_BLOCKS
from rdrop_cli.analysis.run import DailyErrors, read_daily_errors
from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.comparable import Run, keep_first_origin, read_runs
from rdrop_cli.runs.difference import explain_other_task
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.variants import REFERENCES, VARIANTS

LEVEL = 0.95


class NotComparedError(RdropError):
    """A run lacks data that the comparison needs; the message names the run and the data."""


@dataclass(frozen=True)
class Skill:
    """The difference in test error between a network and a reference forecast; negative if the network is better.

    Attributes:
        network, reference: labels of the two; the network's error is the mean over its seeds.
        seeds: number of seeds of the network.
        difference, interval: difference of the mean absolute errors in the target's unit, and its 95 % interval.
        unit: unit of the target.
        p: two-sided.
        days: number of days in the test period.
    """

    network: str
    reference: str
    seeds: int
    difference: float
    interval: tuple[float, float]
    unit: str
    p: float
    days: int


def measure_skill(
    runs: Sequence[Metrics], runs_dir: Path, folders: Mapping[str, RunFolder] | None = None
) -> Skill | None:
    """Compare the best network of a command with the best reference forecast of the runs folder on the same data.

    Validation chooses both: the network by its level, among the networks with the most seeds. The test period of the
    first origin decides. None if there is no network or no reference forecast, or if the test period is shorter than
    eight weeks.

    Args:
        folders: the folders of the networks' runs by run id, for those that are not in the runs folder.

    Raises:
        NotComparedError: the daily errors of a run are missing or damaged, or its days differ.
    """
    networks = [run for run in keep_first_origin(runs) if run.is_network]
    references = _find_references(networks[0], runs_dir) if networks else []
    if not references:
        return None
    best = min(references, key=lambda run: _read_best(run.metrics))
    label, members = _choose_network(networks)
    other = _read_daily(best.folder)
    if len(other.days) < LEAST_BLOCKS * BLOCK_DAYS:
        return None
    daily = [_read_daily((folders or {}).get(run.run_id, RunFolder(runs_dir / run.run_id))) for run in members]
    for run, each in zip(members, daily, strict=True):
        if each.days != other.days:
            raise NotComparedError(f"the test days of {run.run_id} are not those of {best.folder.run_id}")
    scale = members[0].target_std
    difference, half, p = compare_forecasts(np.mean([each.mae for each in daily], axis=0), other.mae, other.windows)
    return Skill(
        network=label,
        reference=best.metrics.label,
        seeds=len(members),
        difference=difference * scale,
        interval=((difference - half) * scale, (difference + half) * scale),
        unit=members[0].unit,
        p=p,
        days=len(other.days),
    )


def compare_forecasts(
    one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], windows: npt.NDArray[np.float64]
) -> tuple[float, float, float]:
    """Compare two forecasts by their mean daily errors (Diebold and Mariano 1995, J. Bus. Econ. Stat. 13, 253-263).

        d_t = w_t (e1_t - e2_t) / mean(w)        variance = (γ_0 + 2 Σ_k (1 - k/h) γ_k) / n,  k = 1 … h - 1
        t = mean(d) / √variance · √((n + 1 - 2h + h (h - 1) / n) / n),  n - 1 degrees of freedom

    The weights of the autocovariances γ_k are those of Newey and West (1987), so the variance is never negative; h is
    two weeks, within which errors stay similar. The last factor is the correction for small samples of Harvey,
    Leybourne and Newbold (1997, Int. J. Forecasting 13, 281-291).

    Args:
        one, other: mean absolute errors of shape (day,).
        windows: number of windows in each mean, shape (day,).

    Returns:
        the mean difference, half the width of its 95 % interval, and the two-sided p.
    """
    differences = (one - other) * windows / windows.mean()
    days, mean = len(differences), float(differences.mean())
    centred = differences - mean
    covariances = [float(centred[lag:] @ centred[: days - lag]) / days for lag in range(BLOCK_DAYS)]
    weighted = sum((1 - lag / BLOCK_DAYS) * each for lag, each in enumerate(covariances) if lag)
    correction = (days + 1 - 2 * BLOCK_DAYS + BLOCK_DAYS * (BLOCK_DAYS - 1) / days) / days
    error = math.sqrt((covariances[0] + 2 * weighted) / days / correction)
    if error == 0:
        return mean, 0.0, 1.0 if mean == 0 else 0.0
    half = find_t((1 + LEVEL) / 2, days - 1) * error
    return mean, half, 2 * exceed_t(abs(mean) / error, days - 1)


def _find_references(network: Metrics, runs_dir: Path) -> list[Run]:
    """Return the complete reference forecasts in the runs folder that have the network's windows and targets."""
    named = [folder for folder in list_run_folders(runs_dir) if folder.run_id.startswith(tuple(REFERENCES))]
    folders = [folder for folder in named if folder.run_id.rpartition("-s")[0] not in VARIANTS]  # not `naive-step`
    if not folders:
        return []
    runs, _ = read_runs(folders)
    complete = [run for run in runs if not run.metrics.is_network and run.metrics.status == "completed"]
    return [run for run in complete if explain_other_task(run.metrics, network) is None]


def _choose_network(networks: Sequence[Metrics]) -> tuple[str, list[Metrics]]:
    """Return the label and runs of the network with the lowest mean level among those with the most seeds."""
    groups: dict[Network, list[Metrics]] = {}
    for run in networks:
        groups.setdefault(read_network(run), []).append(run)
    most = max(map(len, groups.values()))
    levels = {
        network: float(np.mean([measure_level(run.history.val_loss).error for run in members]))
        for network, members in groups.items()
        if len(members) == most
    }
    best = min(levels, key=lambda network: levels[network])
    return label_networks(groups)[best], groups[best]


def _read_best(run: Metrics) -> float:
    return run.best.val_mae if run.best else math.inf


def _read_daily(folder: RunFolder) -> DailyErrors:
    try:
        daily = read_daily_errors(folder.daily_test_errors_path, "test_mae")
    except DataError as error:
        raise NotComparedError(f"{folder.run_id}: {error}") from error
    if daily is None:
        raise NotComparedError(f"{folder.run_id} has no {folder.daily_test_errors_path.name}")
    return daily
