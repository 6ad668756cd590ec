"""Choose runs: to draw, to judge, or to go on with.

Only runs that measured the same thing go together: the same data, the same protocol, the same cell. Those of one
variant are averaged over seeds only where they were configured alike.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.find import find_run, list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.variants import DEFAULT_CELL, VARIANTS

Metrics = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Run:
    """A run that can be read: its folder and its metrics."""

    folder: RunFolder
    metrics: Metrics


@dataclass(frozen=True)
class LeftOut:
    """A run that is not used, by name, and why."""

    run: str
    reason: str

    def __str__(self) -> str:
        return f"{self.run}: {self.reason}"


def choose_named(names: list[str], runs_dir: Path) -> tuple[list[Metrics], list[str]]:
    """Return the runs that a user names, and a warning where one measured another thing than the first.

    Raises:
        RdropError: a name is no run, or a run has not finished an epoch.
    """
    runs = [find_run(name, runs_dir).read_metrics() for name in names]
    for run in runs:
        if not has_epochs(run):
            raise RdropError(f"{run['run_id']}: has not finished an epoch; there is nothing to draw yet")
    differences = [(run["run_id"], explain_difference(run, runs[0])) for run in runs]
    return runs, [f"{run_id}: {difference}" for run_id, difference in differences if difference]


def choose_newest(runs_dir: Path) -> tuple[list[Metrics], list[str]]:
    """Return the newest complete run of each variant and seed that measured the same thing as the newest run of all.

    Of a variant without a complete run it is the newest that has finished an epoch. The second list names what was
    left out and why; runs that a newer one of their seed takes the place of go without a word.

    Raises:
        RdropError: no run has finished an epoch.
    """
    readable, left_out = read_runs(list_run_folders(runs_dir))
    drawable = [run for run in readable if has_epochs(run.metrics)]
    if not drawable:
        raise RdropError(f"no run in {runs_dir} has finished an epoch; `rdrop train` makes some")
    comparable, differing = keep_comparable(drawable, drawable[0])
    complete = {run.metrics["variant"] for run in comparable if run.metrics["status"] == "completed"}
    begun = {run.metrics["variant"]: run for run in reversed(comparable) if run.metrics["variant"] not in complete}
    wanted = [run for run in comparable if run.metrics["status"] == "completed"] + list(begun.values())
    alike, unusual = keep_usual_settings(wanted)
    newest, _ = keep_newest_of_each_seed(alike)
    return [run.metrics for run in newest], [str(left) for left in (*left_out, *differing, *unusual)]


def read_runs(folders: Iterable[RunFolder]) -> tuple[list[Run], list[LeftOut]]:
    """Read runs, newest first, and name those that cannot be read."""
    readable, left_out = [], []
    for folder in folders:
        try:
            readable.append(Run(folder, folder.read_metrics()))
        except DataError as error:
            left_out.append(LeftOut(folder.run_id, str(error).removeprefix(f"{folder.path}/")))
    return sorted(readable, key=lambda run: str(run.metrics.get("created_at")), reverse=True), left_out


def keep_comparable(runs: Sequence[Run], reference: Run) -> tuple[list[Run], list[LeftOut]]:
    """Keep, in their order, the runs that measured the same thing as `reference`."""
    differences = [(run, explain_difference(run.metrics, reference.metrics)) for run in runs]
    return (
        [run for run, difference in differences if difference is None],
        [LeftOut(run.folder.run_id, difference) for run, difference in differences if difference is not None],
    )


def keep_usual_settings(runs: Sequence[Run]) -> tuple[list[Run], list[LeftOut]]:
    """Keep, in their order, the runs with the rates and epochs that most runs of their variant have.

    Where two settings have as many runs, the one that comes first is the usual.
    """
    counts = Counter((run.metrics["variant"], describe_settings(run.metrics)) for run in runs)
    usual: dict[str, str] = {}
    for (variant, settings), count in counts.items():
        if variant not in usual or count > counts[variant, usual[variant]]:
            usual[variant] = settings
    kept, left_out = [], []
    for run in runs:
        variant, settings = run.metrics["variant"], describe_settings(run.metrics)
        if settings == usual[variant]:
            kept.append(run)
        else:
            left_out.append(LeftOut(run.folder.run_id, f"{settings}; {variant} is taken with {usual[variant]}"))
    return kept, left_out


def keep_newest_of_each_seed(runs: Sequence[Run]) -> tuple[list[Run], list[LeftOut]]:
    """Keep the first run of each variant and seed, by variant in the order of the study, then by seed.

    Args:
        runs: newest first.
    """
    newest: dict[tuple[str, int], Run] = {}
    left_out = []
    for run in runs:
        of_seed = newest.setdefault((run.metrics["variant"], run.metrics["seed"]), run)
        if of_seed is not run:
            name = f"{run.metrics['variant']}, seed {run.metrics['seed']}"
            left_out.append(LeftOut(run.folder.run_id, f"{of_seed.folder.run_id} is a newer run of {name}"))
    order = {variant: place for place, variant in enumerate(VARIANTS)}
    kept = sorted(newest, key=lambda key: (order.get(key[0], len(order)), *key))
    return [newest[key] for key in kept], left_out


def find_same_configurations(configs: Iterable[RunConfig], runs_dir: Path) -> dict[RunConfig, RunFolder]:
    """Return, of each configuration that there is a run of, the complete one, else the one with the most epochs.

    A run whose metrics cannot be read is one to go on with: they are written anew from its checkpoint.
    """
    wanted = set(configs)
    found: dict[RunConfig, tuple[bool, int, RunFolder]] = {}
    for folder in list_run_folders(runs_dir):
        try:
            config = folder.read_config()
        except DataError:
            continue  # `rdrop runs` names it
        if config in wanted:
            rank = (*_rank_progress(folder), folder)
            found[config] = max(found.get(config, rank), rank, key=lambda ranked: ranked[:2])
    return {config: folder for config, (_, _, folder) in found.items()}


def _rank_progress(folder: RunFolder) -> tuple[bool, int]:
    """Return whether a run is complete, and its epochs."""
    try:
        metrics = folder.read_metrics()
    except DataError:
        return False, -1
    return metrics["status"] == "completed", metrics["epochs"]["done"]


def has_epochs(run: Metrics) -> bool:
    """Whether there is a curve to draw or judge."""
    return bool(run["history"]["val_loss"])


def explain_difference(run: Metrics, reference: Metrics) -> str | None:
    """Say why a run did not measure the same thing as another, so that both may not be compared; None if it did."""
    of = f"than {reference['run_id']}"
    if run["dataset"]["sha256"] != reference["dataset"]["sha256"]:
        checksums = (str(each["dataset"]["sha256"])[:12] for each in (run, reference))
        return f"other data {of} (SHA-256 {'…, not '.join(checksums)}…)"
    one, other = (each["protocol"] for each in (run, reference))
    fields = [field for field in sorted({*one, *other} - {"summary"}) if one.get(field) != other.get(field)]
    if fields:
        return f"another protocol {of} ({', '.join(fields)})"
    cell, reference_cell = (each.get("cell", DEFAULT_CELL) for each in (run, reference))
    return None if cell == reference_cell else f"another cell {of} ({cell}, not {reference_cell})"


def describe_settings(run: Metrics) -> str:
    """Render what may differ between runs of one variant, as a text that is the same only where the settings are."""
    rates = ", ".join(f"{name.replace('_', ' ')} {rate}" for name, rate in sorted(run["rates"].items()))
    return f"{rates}, {run['epochs']['planned']} epochs"
