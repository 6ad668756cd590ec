"""Runs that are not used, and how they are told: by name while they are few, by what they have in common when not."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.find import find_run, list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.schema import read_cell
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.variants import VARIANTS

MOST_LINES = 5
MOST_NAMES = 3


@dataclass(frozen=True)
class LeftOut:
    """A run that is not used, by name, and why; `kind` says it of many: `that cannot be read`."""

    run: str
    reason: str
    kind: str

    def __str__(self) -> str:
        return f"{self.run}: {self.reason}"


def tell_left_out(left_out: Sequence[LeftOut]) -> list[str]:
    """Name runs that are left out, a line each; beyond five, a line for those left out for one kind of reason."""
    if len(left_out) <= MOST_LINES:
        return [str(left) for left in left_out]
    by_kind: dict[str, list[LeftOut]] = {}
    for left in left_out:
        by_kind.setdefault(left.kind, []).append(left)
    return [str(alike[0]) if len(alike) == 1 else _name_together(kind, alike) for kind, alike in by_kind.items()]


def _name_together(kind: str, alike: Sequence[LeftOut]) -> str:
    names, more = ", ".join(left.run for left in alike[:MOST_NAMES]), len(alike) - MOST_NAMES
    return f"{len(alike)} runs {kind}: {names}{f' and {more} more' if more > 0 else ''}"


Metrics = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Run:
    """A run that can be read: its folder and its metrics."""

    folder: RunFolder
    metrics: Metrics


@dataclass(frozen=True)
class Difference:
    """Why a run may not be compared with another; `kind` says it of many: `on other data than …`."""

    text: str
    kind: str

    def __str__(self) -> str:
        return self.text


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
    hint = ["other rates side by side: rdrop plot --rates"] if _have_rates_to_compare(wanted) else []
    return [run.metrics for run in newest], [*tell_left_out([*left_out, *differing, *unusual]), *hint]


def _have_rates_to_compare(runs: Sequence[Run]) -> bool:
    """Whether one variant was trained with several values of both rates."""
    values: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        for name in ("dropout", "recurrent_dropout"):
            values.setdefault((run.metrics["variant"], name), set()).add(str(run.metrics["rates"].get(name)))
    several = [variant for (variant, _), found in values.items() if len(found) > 1]
    return len(set(several)) < len(several)


def read_runs(folders: Iterable[RunFolder]) -> tuple[list[Run], list[LeftOut]]:
    """Read runs, newest first, and name those that cannot be read."""
    readable, left_out = [], []
    for folder in folders:
        try:
            readable.append(Run(folder, folder.read_metrics()))
        except DataError as error:
            reason = str(error).removeprefix(f"{folder.path}/")
            left_out.append(LeftOut(folder.run_id, reason, "that cannot be read"))
    return sorted(readable, key=lambda run: str(run.metrics.get("created_at")), reverse=True), left_out


def keep_comparable(runs: Sequence[Run], reference: Run, any_cell: bool = False) -> tuple[list[Run], list[LeftOut]]:
    """Keep, in their order, the runs that measured the same thing as `reference`, with its cell or with any."""
    explain = explain_other_measure if any_cell else explain_difference
    differences = [(run, explain(run.metrics, reference.metrics)) for run in runs]
    return (
        [run for run, difference in differences if difference is None],
        [LeftOut(run.folder.run_id, found.text, found.kind) for run, found in differences if found is not None],
    )


def keep_usual_settings(runs: Sequence[Run]) -> tuple[list[Run], list[LeftOut]]:
    """Keep, in their order, the runs with the rates and epochs that most runs of their variant have.

    Where two settings have as many runs, the variant's own rates are the usual; else those that come first.
    """
    counts = Counter((run.metrics["variant"], describe_settings(run.metrics)) for run in runs)
    own = {(run.metrics["variant"], describe_settings(run.metrics)) for run in runs if has_own_rates(run.metrics)}
    usual: dict[str, str] = {}
    for variant, settings in sorted(counts, key=lambda key: (-counts[key], key not in own)):  # a stable order
        usual.setdefault(variant, settings)
    kept, left_out = [], []
    for run in runs:
        variant, settings = run.metrics["variant"], describe_settings(run.metrics)
        if settings == usual[variant]:
            kept.append(run)
        else:
            reason = f"{settings}; {variant} is taken with {usual[variant]}"
            left_out.append(LeftOut(run.folder.run_id, reason, "with other rates or epochs than most of their variant"))
    return kept, left_out


def keep_newest_of_each_seed(runs: Sequence[Run]) -> tuple[list[Run], list[LeftOut]]:
    """Keep the first run of each network and seed, by variant in the order of the study, then by settings and seed.

    Args:
        runs: newest first.
    """
    newest: dict[tuple[str, str, str, int], Run] = {}
    left_out = []
    for run in runs:
        metrics = run.metrics
        network = metrics["variant"], read_cell(metrics), describe_settings(metrics)
        of_seed = newest.setdefault((*network, metrics["seed"]), run)
        if of_seed is not run:
            reason = f"{of_seed.folder.run_id} is a newer run of {metrics['variant']}, seed {metrics['seed']}"
            left_out.append(LeftOut(run.folder.run_id, reason, "replaced by a newer one of their seed"))
    order = {variant: place for place, variant in enumerate(VARIANTS)}
    kept = sorted(newest, key=lambda key: (order.get(key[0], len(order)), *key))
    return [newest[key] for key in kept], left_out


def find_same_configurations(configs: Iterable[RunConfig], runs_dir: Path) -> dict[RunConfig, RunFolder]:
    """Return, of each configuration that there is a run of, the complete one, else the one with the most epochs.

    The checksum says which data a run was trained on, whatever path they had. A run whose metrics cannot be read is
    one to resume: they are written anew from its checkpoint.
    """
    wanted = {replace(config, dataset=""): config for config in configs}
    found: dict[RunConfig, tuple[bool, int, RunFolder]] = {}
    for folder in list_run_folders(runs_dir):
        try:
            config = wanted.get(replace(folder.read_config(), dataset=""))
        except DataError:
            continue  # `rdrop runs` names it
        if config is not None:
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


def explain_difference(run: Metrics, reference: Metrics) -> Difference | None:
    """Say why a run did not measure the same thing as another, so that both may not be compared; None if it did."""
    return explain_other_measure(run, reference) or _explain_other_cell(run, reference)


def explain_other_measure(run: Metrics, reference: Metrics) -> Difference | None:
    """Say what a run measured another thing by than another did, data or protocol; None if neither."""
    of = f"than {reference['run_id']}"
    if run["dataset"]["sha256"] != reference["dataset"]["sha256"]:
        checksums = (str(each["dataset"]["sha256"])[:12] for each in (run, reference))
        return Difference(f"other data {of} (SHA-256 {'…, not '.join(checksums)}…)", f"on other data {of}")
    one, other = (each["protocol"] for each in (run, reference))
    fields = [field for field in sorted({*one, *other} - {"summary"}) if one.get(field) != other.get(field)]
    if fields:
        return Difference(f"another protocol {of} ({', '.join(fields)})", f"under another protocol {of}")
    return None


def _explain_other_cell(run: Metrics, reference: Metrics) -> Difference | None:
    cell, reference_cell, of = read_cell(run), read_cell(reference), f"than {reference['run_id']}"
    if cell == reference_cell:
        return None
    return Difference(f"another cell {of} ({cell}, not {reference_cell})", f"of another cell {of}")


def has_own_rates(run: Metrics) -> bool:
    """Whether a run was trained with the rates that its variant has where none are asked for."""
    variant = VARIANTS.get(run["variant"])
    return variant is not None and all(getattr(variant, name, rate) == rate for name, rate in run["rates"].items())


def describe_settings(run: Metrics) -> str:
    """Render what may differ between runs of one variant, as a text that is the same only where the settings are."""
    rates = ", ".join(f"{name.replace('_', ' ')} {float(rate)}" for name, rate in sorted(run["rates"].items()))
    return f"{rates}, {run['epochs']['planned']} epochs"
