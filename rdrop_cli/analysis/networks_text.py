"""The table of networks in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from rdrop_cli.analysis.claims import ERROR_UNIT, Region
from rdrop_cli.analysis.claims_text import format_estimate, name_more_seeds, place
from rdrop_cli.analysis.networks import ArmVerdict, Comparison, Figure, Overfitting
from rdrop_cli.analysis.stats import ALPHA, count_pairs_to_reach, smallest_sign_flip_p
from rdrop_cli.study.units import format_error

ARMS_TITLE = "Which network does best"
ARMS_HEADS = ("network", "seeds", "best error", "epoch", "test error", "overfits", "difference", "verdict")
NONE = "-"
_OVERFITS = {"holds": "yes", "does-not-hold": "no", "undecided": "undecided"}
_CHANCE_ARMS = 2  # the best of more is the best partly by chance


@dataclass(frozen=True)
class Scale:
    """One standardised unit of the target in its own, and what that is called; empty where it has no name."""

    per_unit: float
    unit: str

    def format(self, error: float) -> str:
        """Render a standardised error in the target's own unit."""
        return format_error(error * self.per_unit, self.unit)


def describe_row(row: ArmVerdict) -> tuple[str, ...]:
    """Return the cells of an arm, in the order of `ARMS_HEADS`."""
    difference = row.comparison.difference if row.comparison else None
    return (
        row.label,
        str(len(row.best.seeds)),
        _format_error(row.best),
        f"{row.best_epoch:.0f}",
        _format_error(row.test, with_interval=False),
        summarise_overfitting(row.overfitting),
        format_estimate(difference.mean, difference.interval, ERROR_UNIT) if difference else NONE,
        summarise_comparison(row.comparison),
    )


def summarise_overfitting(overfitting: Overfitting) -> str:
    """Say whether an arm overfits, and by how much its validation loss rises: `yes, +0.0319`."""
    if overfitting.rise is None:
        return "too few epochs"
    return f"{_OVERFITS[overfitting.verdict]}, {format_estimate(overfitting.rise.mean, None, ERROR_UNIT)}"


def summarise_comparison(comparison: Comparison | None) -> str:
    """Say whether an arm helps, or what that waits for."""
    if comparison is None:
        return "reference"
    if comparison.difference is None:
        return f"undecided: no seed in common with {comparison.reference}"
    if comparison.p_holm is None:
        return "undecided: one seed decides nothing"
    if comparison.effect == "undecided":
        return f"undecided ({name_more_seeds(comparison.more_seeds)})"
    return comparison.effect


def describe_table(rows: Sequence[ArmVerdict], scale: Scale) -> list[str]:
    """Return what has to be known to read the table, a sentence each; at least one row."""
    comparisons = [row.comparison for row in rows if row.comparison]
    return [*_name_references(comparisons, scale), *_name_limit(comparisons), *_warn_of_chance(rows, scale)]


def _name_references(comparisons: Sequence[Comparison], scale: Scale) -> list[str]:
    own = f"0.01 is {scale.format(0.01)}" + ("" if scale.unit else " in the target's own unit")
    units = f"Errors are standardised; {own}."
    best = "The best error is the lowest on validation over all epochs of a network"
    if not comparisons:
        return [f"{units} {best}."]
    references = " or, of its cell, ".join(dict.fromkeys(comparison.reference for comparison in comparisons))
    return [f"{units} {best}; the difference is from {references}, over the seeds that both have, at equal epochs."]


def _name_limit(comparisons: Sequence[Comparison]) -> list[str]:
    """Say where so few seeds could not have settled anything, whatever they showed."""
    tested = [comparison for comparison in comparisons if comparison.p is not None and comparison.difference]
    pairs = max((len(each.difference.seeds) for each in tested if each.difference), default=0)
    if not tested or smallest_sign_flip_p(pairs) * len(tested) < ALPHA:
        return []
    enough = count_pairs_to_reach(ALPHA / len(tested))
    hint = f": it takes {enough}" if enough else ""
    tests = "a comparison" if len(tested) == 1 else f"any of {len(tested)} comparisons, corrected by Holm,"
    return [f"{pairs} seeds cannot settle {tests} by sign flips, whatever they show{hint}."]


def _warn_of_chance(rows: Sequence[ArmVerdict], scale: Scale) -> list[str]:
    """Say that the best of many was chosen, and what it did where it was not chosen."""
    if len(rows) <= _CHANCE_ARMS:
        return []
    best = rows[0]
    warning = (
        f"{best.label} is the best of {len(rows)}, and the best of many is partly so by chance: its score flatters it."
    )
    if best.test is None:
        return [warning]
    figure = f"{_format_error(best.test)} ({scale.format(best.test.mean)})"
    return [f"{warning} On the test period, which had no part in choosing, its error is {figure}{_compare_test(best)}."]


def _compare_test(best: ArmVerdict) -> str:
    difference = best.comparison.test_difference if best.comparison else None
    if best.comparison is None or difference is None:
        return ""
    figure = format_estimate(difference.mean, difference.interval, ERROR_UNIT)
    beside = f", {figure} beside {best.comparison.reference}"
    if difference.interval is None:
        return f"{beside} in one seed, which decides nothing"
    there = place(difference.interval, Region(high=0.0), "lower there too", "no clear difference there", "higher there")
    return f"{beside}: {there}"


def _format_error(figure: Figure | None, with_interval: bool = True) -> str:
    """Render a standardised error, which has no sign: `0.2637 [0.2610, 0.2664]`."""
    if figure is None:
        return NONE
    interval = figure.interval
    return f"{figure.mean:.4f}" + (f" [{interval.low:.4f}, {interval.high:.4f}]" if interval and with_interval else "")
