"""The runs that forecast together: the runs of one network at one origin, which differ only by seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.runs.comparable import (
    Run,
    Skipped,
    keep_comparable,
    keep_newest_of_each_seed,
    keep_usual_settings,
    read_runs,
    read_settings,
)
from rdrop_cli.runs.difference import Explain, explain_difference, explain_more_than_origin
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import find_run, list_run_folders
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.own import find_maker
from rdrop_cli.study.variants import REFERENCES, VARIANTS


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Complete runs of one network; the first run determines what is forecast.

    Attributes:
        label: label of the network, which names its columns.
        runs: ordered by seed.
    """

    label: str
    runs: tuple[Run, ...]

    @property
    def metrics(self) -> Metrics:
        return self.runs[0].metrics

    @property
    def config(self) -> RunConfig:
        return self.runs[0].folder.read_config()

    @property
    def has_masks(self) -> bool:
        """Whether it was trained with dropout; a network of the user's own may have dropout."""
        return any(self.metrics.rates.pair) or bool(find_maker(self.metrics.variant))

    @property
    def has_quantiles(self) -> bool:
        """Whether it forecasts quantiles."""
        return len(self.metrics.protocol.quantiles) > 1


def choose_ensembles(
    names: Sequence[str], runs_dir: Path, every_origin: bool = False
) -> tuple[list[Ensemble], list[Skipped]]:
    """Return the named networks, each with its runs, and the runs that are left out.

    A name is the name of a run, or of a variant, which stands for the newest complete run of each seed. Runs that
    differ only by seed forecast together. Without names, the network of the newest complete run is returned.

    Args:
        every_origin: whether to include the runs of a study's other origins, earlier ones first.

    Raises:
        RdropError: a named run failed or is not complete, or there is none.
        UsageError: a reference forecast is named, or runs that cannot forecast together: of several studies, of other
            epochs, or twice of one seed.
    """
    explain = explain_more_than_origin if every_origin else explain_difference
    if not names:
        return _choose_newest(runs_dir, explain)
    chosen: dict[Path, Run] = {}
    skipped: list[Skipped] = []
    for name in names:
        if (name in VARIANTS or find_maker(name)) and not (Path(name) / "config.json").is_file():
            found, others = _find_seeds(name, runs_dir, explain)
            skipped += others
        else:
            found = [_find_complete(name, runs_dir)]
        chosen |= {run.folder.path.resolve(): run for run in found}
    runs = list(chosen.values())
    _, differing = keep_comparable(runs, runs[0], explain)
    if differing:
        raise UsageError(f"{differing[0]}; forecast them one after the other")
    return _group(runs), list(dict.fromkeys(skipped))


def _choose_newest(runs_dir: Path, explain: Explain) -> tuple[list[Ensemble], list[Skipped]]:
    runs, _ = read_runs(list_run_folders(runs_dir))
    complete = [run for run in runs if run.metrics.status == "completed" and run.metrics.is_network]
    if not complete:
        raise RdropError(f"no network in {runs_dir} is complete; start one with `rdrop train`")
    found, skipped = _find_seeds(complete[0].metrics.variant, runs_dir, explain, of_newest=True)
    return _group(found), skipped


def _find_seeds(
    variant: str, runs_dir: Path, explain: Explain, of_newest: bool = False
) -> tuple[list[Run], list[Skipped]]:
    """Return the newest complete run of each seed of a variant, among runs that do not differ from the newest.

    Args:
        of_newest: whether to take the rates and epochs of the newest run; else those that most runs have.
    """
    runs, unreadable = read_runs(list_run_folders(runs_dir))
    complete = [run for run in runs if run.metrics.variant == variant and run.metrics.status == "completed"]
    if not complete:
        raise RdropError(f"no run of {variant} in {runs_dir} is complete; start one with `rdrop train {variant}`")
    comparable, differing = keep_comparable(complete, complete[0], explain)
    if of_newest:
        settings = read_settings(complete[0].metrics)
        comparable = [run for run in comparable if read_settings(run.metrics) == settings]
    usual, unusual = keep_usual_settings(comparable)
    newest, _ = keep_newest_of_each_seed(usual)
    return newest, [*unreadable, *differing, *unusual]


def _find_complete(name: str, runs_dir: Path) -> Run:
    if name in REFERENCES:
        raise UsageError(f"{name} is a reference forecast, with which `rdrop calibrate` compares; name a network")
    folder = find_run(name, runs_dir)
    metrics = folder.read_metrics()
    if not metrics.is_network:
        raise UsageError(
            f"{folder.run_id}: a reference forecast, with which `rdrop calibrate` compares; name a network"
        )
    if metrics.status == "failed":
        raise RdropError(f"{folder.run_id}: its training failed, so it has no forecast: {metrics.cause_of_failure}")
    if metrics.status != "completed":
        raise RdropError(f"{folder.run_id}: is {metrics.status} after {metrics.epochs}; complete it first")
    if not folder.model_path.is_file():
        raise DataError(f"{folder.run_id}: its network, {folder.model_path.name}, is missing")
    return Run(folder, metrics)


def _group(runs: Sequence[Run]) -> list[Ensemble]:
    """Return the runs of each network and origin, by seed; the origins of a network are in order of time."""
    groups: dict[str, dict[int, list[Run]]] = {}
    for run in runs:
        label = run.metrics.short_label.replace(" ", "-")
        members = groups.setdefault(label, {}).setdefault(run.metrics.protocol.train_start_row, [])
        for other in members:
            _check_seeds(other, run)
        members.append(run)
    return [
        Ensemble(label, tuple(sorted(by_origin[row], key=lambda run: (run.metrics.seed, run.folder.run_id))))
        for label, by_origin in groups.items()
        for row in sorted(by_origin)
    ]


def _check_seeds(one: Run, other: Run) -> None:
    """Refuse two runs of a network that differ in more than the seed, or not even in it."""
    epochs = one.metrics.epochs.planned, other.metrics.epochs.planned
    names = f"{one.folder.run_id} and {other.folder.run_id}"
    if epochs[0] != epochs[1]:
        raise UsageError(f"{names} were trained for {epochs[0]} and {epochs[1]} epochs; forecast them one by one")
    if one.metrics.code_sha256 != other.metrics.code_sha256:
        raise UsageError(f"{names} were trained by different code; forecast them one by one")
    if one.metrics.seed == other.metrics.seed:
        raise UsageError(f"{names} are both of seed {one.metrics.seed}, which has no spread; name one of them")
