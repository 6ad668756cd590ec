"""A verdict in words."""

from typing import Literal

from rdrop_cli.analysis.claims import EPOCH_UNIT, EPOCHS_UNIT, ERROR_UNIT, SLOPE_UNIT, Region
from rdrop_cli.analysis.estimates import Evidence, estimate_over_seeds
from rdrop_cli.analysis.period import OverTime
from rdrop_cli.analysis.stats import ALPHA, MAX_PAIRS, Interval, smallest_sign_flip_p

Verdict = Literal["holds", "does-not-hold", "undecided"]
BENEFITS_TITLE = "What the book runs together: a better optimum, and resistance to over-training"
_SHOWN_UNITS = {ERROR_UNIT: "", SLOPE_UNIT: " an epoch", EPOCHS_UNIT: " epochs", EPOCH_UNIT: ""}
_FORMATS = {ERROR_UNIT: "+.4f", SLOPE_UNIT: "+.5f", EPOCHS_UNIT: "+.1f", EPOCH_UNIT: ".1f"}


def format_number(value: float, unit: str) -> str:
    """Render a number of a claim with the digits that its unit deserves, the unit left out; there is no minus zero."""
    text = format(value, _FORMATS[unit])
    return text if float(text) else format(0.0, _FORMATS[unit])


def format_interval(interval: Interval, unit: str) -> str:
    return f"[{format_number(interval.low, unit)}, {format_number(interval.high, unit)}]"


def format_estimate(mean: float | None, interval: Interval | None, unit: str) -> str:
    """Render a mean with its interval and unit; a dash where there is none. Standardised errors go without unit."""
    if mean is None:
        return "-"
    return f"{format_number(mean, unit)}{f' {format_interval(interval, unit)}' if interval else ''}{_SHOWN_UNITS[unit]}"


def summarise(evidence: Evidence, verdict: Verdict, p_holm: float | None, more_seeds: int | None) -> str:
    """Say the verdict, and what an undecided claim waits for, in a few words."""
    if evidence.estimate.mean is None:
        return f"undecided: no seed with {' and '.join(evidence.claim.needs)}"
    caveat = _name_caveat(evidence)
    if p_holm is None:
        return f"undecided: one seed decides nothing{caveat}"
    if verdict == "undecided":
        return f"undecided: {_name_outlook(more_seeds)}{caveat}"
    return f"{_spell(verdict)}{caveat}"


def write_sentence(
    evidence: Evidence,
    verdict: Verdict,
    p_holm: float | None,
    tested: int,
    more_seeds: int | None,
    over_time: OverTime | None,
) -> str:
    """Say what was seen over how many seeds, and what follows from it, for one of `tested` claims."""
    seeds, mean = evidence.estimate.seeds, evidence.estimate.mean
    if mean is None:
        return f"undecided: {_name_what_is_missing(evidence)}"
    caveat, period = _name_caveat(evidence), _name_period(evidence, over_time)
    if p_holm is None:
        seen = "as claimed" if evidence.agrees else "not as claimed"
        figure = f"{_name_figure(evidence, mean)}, {seen}"
        return f"undecided: seed {seeds[0]} shows {figure}{caveat}; one seed decides nothing{period}"
    figures = f"{_name_figure(evidence, mean)}{_name_interval(evidence)} over {len(seeds)} seeds{caveat}"
    if verdict != "undecided":
        return f"{_spell(verdict)}: {figures}, p {p_holm:.2g} after Holm's correction over {tested}{period}"
    return f"undecided: {figures}{_name_limit(evidence, tested)}; {_name_outlook(more_seeds)}{period}"


def _spell(verdict: Verdict) -> str:
    return verdict.replace("-", " ")


def _name_what_is_missing(evidence: Evidence) -> str:
    needs = " and ".join(evidence.claim.needs)
    which = "with finished runs" if len(evidence.claim.needs) > 1 else "with a finished run"
    return f"there is no seed {which} of {needs}, of at least {evidence.claim.least_epochs} epochs"


def _name_figure(evidence: Evidence, value: float) -> str:
    """Render `number, value`; an error in the target's own unit as well."""
    claim, (per_unit, unit) = evidence.claim, evidence.scale
    if claim.unit != ERROR_UNIT:
        return f"{claim.number} {format_number(value, claim.unit)} {claim.unit}"
    in_own_unit = f" ({value * per_unit:+.3f} {unit})" if unit else ""
    return f"{claim.number} {format_number(value, claim.unit)}{in_own_unit}"


def _name_interval(evidence: Evidence) -> str:
    interval = evidence.estimate.interval
    return f" {format_interval(interval, evidence.claim.unit)}" if interval else ""


def _name_caveat(evidence: Evidence) -> str:
    """Give the number without which the claim's own would mislead, and whether it says the same."""
    beside = evidence.claim.caveat
    if beside is None:
        return ""
    estimate = estimate_over_seeds(beside.measure, evidence.runs)
    if estimate.mean is None:
        return ""
    interval = estimate.interval or Interval(estimate.mean, estimate.mean)
    says = place(interval, evidence.claim.region, "as claimed", "either way", "not as claimed")
    return f" ({beside.name} {format_number(estimate.mean, beside.unit)}: {says})"


def _name_period(evidence: Evidence, over_time: OverTime | None) -> str:
    """Say whether the claim could be told from another validation period too."""
    if over_time is None:
        return ""
    figure = f"{format_number(over_time.estimate, ERROR_UNIT)} {format_interval(over_time.interval, ERROR_UNIT)}"
    might = place(
        over_time.interval,
        evidence.claim.region,
        "would probably show it too",
        "might not show it",
        "would probably not show it",
    )
    return (
        f"; the best networks' difference over {over_time.days} days, redrawn in blocks of two weeks, is {figure}: "
        f"another such period {might}"
    )


def place(interval: Interval, region: Region, inside: str, across: str, outside: str) -> str:
    """Choose between three words by where an interval lies: wholly in a region, across an end of it, wholly out."""
    if interval.low in region and interval.high in region:
        return inside
    return outside if interval.high <= region.low or interval.low >= region.high else across


def _name_limit(evidence: Evidence, tested: int) -> str:
    """Say where so few seeds could not have settled anything, whatever they showed."""
    pairs = len(evidence.estimate.seeds)
    smallest = smallest_sign_flip_p(pairs)
    if evidence.tests_equivalence or smallest * tested < ALPHA:
        return ""
    if smallest >= ALPHA:
        return f"; sign flips of {pairs} seeds cannot reach p < {ALPHA} (at best {smallest:.2g}), six can"
    return f"; sign flips of {pairs} seeds cannot reach p < {ALPHA} over {tested} claims (at best {smallest:.2g} each)"


def _name_outlook(more_seeds: int | None) -> str:
    if more_seeds is None:
        return f"more than {MAX_PAIRS} seeds would be needed, if there is anything to find"
    return f"{name_more_seeds(more_seeds)} would settle it"


def name_more_seeds(more_seeds: int | None) -> str:
    """Say about how many more seeds would settle what is undecided; None where over 1000 are not enough."""
    if more_seeds is None:
        return f"over {MAX_PAIRS} more seeds, if at all"
    return f"about {more_seeds} more {'seed' if more_seeds == 1 else 'seeds'}"
