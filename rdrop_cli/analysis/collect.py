"""From run folders to the runs that may be judged together; every other one is named with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rdrop_cli.analysis.daily import DailyErrors, read_daily_errors
from rdrop_cli.analysis.run_curves import RunCurves
from rdrop_cli.errors import DataError
from rdrop_cli.runs.find import find_run, list_run_folders
from rdrop_cli.runs.select import (
    LeftOut,
    Metrics,
    Run,
    keep_comparable,
    keep_newest_of_each_seed,
    keep_usual_settings,
    read_runs,
)
from rdrop_cli.study.target import name_target
from rdrop_cli.study.variants import DEFAULT_CELL, VARIANTS


@dataclass(frozen=True)
class Collection:
    """Complete runs on the same data under the same protocol, one a variant and seed, in that order.

    Attributes:
        metrics, curves: of each run, in the same order.
        left_out: the other runs, each with the reason.
        notes: what has to be known about the runs that are used.
    """

    metrics: tuple[Metrics, ...]
    curves: tuple[RunCurves, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]

    @property
    def by_variant(self) -> dict[str, list[RunCurves]]:
        variants = dict.fromkeys(run.variant for run in self.curves)
        return {variant: [run for run in self.curves if run.variant == variant] for variant in variants}

    def describe(self) -> str:
        """Name what is judged in one line: `baseline seeds 0-4, dropout seeds 0-4; jena data, book protocol`."""
        seeds = [f"{variant} {_name_seeds([run.seed for run in runs])}" for variant, runs in self.by_variant.items()]
        first = self.metrics[0]
        cell = first.get("cell", DEFAULT_CELL)
        network = "" if cell == DEFAULT_CELL else f", {cell} cell"
        warning = " (not the published file)" if first["dataset"].get("verified") is False else ""
        setting = f"{first['dataset']['name']} data{warning}, {first['protocol']['name']} protocol{network}"
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

    Data, protocol and cell are those of the first run named, or of the newest, if it is fit to be judged (else of
    the next); rates and epochs those that most runs of a variant have; of one variant and seed the newest run counts.

    Raises:
        RdropError: a name is no run.
    """
    folders = [find_run(name, runs_dir) for name in names] if names else list_run_folders(runs_dir)
    readable, unreadable = read_runs(dict.fromkeys(folders))
    fit, unfit = _keep_fit(readable)
    if not fit:
        return Collection((), (), (*unreadable, *unfit), ())
    reference = min(fit, key=lambda run: folders.index(run.folder)) if names else fit[0]
    comparable, differing = keep_comparable(fit, reference)
    alike, unusual = keep_usual_settings(comparable)
    chosen, replaced = keep_newest_of_each_seed(alike)
    daily, damaged = _read_daily(chosen)
    return Collection(
        metrics=tuple(run.metrics for run in chosen),
        curves=tuple(build_curves(run.metrics, errors) for run, errors in zip(chosen, daily, strict=True)),
        left_out=(*unreadable, *unfit, *differing, *unusual, *replaced),
        notes=(*_note_unverified(reference), *_note_other_rates(chosen), *damaged),
    )


def build_curves(metrics: Metrics, daily: DailyErrors | None = None) -> RunCurves:
    """Take from a run's metrics what the analysis needs.

    Raises:
        DataError: it has finished no epoch.
    """
    history, test = metrics["history"], metrics["test"]
    return RunCurves(
        variant=metrics["variant"],
        seed=metrics["seed"],
        loss=history["loss"],
        val_loss=history["val_loss"],
        train_mae=history["train_mae"],
        naive_val_mae=metrics["naive"]["val_mae"],
        test_mae=test["mae"] if test else None,
        target_std=metrics["target_std"],
        unit=name_target(metrics["protocol"]["target"])[1],
        daily=daily,
    )


def _keep_fit(runs: Sequence[Run]) -> tuple[list[Run], list[LeftOut]]:
    """Keep, in their order, the complete runs whose figures are finite."""
    fit, unfit = [], []
    for run in runs:
        try:
            _check_fit(run)
            fit.append(run)
        except DataError as error:
            unfit.append(LeftOut(run.folder.run_id, str(error)))
    return fit, unfit


def _check_fit(run: Run) -> None:
    status, epochs = run.metrics["status"], run.metrics["epochs"]
    if status == "failed":
        raise DataError(f"failed: {run.metrics.get('failure')}")
    if status != "completed":
        hint = f"; go on with: rdrop train --resume {run.folder.run_id}" if status == "interrupted" else ""
        raise DataError(f"{status}, {epochs['done']} of {epochs['planned']} epochs are done{hint}")
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
    data = run.metrics["dataset"]
    if data.get("verified") is not False:
        return []
    return [f"{data['name']}: the data have the published structure but another checksum: not the published readings"]


def _note_other_rates(runs: Sequence[Run]) -> list[str]:
    """Tell of variants that were not trained with the study's rates, of which the claims speak."""
    notes = {}
    for run in runs:
        variant, rates = VARIANTS.get(run.metrics["variant"]), run.metrics["rates"]
        differing = [name for name, rate in rates.items() if variant and getattr(variant, name, rate) != rate]
        if variant and differing:
            received = ", ".join(f"{name.replace('_', ' ')} {rates[name]}" for name in differing)
            notes[variant.name] = f"{variant.name} was trained with {received}: not the rates of the study"
    return list(notes.values())
