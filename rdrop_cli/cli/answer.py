"""The last lines of `rdrop train` and `rdrop sweep`: the answer in a sentence, and the next command."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rdrop_cli.cli.options import DEFAULT_RUNS_DIR
from rdrop_cli.errors import DataError
from rdrop_cli.study.units import format_digits, format_error, format_seconds

if TYPE_CHECKING:
    from rdrop_cli.runs.document import Metrics

MOST_NETWORKS = 3  # in one sentence
ENOUGH_SEEDS = 8  # the first look of `rdrop verdict`


def answer(runs: "Sequence[Metrics]") -> str:
    """Return the mean error of each network over its seeds, whether it overfits, and the naive forecast's error.

    There is at least one run; all are complete, with the same dataset and protocol. Errors are in the target's unit.
    """
    networks, unit = _rank_networks(runs), runs[0].unit
    described = [
        f"{name} {format_error(_average_error(members), unit)}{_describe(members)}"
        for name, members in networks.items()
    ]
    more = len(described) - MOST_NETWORKS
    listed = ", ".join(described[:MOST_NETWORKS]) + (f" and {more} more" if more > 0 else "")
    horizons = len(runs[0].protocol.horizons)
    median = " of the median" if runs[0].protocol.quantiles else ""
    over = f", mean of {horizons} horizons" if horizons > 1 else ""
    return f"validation MAE{median}{over}: {listed}; naive forecast {format_error(runs[0].naive.val_mae_in_unit, unit)}"


def describe_horizons(runs: "Sequence[Metrics]") -> str:
    """Describe the best network's error at the nearest and the furthest horizon; empty for a single horizon."""
    name, members = next(iter(_rank_networks(runs).items()))
    if not all(run.by_horizon for run in members):
        return ""

    def format_at(place: int) -> str:
        at = [run.by_horizon[place] for run in members]
        mae, naive = (
            sum(errors) / len(members) * runs[0].target_std
            for errors in ([each.val_mae for each in at], [each.naive_val_mae for each in at])
        )
        errors = f"{format_error(mae, runs[0].unit)} (naive {format_error(naive, runs[0].unit)})"
        return f"{errors} {format_seconds(at[0].lead_seconds)} ahead"

    return f"by horizon: {name} {format_at(0)}, {format_at(-1)}"


def describe_quantiles(runs: "Sequence[Metrics]") -> str:
    """Describe how good the quantiles of the best quantile network are; empty if there is no quantile network."""
    found = {
        name: [run.quantiles for run in members if run.quantiles] for name, members in _rank_networks(runs).items()
    }
    name = next((name for name, members in found.items() if members), None)
    if name is None:
        return ""
    pinball, crossed = (
        sum(shares) / len(shares)
        for shares in ([each.test_pinball for each in found[name]], [each.test_crossed for each in found[name]])
    )
    loss = format_error(pinball * runs[0].target_std, runs[0].unit)
    sorting = f"{format_digits(100 * crossed, 2)} % of the forecasts had quantiles that crossed and were sorted"
    return f"quantiles, test: {name} has a pinball loss of {loss}; {sorting}; the naive forecast has none to compare"


def name_next_step(runs: "Sequence[Metrics]", runs_dir: Path) -> tuple[str, str]:
    """Return the most useful next step, and the command for it."""
    folder = "" if runs_dir == DEFAULT_RUNS_DIR else f" --runs-dir {shlex.quote(str(runs_dir))}"
    if not any(run.is_network for run in runs):
        return "next: compare a network with", f"rdrop train{folder}"
    few = len({run.seed for run in runs}) < ENOUGH_SEEDS
    first = f"repeat with seeds 0-{ENOUGH_SEEDS - 1}, then" if few else "test the book's claims with"
    return f"next: {first}", f"rdrop verdict{folder}"


def _rank_networks(runs: "Sequence[Metrics]") -> "dict[str, list[Metrics]]":
    """Return the runs by network, the one with the lowest mean validation error first."""
    networks: dict[str, list[Metrics]] = {}
    for run in runs:
        name = run.label_with_rates if any(run.rates.pair) else run.short_label
        networks.setdefault(name, []).append(run)
    return dict(sorted(networks.items(), key=lambda item: _average_error(item[1])))


def _average_error(runs: "Sequence[Metrics]") -> float:
    """Return the mean over seeds of the lowest validation error, in the target's unit."""
    return sum(run.best.val_mae_in_unit for run in runs if run.best) / len(runs)


def _describe(runs: "Sequence[Metrics]") -> str:
    """Describe how many seeds or runs a network's mean covers, and in how many of them it overfits."""
    if not runs[0].is_network:
        return ""
    overfits = [_overfits(run) for run in runs]
    are_seeds = len({run.seed for run in runs}) == len(runs) and not any(run.vary for run in runs)
    count = f"{len(runs)} {'seeds' if are_seeds else 'runs'}"
    if None in overfits:
        known = "too few epochs to tell whether it overfits"
        return f" ({known})" if len(runs) == 1 else f" (mean of {count}, {known})"
    if len(runs) == 1:
        return " (overfits)" if overfits[0] else " (does not overfit)"
    return f" (mean of {count}, overfits in {sum(map(bool, overfits))})"


def _overfits(run: "Metrics") -> bool | None:
    """Return whether a run overfits, as `rdrop verdict` counts it; None if the run is too short."""
    from rdrop_cli.analysis.collect import build_curves

    try:
        return build_curves(run).overfitting.shown
    except DataError:
        return None
