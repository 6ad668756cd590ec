"""Choose the runs that may be compared, and describe the skipped ones: one by one if few, else grouped by reason."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.checkpoint import load_checkpoint
from rdrop_cli.runs.difference import Explain, explain_difference, explain_other_study
from rdrop_cli.runs.document import Metrics, Summary
from rdrop_cli.runs.find import find_run, list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.many import find_configurations, read_all_metrics, read_summaries
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.own import format_code
from rdrop_cli.study.units import format_count, format_error
from rdrop_cli.study.variants import REFERENCES, VARIANTS, label_network

if TYPE_CHECKING:
    import pandas as pd

MOST_LINES = 5
MOST_NAMES = 3

Settings = tuple[tuple[float, float], int, str]


@dataclass(frozen=True)
class Skipped:
    """A run that is not used, and why; `kind` is the reason in a phrase for several runs: `that cannot be read`."""

    run: str
    reason: str
    kind: str

    def __str__(self) -> str:
        return f"{self.run}: {self.reason}"


def describe_skipped(skipped: Sequence[Skipped]) -> list[str]:
    """Describe skipped runs, one line per run; if there are more than five, one line per kind of reason."""
    if len(skipped) <= MOST_LINES:
        return [str(run) for run in skipped]
    by_kind: dict[str, list[Skipped]] = {}
    for run in skipped:
        by_kind.setdefault(run.kind, []).append(run)
    return [str(alike[0]) if len(alike) == 1 else _name_together(kind, alike) for kind, alike in by_kind.items()]


def _name_together(kind: str, alike: Sequence[Skipped]) -> str:
    names, more = ", ".join(run.run for run in alike[:MOST_NAMES]), len(alike) - MOST_NAMES
    return f"{len(alike)} runs {kind}: {names}{f' and {more} more' if more > 0 else ''}"


@dataclass(frozen=True, eq=False)
class Run:
    """A run that can be read: its folder and its metrics."""

    folder: RunFolder
    metrics: Metrics

    @property
    def history(self) -> "pd.DataFrame":
        """The curves as a data frame, one row per epoch, with the columns of `history.csv` that metrics contain."""
        import pandas as pd

        curves, scale = self.metrics.history, self.metrics.target_std
        columns = {
            "loss": curves.loss,
            "val_loss": curves.val_loss,
            "train_mae": curves.train_mae,
            "val_mae_in_unit": [error * scale for error in curves.val_loss],
            "seconds": self.metrics.timing.epoch_seconds,
        }
        return pd.DataFrame(columns, index=pd.RangeIndex(1, len(curves.loss) + 1, name="epoch"))

    def _repr_html_(self) -> str:
        """Return an HTML table for notebooks that identifies the run and shows its figures."""
        metrics = self.metrics
        best, test = metrics.best, metrics.test
        rows = {
            "run": metrics.run_id,
            "name": metrics.name,
            "network": f"{metrics.label_with_rates}, seed {metrics.seed}",
            "data": f"{metrics.dataset.label}, {metrics.protocol.target}",
            "status": f"{metrics.status}, {metrics.epochs}",
            "best validation MAE": f"{format_error(best.val_mae_in_unit, metrics.unit)} in epoch {best.epoch}"
            if best
            else "",
            "test MAE": format_error(test.mae_in_unit, metrics.unit) if test else "",
            "naive forecast": format_error(metrics.naive.val_mae_in_unit, metrics.unit),
        }
        cells = (f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows.items() if value)
        return f"<table>{''.join(cells)}</table>"


@dataclass(frozen=True)
class Choice:
    """The runs to draw, notes on skipped runs, and whether a variant was trained with several values of both rates."""

    runs: list[Metrics]
    notes: list[str]
    both_rates_vary: bool


def choose_named(names: list[str], runs_dir: Path) -> tuple[list[Metrics], list[str]]:
    """Return the runs that a user names, and a warning for each that did not measure the same thing as the first.

    Raises:
        RdropError: a name does not match exactly one run, or a run has not finished an epoch.
    """
    runs = [find_run(name, runs_dir).read_metrics() for name in names]
    for run in runs:
        if not run.has_epochs:
            raise RdropError(f"{run.run_id}: has not finished an epoch; there is nothing to draw yet")
    differences = [(run.run_id, explain_difference(run, runs[0])) for run in runs]
    return runs, [f"{run_id}: {difference}" for run_id, difference in differences if difference]


def choose_newest(runs_dir: Path) -> "Choice":
    """Return, for each variant and seed, the newest complete run that measured the same thing as the newest run.

    If the study was repeated at several origins, the reference is the run at the first origin. If a variant has no
    complete run, its newest run that has finished an epoch is returned. The notes name the skipped runs and why, except
    runs that a newer run of the same seed replaces.

    Raises:
        RdropError: no run has finished an epoch.
    """
    readable, skipped = read_runs(list_run_folders(runs_dir))
    drawable = [run for run in readable if run.metrics.has_epochs]
    if not drawable:
        raise RdropError(f"no run in {runs_dir} has finished an epoch; start one with `rdrop train`")
    comparable, differing = keep_comparable(drawable, _choose_reference(drawable))
    complete = {run.metrics.variant for run in comparable if run.metrics.status == "completed"}
    unfinished = {run.metrics.variant: run for run in reversed(comparable) if run.metrics.variant not in complete}
    wanted = [run for run in comparable if run.metrics.status == "completed"] + list(unfinished.values())
    alike, unusual = keep_usual_settings(wanted)
    newest, _ = keep_newest_of_each_seed(alike)
    notes = describe_skipped([*skipped, *differing, *unusual])
    return Choice([run.metrics for run in newest], notes, _vary_both_rates(wanted))


def keep_first_origin(runs: Sequence[Metrics]) -> list[Metrics]:
    """Return the runs that have the same origin as the first run, in their order."""
    return [run for run in runs if run.protocol.train_start_row == runs[0].protocol.train_start_row]


def _choose_reference(runs: Sequence[Run]) -> Run:
    """Return the newest network whose seed determines everything, at the first trained origin of its study.

    If no network was trained, return a reference forecast.
    """
    networks = [run for run in runs if run.metrics.is_network] or runs
    whole = [run for run in networks if not run.metrics.vary] or networks
    of_study, _ = keep_comparable(whole, whole[0], explain_other_study)
    same_cell = [run for run in of_study if run.metrics.cell == whole[0].metrics.cell]
    return min(same_cell, key=lambda run: run.metrics.protocol.train_start_row)


def _vary_both_rates(runs: Sequence[Run]) -> bool:
    """Whether one variant was trained with several values of both rates."""
    pairs: dict[str, set[tuple[float, float]]] = {}
    for run in runs:
        pairs.setdefault(run.metrics.variant, set()).add(run.metrics.rates.pair)
    return any(all(len(set(values)) > 1 for values in zip(*found, strict=True)) for found in pairs.values())


def read_runs(folders: Sequence[RunFolder]) -> tuple[list[Run], list[Skipped]]:
    """Read runs, newest first; also return the runs that cannot be read, as skipped."""
    readable, skipped = [], []
    for folder, metrics in zip(folders, read_all_metrics(folders), strict=True):
        if isinstance(metrics, DataError):
            skipped.append(skip_unreadable(folder, metrics))
        else:
            readable.append(Run(folder, metrics))
    return sorted(readable, key=lambda run: run.metrics.created_at, reverse=True), skipped


def list_summaries(folders: Sequence[RunFolder]) -> tuple[list[tuple[RunFolder, Summary]], list[Skipped]]:
    """Read the summaries of runs, newest first; also return the runs that cannot be read, as skipped."""
    listed, skipped = [], []
    for folder, summary in zip(folders, read_summaries(folders), strict=True):
        if isinstance(summary, DataError):
            skipped.append(skip_unreadable(folder, summary))
        else:
            listed.append((folder, summary))
    return sorted(listed, key=lambda run: run[1].created_at, reverse=True), skipped


def skip_unreadable(folder: RunFolder, error: DataError) -> Skipped:
    """Return a run that cannot be read as skipped."""
    return Skipped(folder.run_id, str(error).removeprefix(f"{folder.path}/"), "that cannot be read")


def keep_comparable(
    runs: Sequence[Run], reference: Run, explain: Explain = explain_difference
) -> tuple[list[Run], list[Skipped]]:
    """Return the runs that `explain` finds comparable with `reference`, in their order, and the others as skipped."""
    differences = [(run, explain(run.metrics, reference.metrics)) for run in runs]
    return (
        [run for run, difference in differences if difference is None],
        [Skipped(run.folder.run_id, found.text, found.kind) for run, found in differences if found is not None],
    )


def keep_usual_settings(runs: Sequence[Run]) -> tuple[list[Run], list[Skipped]]:
    """Keep, in their order, the runs with the code of their variant's first, and the rates and epochs that most have.

    Only a user's own network has code. In a tie, the variant's own rates win, otherwise the settings that come first.
    """
    codes: dict[str, str] = {}
    for run in runs:
        codes.setdefault(run.metrics.variant, run.metrics.code_sha256)
    counts = Counter((run.metrics.variant, read_settings(run.metrics)) for run in runs)
    own = {(run.metrics.variant, read_settings(run.metrics)) for run in runs if run.metrics.has_own_rates}
    usual: dict[str, Settings] = {}
    for variant, settings in sorted(counts, key=lambda key: (key[1][2] != codes[key[0]], -counts[key], key not in own)):
        usual.setdefault(variant, settings)
    kept, skipped = [], []
    for run in runs:
        metrics, settings = run.metrics, read_settings(run.metrics)
        if settings == usual[metrics.variant]:
            kept.append(run)
        else:
            found, expected = (
                f"{label_network(metrics.variant, metrics.cell, rates)}, {format_count(epochs, 'epoch')}"
                f"{f', {format_code(code)}' if code else ''}"
                for rates, epochs, code in (settings, usual[metrics.variant])
            )
            reason = f"{found}; of this variant those of {expected} are compared"
            skipped.append(Skipped(run.folder.run_id, reason, "with other rates, epochs or code than those compared"))
    return kept, skipped


def keep_newest_of_each_seed(runs: Sequence[Run]) -> tuple[list[Run], list[Skipped]]:
    """Keep the first run of each network and seed at each origin.

    They are sorted by origin, variant (in the order of the study), cell, settings and seed.

    Args:
        runs: newest first.
    """
    newest: dict[tuple[int, str, str, Settings, str, int], Run] = {}
    skipped = []
    for run in runs:
        metrics = run.metrics
        network = metrics.variant, metrics.cell, read_settings(metrics)
        key = (metrics.protocol.train_start_row, *network, metrics.vary, metrics.seed)
        of_seed = newest.setdefault(key, run)
        if of_seed is not run:
            reason = f"{of_seed.folder.run_id} is a newer run of {metrics.variant}, seed {metrics.seed}"
            skipped.append(Skipped(run.folder.run_id, reason, "replaced by a newer one of their seed"))
    order = {variant: place for place, variant in enumerate((*VARIANTS, *REFERENCES))}
    kept = sorted(newest, key=lambda key: (key[0], order.get(key[1], len(order)), *key))
    return [newest[key] for key in kept], skipped


def find_same_configurations(configs: Iterable[RunConfig], runs_dir: Path) -> dict[RunConfig, RunFolder]:
    """Return, for each configuration that has runs, the complete run, or else the run with the most epochs.

    Runs that cannot be resumed come last. Data are compared by checksum, not by path; names, tags and notes of runs are
    ignored. A run whose metrics cannot be read counts as one to resume: resuming writes the metrics again from the
    checkpoint.
    """
    found: dict[RunConfig, tuple[bool, bool, int, RunFolder]] = {}
    for folder, config in find_configurations(list(configs), list_run_folders(runs_dir)):
        rank = (*_rank_progress(folder), folder)
        found[config] = max(found.get(config, rank), rank, key=lambda ranked: ranked[:3])
    return {config: folder for config, (_, _, _, folder) in found.items()}


def _rank_progress(folder: RunFolder) -> tuple[bool, bool, int]:
    """Return whether a run is complete and can be resumed, and its epochs; -1 if its metrics cannot be read."""
    try:
        metrics = folder.read_metrics()
    except DataError:
        return False, can_be_resumed(folder), -1
    is_complete = metrics.status == "completed"
    return is_complete, is_complete or can_be_resumed(folder), metrics.epochs.done


def can_be_resumed(folder: RunFolder) -> bool:
    """Whether an incomplete run can be resumed: it has an intact checkpoint or none, or a process trains it."""
    try:
        load_checkpoint(folder.checkpoints_path)
    except DataError:
        return folder.is_locked()  # its process replaces the checkpoints while they are read
    return True


def read_settings(run: Metrics) -> Settings:
    """Return what may differ between runs of one variant and cell: both rates, the planned epochs, a user's code."""
    return run.rates.pair, run.epochs.planned, run.code_sha256
