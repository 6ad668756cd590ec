"""From run folders to the runs that may be judged together; every other one is named with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from msgspec.structs import asdict

from rdrop_cli.analysis.network import Arm, label_arms, read_arm
from rdrop_cli.analysis.run import DailyErrors, RunCurves, read_daily_errors
from rdrop_cli.errors import DataError
from rdrop_cli.runs.comparable import (
    Run,
    Skipped,
    keep_comparable,
    keep_newest_of_each_seed,
    keep_usual_settings,
    read_runs,
)
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import find_run, list_run_folders
from rdrop_cli.study.variants import DEFAULT_CELL, VARIANTS

MOST_ARMS_NAMED = 3


@dataclass(frozen=True)
class Collection:
    """Complete runs on the same data under the same protocol, in the order of the study, then of settings and seeds.

    Attributes:
        metrics, curves: of each run that the claims are judged on, in the same order: one cell, one setting of rates
            and epochs a variant, one run a seed.
        used: of every run, those with other rates, epochs or cells included.
        arms: the curves of every run by its arm; one run a seed.
        usual: the arms with the settings that most runs of their variant and cell have.
        left_out: the other runs, each with the reason.
        notes: what has to be known about the runs that are used.
    """

    metrics: tuple[Metrics, ...] = ()
    curves: tuple[RunCurves, ...] = ()
    used: tuple[Metrics, ...] = ()
    arms: Mapping[Arm, Sequence[RunCurves]] = field(default_factory=dict)
    usual: frozenset[Arm] = frozenset()
    left_out: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def by_variant(self) -> dict[str, list[RunCurves]]:
        variants = dict.fromkeys(run.variant for run in self.curves)
        return {variant: [run for run in self.curves if run.variant == variant] for variant in variants}

    def describe(self) -> str:
        """Name what is judged in one line: `baseline seeds 0-4, dropout seeds 0-4; jena data, book protocol`."""
        seeds = [f"{variant} {_name_seeds([run.seed for run in runs])}" for variant, runs in self.by_variant.items()]
        first = self.metrics[0]
        cell = first.cell
        network = "" if cell == DEFAULT_CELL else f", {cell} cell"
        warning = " (not the published file)" if first.dataset.verified is False else ""
        setting = f"{first.dataset.name} data{warning}, {first.protocol.name} protocol{network}"
        return f"{', '.join(seeds)}; {setting}"


def _name_seeds(seeds: Sequence[int]) -> str:
    """Render ascending seeds, runs of them from first to last: `seed 3`, `seeds 0-4, 7`."""
    spans = list[list[int]]()
    for seed in seeds:
        if spans and seed == spans[-1][-1] + 1:
            spans[-1].append(seed)
        else:
            spans.append([seed])
    names = [str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans]
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(names)}"


def collect_runs(names: Sequence[str], runs_dir: Path) -> Collection:
    """Collect the runs that are named, or all of `runs_dir` where none is.

    Data and protocol are those of the first run named, or of the newest, if it is fit to be judged (else of the next);
    the claims are judged on its cell, and on the rates and epochs that most runs of a variant have. Of one arm and
    seed the newest run counts.

    Raises:
        RdropError: a name is no run.
    """
    folders = [find_run(name, runs_dir) for name in names] if names else list_run_folders(runs_dir)
    readable, unreadable = read_runs(dict.fromkeys(folders))
    fit, unfit = _keep_fit(readable)
    if not fit:
        return Collection(left_out=(*unreadable, *unfit))
    reference = min(fit, key=lambda run: folders.index(run.folder)) if names else fit[0]
    comparable, differing = keep_comparable(fit, reference, any_cell=True)
    used, replaced = keep_newest_of_each_seed(comparable)
    usual = _find_usual(comparable)
    in_claims = usual[reference.metrics.cell]
    chosen = [run for run in used if read_arm(run.metrics) in in_claims]
    daily, damaged = _read_daily(chosen)
    return Collection(
        metrics=tuple(run.metrics for run in chosen),
        curves=tuple(build_curves(run.metrics, errors) for run, errors in zip(chosen, daily, strict=True)),
        used=tuple(run.metrics for run in used),
        arms=_group_by_arm(used),
        usual=frozenset().union(*usual.values()),
        left_out=(*unreadable, *unfit, *differing, *replaced),
        notes=(
            *_note_unverified(reference),
            *_note_other_rates(chosen),
            *_note_other_arms(used, in_claims),
            *damaged,
        ),
    )


def _find_usual(runs: Sequence[Run]) -> dict[str, frozenset[Arm]]:
    """Return the arms with the usual settings of each variant, by cell.

    Args:
        runs: newest first.
    """
    by_cell: dict[str, list[Run]] = {}
    for run in runs:
        by_cell.setdefault(run.metrics.cell, []).append(run)
    return {
        cell: frozenset(read_arm(run.metrics) for run in keep_usual_settings(of_cell)[0])
        for cell, of_cell in by_cell.items()
    }


def _group_by_arm(runs: Sequence[Run]) -> dict[Arm, list[RunCurves]]:
    arms: dict[Arm, list[RunCurves]] = {}
    for run in runs:
        arms.setdefault(read_arm(run.metrics), []).append(build_curves(run.metrics))
    return arms


def build_curves(metrics: Metrics, daily: DailyErrors | None = None) -> RunCurves:
    """Take from a run's metrics what the analysis needs.

    Raises:
        DataError: it has finished no epoch.
    """
    history, test = metrics.history, metrics.test
    return RunCurves(
        variant=metrics.variant,
        seed=metrics.seed,
        loss=np.array(history.loss, np.float64),
        val_loss=np.array(history.val_loss, np.float64),
        train_mae=np.array(history.train_mae, np.float64),
        naive_val_mae=metrics.naive.val_mae,
        test_mae=test.mae if test else None,
        target_std=metrics.target_std,
        unit=metrics.unit,
        daily=daily,
    )


_UNFIT = {"failed": "that failed", "interrupted": "that are not complete"}


def _keep_fit(runs: Sequence[Run]) -> tuple[list[Run], list[Skipped]]:
    """Keep, in their order, the complete runs whose figures are finite."""
    fit, unfit = [], []
    for run in runs:
        try:
            _check_fit(run)
            fit.append(run)
        except DataError as error:
            unfit.append(Skipped(run.folder.run_id, str(error), _UNFIT.get(run.metrics.status, "that are not whole")))
    return fit, unfit


def _check_fit(run: Run) -> None:
    status, epochs = run.metrics.status, run.metrics.epochs
    if status == "failed":
        raise DataError(f"failed: {run.metrics.failure}")
    if status != "completed":
        hint = f"; go on with: rdrop train --resume {run.folder.run_id}" if status == "interrupted" else ""
        raise DataError(f"{status}, {epochs.done} of {epochs.planned} epochs are done{hint}")
    build_curves(run.metrics)


def _read_daily(runs: Sequence[Run]) -> tuple[list[DailyErrors | None], list[str]]:
    """Read the daily errors of each run, and name the files that are damaged; none is missed where none was kept."""
    daily, damaged = list[DailyErrors | None](), []
    for run in runs:
        try:
            daily.append(read_daily_errors(run.folder.daily_errors_path))
        except DataError as error:
            daily.append(None)
            damaged.append(f"{run.folder.run_id}: {error}: judged without it")
    return daily, damaged


def _note_unverified(run: Run) -> list[str]:
    data = run.metrics.dataset
    if data.verified is not False:
        return []
    return [f"{data.name}: the data have the published structure but another checksum: not the published readings"]


def _note_other_rates(runs: Sequence[Run]) -> list[str]:
    """Tell of variants that were not trained with the study's rates, of which the claims speak."""
    notes = {}
    for run in runs:
        variant, rates = VARIANTS.get(run.metrics.variant), asdict(run.metrics.rates)
        differing = [name for name, rate in rates.items() if variant and getattr(variant, name, rate) != rate]
        if variant and differing:
            received = ", ".join(f"{name.replace('_', ' ')} {rates[name]}" for name in differing)
            notes[variant.name] = f"{variant.name} was trained with {received}: not the rates of the study"
    return list(notes.values())


def _note_other_arms(used: Sequence[Run], in_claims: frozenset[Arm]) -> list[str]:
    """Tell on what the claims are judged where there are runs with other rates, epochs or cells."""
    arms = [read_arm(run.metrics) for run in used]
    others = [arm for arm in arms if arm not in in_claims]
    if not others:
        return []
    labels, varied = label_arms(dict.fromkeys(arms)), {arm.variant for arm in others}
    names = [label for arm, label in labels.items() if arm in in_claims and arm.variant in varied]
    more = f" and {len(names) - MOST_ARMS_NAMED} more" if len(names) > MOST_ARMS_NAMED else ""
    on = f"{'; '.join(names[:MOST_ARMS_NAMED])}{more}" or f"the {next(iter(in_claims)).cell} cell"
    number = f"{len(others)} {'run' if len(others) == 1 else 'runs'}"
    return [f"the claims are judged on {on}. {number} with other rates, epochs or cells: in the table of networks"]
