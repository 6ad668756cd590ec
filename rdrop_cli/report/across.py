"""A verdict over several datasets in a terminal of 80 columns: the joint answer, then each dataset's answer."""

from collections.abc import Iterator

from rdrop_cli.analysis.across import AcrossVerdict, JoinedClaim
from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.joint_test import ALPHA
from rdrop_cli.report.summary import write_notes
from rdrop_cli.report.text import wrap
from rdrop_cli.report.words import (
    VERDICTS,
    describe_runs,
    format_answer,
    format_share,
    list_unjudged,
)
from rdrop_cli.runs.history import MARGIN_SHARE
from rdrop_cli.study.units import format_count

SCOPE = (
    "Joined: a seed's number is its mean over datasets, as a share of the naive error of each, or whether most of the "
    "datasets show it. The interval covers how much the datasets differ, and so is about datasets like these; shares "
    "are about these datasets. Holds in: the number of datasets in which the claim is decided to hold (the chance that "
    "any of all decisions is wrong is at most {alpha}), and the smallest share of datasets like these in which it then "
    "holds, with 95 %."
)


def write_across(judged: AcrossVerdict) -> Iterator[str]:
    """Yield the lines of the page."""
    for name, study in judged.studies.items():
        yield from wrap(f"{name}: {describe_runs(study.collection)}; margin {study.margin:.4f}")
    yield ""
    yield from wrap(summarise_across(judged))
    yield ""
    yield f"{'claim':<26}{'joined':<14}{'answer [interval]':<28} {'holds in':>11}"
    for joined in judged.claims:
        if joined.by_dataset:
            yield from _write_claim(joined)
    yield ""
    yield from wrap(SCOPE.format(alpha=format_share(ALPHA)))
    for line in list_unjudged((each for each in judged.claims if not each.by_dataset), lambda claim: claim.id):
        yield from wrap(line)
    if late := [joined.claim.id for joined in judged.claims if joined.reason == "still-improving"]:
        yield from wrap(f"Joined, undecided since runs were still improving at their end: {'; '.join(late)}.")
    for name, study in judged.studies.items():
        for note in write_notes(study):
            yield from wrap(f"{name}: {note}")


def summarise_across(judged: AcrossVerdict) -> str:
    """Name the claims that hold in every dataset and in some, and those on which datasets contradict each other."""
    everywhere = [each.claim.id for each in judged.claims if each.holding == len(judged.studies)]
    mixed = [each for each in judged.claims if 0 < each.holding < len(judged.studies)]
    against = [each for each in judged.claims if {"holds", "does-not-hold"} <= _list_verdicts(each)]
    parts = [f"Decided to hold in all {len(judged.studies)} datasets: {', '.join(everywhere) or 'no claim'}."]
    if mixed:
        listed = ", ".join(f"{each.claim.id} ({each.holding} of {len(each.by_dataset)})" for each in mixed)
        parts.append(f"In some of them: {listed}.")
    if against:
        parts.append(f"The datasets contradict each other on {', '.join(each.claim.id for each in against)}.")
    first = judged.plan.can_decide
    if first and len(judged.seeds) < first:
        seeds, verb = format_count(len(judged.seeds), "seed"), "decides" if len(judged.seeds) == 1 else "decide"
        parts.append(f"{seeds} {verb} nothing; the first look is at {first} seeds.")
    counts = f"Joined differences are in per cent of the naive error, and {format_share(MARGIN_SHARE)} counts as one"
    units = f"{counts}; those of each dataset are standardised errors."
    return " ".join([*parts, units])


def _list_verdicts(joined: JoinedClaim) -> set[str]:
    return {verdict.verdict for verdict in joined.by_dataset.values()}


def _write_claim(joined: JoinedClaim) -> Iterator[str]:
    holds = f"{joined.holding}/{len(joined.by_dataset)}, {format_share(joined.least_share)}"
    answer = _format_joined(joined.answer)
    yield f"{joined.claim.id:<26}{VERDICTS[joined.verdict]:<14}{answer:<28} {holds:>11}"
    for name, verdict in joined.by_dataset.items():
        yield from wrap(f"{name}: {VERDICTS[verdict.verdict]}, {format_answer(verdict.answer)}", indent="  ")


def _format_joined(answer: Answer) -> str:
    """Render a joint answer; a difference in per cent of the naive error: `-2.27 % [-21.69, +17.15]`."""
    if answer.estimate is None or not answer.question.is_error:
        return format_answer(answer)
    ends = f" [{', '.join(map(_format_per_cent, answer.interval))}]" if answer.interval else ""
    return f"{_format_per_cent(answer.estimate)} %{ends}"


def _format_per_cent(share: float) -> str:
    text = f"{100 * share:+.2f}"
    return text if float(text) else "+0.00"  # never minus zero
