"""A verdict in words."""

from typing import Literal

from rdrop_cli.analysis.claims import ERROR_UNIT
from rdrop_cli.analysis.evidence import Evidence, estimate_over_seeds
from rdrop_cli.analysis.stats import ALPHA, MAX_PAIRS, smallest_sign_flip_p

Verdict = Literal["holds", "does-not-hold", "undecided"]


def write_sentence(
    evidence: Evidence, verdict: Verdict, p_holm: float | None, tested: int, more_seeds: int | None
) -> str:
    """Say what was seen over how many seeds, and what follows from it, for one of `tested` claims."""
    seeds, mean = evidence.estimate.seeds, evidence.estimate.mean
    if mean is None:
        return f"undecided: {_name_what_is_missing(evidence)}"
    caveat = _name_caveat(evidence)
    if p_holm is None:
        seen = "as claimed" if evidence.agrees else "not as claimed"
        figure = f"{_name_figure(evidence, mean)}, {seen}"
        return f"undecided: seed {seeds[0]} shows {figure}{caveat}; one seed decides nothing"
    figures = f"{_name_figure(evidence, mean)}{_name_interval(evidence)} over {len(seeds)} seeds{caveat}"
    if verdict != "undecided":
        return f"{verdict.replace('-', ' ')}: {figures}, p {p_holm:.2g} after Holm's correction over {tested}"
    return f"undecided: {figures}{_name_limit(evidence, tested)}; {_name_outlook(more_seeds)}"


def _name_what_is_missing(evidence: Evidence) -> str:
    needs = " and ".join(evidence.claim.needs)
    which = "with finished runs" if len(evidence.claim.needs) > 1 else "with a finished run"
    return f"there is no seed {which} of {needs}, of at least {evidence.claim.least_epochs} epochs"


def _name_figure(evidence: Evidence, value: float) -> str:
    """Render `number, value`; an error in °C as well."""
    claim, degc = evidence.claim, evidence.degc_per_unit
    if claim.unit != ERROR_UNIT or degc is None:
        return f"{claim.number} {value:+.1f} {claim.unit}"
    return f"{claim.number} {value:+.4f} ({value * degc:+.3f} °C)"


def _name_interval(evidence: Evidence) -> str:
    interval = evidence.estimate.interval
    if interval is None:
        return ""
    digits = 4 if evidence.claim.unit == ERROR_UNIT else 1
    return f" [{interval.low:+.{digits}f}, {interval.high:+.{digits}f}]"


def _name_caveat(evidence: Evidence) -> str:
    name = evidence.claim.caveat
    if name is None:
        return ""
    mean = estimate_over_seeds(evidence.claim.beside[name], evidence.runs).mean
    return "" if mean is None else f" ({name} {mean:+.4f})"


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
    return f"about {more_seeds} more {'seed' if more_seeds == 1 else 'seeds'} would settle it"
