"""A verdict as text: formats of numbers, and sentences about one claim or one network."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.claims import Claim
from rdrop_cli.analysis.collect import Attempts, Collection
from rdrop_cli.analysis.intervals import Interval
from rdrop_cli.analysis.judged import ClaimVerdict, Judged, Reason, StudyVerdict
from rdrop_cli.analysis.network import label_networks
from rdrop_cli.analysis.networks import NetworkRow
from rdrop_cli.analysis.outlook import Outlook
from rdrop_cli.analysis.questions import Question
from rdrop_cli.runs.history import MARGIN_SHARE
from rdrop_cli.study.editions import describe_changes, describe_task
from rdrop_cli.study.units import format_count

NONE = "–"
UNJUDGED: dict[Reason, str] = {
    "no-runs": "no seed has runs of all their networks",
    "too-short": "some of their runs are too short",
    "not-measured": "not measured by `rdrop calibrate`",
}
VERDICTS = {"holds": "holds", "does-not-hold": "does not hold", "undecided": "undecided"}
DISCLOSURE = (
    "When these rules were fixed, the published curves were known, and one run of each network on the same data, but "
    "no runs over seeds."
)


def format_error(value: float) -> str:
    """Render a difference of standardised errors, with its sign and never as minus zero: `+0.0123`."""
    text = f"{value:+.4f}"
    return text if float(text) else "+0.0000"


def format_share(value: float) -> str:
    """Render a share in whole per cent."""
    return f"{100 * value:.0f} %"


def format_points(value: float) -> str:
    """Render a difference of shares in percentage points, with its sign and never as minus zero: `-51.9`."""
    text = f"{100 * value:+.1f}"
    return text if float(text) else "+0.0"


def choose_format(question: Question) -> Callable[[float], str]:
    """Return the function that renders a number of a question's answer."""
    if question.is_share:
        return format_share
    return format_points if question.in_points else format_error


def format_interval(interval: Interval | None, question: Question) -> str:
    if interval is None:
        return ""
    form = choose_format(question)
    return f"[{form(interval.low)}, {form(interval.high)}]"


def format_answer(answer: Answer) -> str:
    """Render an answer: `8 of 8 seeds [50 %, 100 %]`, `-0.0354 [-0.0368, -0.0340]` or `-51.9 points [-56.3, -47.5]`.

    A dash if there is none.
    """
    question = answer.question
    if answer.estimate is None:
        return NONE
    number = (
        f"{answer.shown} of {format_count(len(answer.seeds), 'seed')}"
        if question.is_share
        else choose_format(question)(answer.estimate)
    )
    unit = " points" if question.in_points else ""
    return f"{number}{unit} {format_interval(answer.interval, question)}".rstrip()


def format_published(verdict: ClaimVerdict) -> str:
    """Render the result of the published runs, one of each network: a number, or yes or no."""
    if verdict.published is None:
        return NONE
    if verdict.claim.question.is_share:
        return "yes" if verdict.published else "no"
    return format_error(verdict.published)


def format_reproduced(verdict: ClaimVerdict) -> str:
    """Say whether the published number is reproduced; empty if that is unknown."""
    return {True: "reproduced", False: "not reproduced", None: ""}[verdict.reproduced]


def format_own_unit(value: float, collection: Collection) -> str:
    """Render an error in the target's own unit; empty if the unit is unknown."""
    run = collection.curves
    return f"{value * run.target_std:+.3f} {run.unit}" if run.unit else ""


def describe_runs(collection: Collection) -> str:
    """Name the judged runs in one line: `baseline seeds 0-4, dropout 0.2/0.2 seeds 0-4; jena data, book protocol`."""
    first, labels = collection.used[0], label_networks(collection.networks)
    shown = list(collection.claimed.values()) or list(collection.networks)
    seeds = [f"{labels[each]} {name_seeds([run.seed for run in collection.networks[each]])}" for each in shown[:4]]
    others = len(collection.networks) - len(seeds)
    if others:
        seeds.append(format_count(others, "more network"))
    cell = shown[0].chosen_cell
    warning = " (not the published file)" if collection.is_published_data is False else ""
    read = f" read with {collection.reading}" if collection.reading else ""
    setting = [f"{first.dataset.label} data{warning}{read}"]
    setting += [f"{first.protocol.name} protocol{describe_changes(first.protocol)}", describe_task(first.protocol)]
    setting += [f"{1 + len(collection.later)} periods" if collection.later else "", f"{cell} cell" if cell else ""]
    return f"{', '.join(seeds)}; {', '.join(filter(None, setting))}"


def name_seeds(seeds: Sequence[int]) -> str:
    """Render ascending seeds, with ranges for consecutive ones: `seed 3`, `seeds 0-4, 7`."""
    spans = list[list[int]]()
    for seed in seeds:
        if spans and seed == spans[-1][-1] + 1:
            spans[-1].append(seed)
        else:
            spans.append([seed])
    names = [str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans]
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(names)}"


def describe_looks(looks: Sequence[int]) -> str:
    """Render a plan of looks: `at every seed from 8 to 32`, or `at 6, 12, 24 seeds`."""
    first, last = looks[0], looks[-1]
    is_every = first < last and len(looks) == last - first + 1
    return f"at every seed from {first} to {last}" if is_every else f"at {', '.join(map(str, looks))} seeds"


def explain_claim(verdict: ClaimVerdict, judged: StudyVerdict) -> str:
    """Explain a verdict: the measured number, the result, and the conclusion."""
    question, answer = verdict.claim.question, verdict.answer
    if verdict.reason == "not-measured":
        needed = f"the intervals of {question.needs[0]} are not measured; `rdrop calibrate` does it"
        return f"{VERDICTS[verdict.verdict]}: {needed}."
    if not verdict.has_answer:
        return f"{VERDICTS[verdict.verdict]}: {_name_missing(question, verdict.reason)}."
    parts = [f"{VERDICTS[verdict.verdict]}: {question.number}: {format_answer(answer)}"]
    if (
        question.is_error
        and answer.estimate is not None
        and (own := format_own_unit(answer.estimate, judged.collection))
    ):
        parts.append(own)
    parts.append(f"over {format_count(len(answer.seeds), 'seed')}")
    if verdict.p is not None:
        parts.append(f"p = {format_p(verdict.p)} over seeds")
    sentences = [", ".join(parts) + "."]
    sentences += [_explain_region(verdict), _explain_share(answer), _explain_size(verdict), _explain_onset(verdict)]
    sentences.append(_explain_period(verdict))
    if verdict.outlook:
        sentences.append(explain_outlook(verdict.outlook, verdict, judged))
    if verdict.reason == "still-improving":
        sentences.append(explain_improving(verdict))
    if verdict.claim.other_reading:
        sentences.append(f"The other reading: {verdict.claim.other_reading}.")
    return " ".join(sentence for sentence in sentences if sentence)


def describe_published(judged: StudyVerdict) -> list[str]:
    """Say which claims the published runs, one of each network, agree and disagree with."""
    known = [verdict for verdict in judged.claims if verdict.published is not None]
    by_reading = {
        words: [verdict.id for verdict in known if (float(verdict.published or 0.0) in verdict.region) is fits]
        for words, fits in (("agree with", True), ("disagree with", False))
    }
    parts = [f"{words} {', '.join(ids)}" for words, ids in by_reading.items() if ids]
    return [f"The published runs, one of each network, {'; they '.join(parts)}."] if parts else []


def list_unjudged(claims: Iterable[Judged], name: Callable[[Claim], str]) -> list[str]:
    """Name the claims that no seed answers, one sentence per reason."""
    claims = list(claims)
    by_reason = {
        words: [name(verdict.claim) for verdict in claims if verdict.reason == reason]
        for reason, words in UNJUDGED.items()
    }
    return [f"Not judged, {words}: {'; '.join(names)}." for words, names in by_reason.items() if names]


def explain_improving(verdict: ClaimVerdict) -> str:
    seeds = ", ".join(map(str, verdict.improving))
    (network,) = verdict.claim.question.needs
    return f"{network} was still improving at its end with seed {seeds}: train longer before saying that it does not."


def format_p(p: float) -> str:
    return f"{p:.2g}"


def _name_missing(question: Question, reason: Reason) -> str:
    needs = " and ".join(question.needs)
    if reason == "too-short":
        return f"a run of {needs} has fewer than {question.least_epochs} epochs"
    runs = "complete runs" if len(question.needs) > 1 else "a complete run"
    return f"no seed has {runs} of {needs}, at the study's rates and of at least {question.least_epochs} epochs"


def _explain_region(verdict: ClaimVerdict) -> str:
    question, form = verdict.claim.question, choose_format(verdict.claim.question)
    low, high = verdict.region.low, verdict.region.high
    unit = " points" if question.in_points else ""
    if 0.0 in verdict.region.bounds:
        return f"The claim holds {'above' if low == 0.0 else 'below'} zero."
    if len(verdict.region.bounds) > 1:
        of_naive = f", {format_share(MARGIN_SHARE)} of the naive error" if question.is_error else ""
        return f"The claim holds between {form(low)} and {form(high)}{unit}{of_naive}."
    return f"The claim holds above {form(low)}{unit}." if low > -1e300 else f"The claim holds below {form(high)}{unit}."


def _explain_share(answer: Answer) -> str:
    if answer.exact_interval is None:
        return ""
    return (
        "As the only question, its exact 95 % interval would be "
        f"{format_interval(answer.exact_interval, answer.question)}."
    )


def _explain_onset(verdict: ClaimVerdict) -> str:
    """Say when overfitting begins: when the validation error has risen for good, by more than its own jitter."""
    if not verdict.onset:
        return ""
    found = len(verdict.onset)
    where = "" if found == verdict.answer.shown else f", found in {found} of the {verdict.answer.shown} seeds"
    if verdict.answer.origins:
        where = " in the first period"
    return f"Onset, where the error is up for good: {describe_onset(verdict)}{where}."


def describe_onset(verdict: ClaimVerdict) -> str:
    """Render the epochs from which seeds overfit: `epoch 9 on (8 to 12)`, the median and the range."""
    epochs = sorted(verdict.onset.values())
    ends = "" if epochs[0] == epochs[-1] else f" ({epochs[0]:.0f} to {epochs[-1]:.0f})"
    return f"epoch {median(epochs):g} on{ends}"


def _explain_size(verdict: ClaimVerdict) -> str:
    if verdict.size is None or verdict.claim.question.size is None:
        return ""
    name, is_error = verdict.claim.question.size[0], verdict.claim.question.size_is_error
    mean, low, high = (format_error(each) if is_error else f"{each:+.1f}" for each in verdict.size)
    return f"{name.capitalize()}: mean {mean}, {low} to {high} over seeds."


def _explain_period(verdict: ClaimVerdict) -> str:
    question, period, origins = verdict.claim.question, verdict.answer.period, verdict.answer.origins
    if origins:
        form = choose_format(question)
        found = f"Measured over {len(origins.estimates)} periods: {', '.join(map(form, origins.estimates))}"
        return (
            f"{found}."
            if origins.error is None
            else f"{found}; their mean has a standard error of {format_size(origins.error, question)}."
        )
    if not question.in_period:
        return ""
    if period is None:
        which, what = ("test", "coverage") if question.in_points else ("validation", "errors")
        return (
            f"How much of it depends on this {which} period is unknown: the runs share fewer than eight weeks of daily "
            f"{what}."
        )
    covered = "The interval covers the period too: over" if verdict.answer.interval else "Over"
    error = format_size(period.error, question)
    return f"{covered} {period.blocks} blocks of two weeks the difference has a standard error of {error}."


def format_size(error: float, question: Question) -> str:
    """Render a standard deviation of a mean's numbers, or a standard error."""
    return f"{100 * error:.1f} points" if question.in_points else f"{error:.4f}"


def explain_outlook(outlook: Outlook, verdict: ClaimVerdict, judged: StudyVerdict) -> str:
    """Say what more seeds would bring."""
    last = judged.plan.looks[-1]
    if outlook.kind == "first-look":
        return f"Nothing can be decided before {outlook.fewest} seeds."
    if outlook.kind == "period":
        return "The seeds agree, but another period might not: more seeds do not help, more days or splits do."
    if outlook.kind == "no-difference":
        return "No difference larger than the margin is likely."
    if outlook.kind == "unlikely":
        return f"The {last} seeds of the plan are not likely to decide it."
    if verdict.answer.question.bets_on_rarity and verdict.region.high < 0.5:
        return f"If no further seed overfits, {outlook.fewest} seeds in all decide it."
    most = f" to {outlook.most}" if outlook.most else f" to more than {last}"
    seeds = f"{outlook.fewest}{most if outlook.most != outlook.fewest else ''}"
    return f"If the difference is real, {seeds} seeds in all would decide it."


def format_attempts(attempts: Attempts) -> str:
    """Render how many of the tried seeds are complete: `8`, or `8 of 12`."""
    return (
        str(attempts.completed) if attempts.tried == attempts.completed else f"{attempts.completed} of {attempts.tried}"
    )


def describe_comparison(row: NetworkRow) -> str:
    """Say how a network compares: `lower than baseline: -0.0006 [-0.0041, +0.0029]`, and whether it was chosen."""
    if row.answer is None:
        return "reference"
    if row.answer.estimate is None:
        least = row.answer.question.least_epochs
        return f"not compared with {row.reference}: this needs the same seeds, with {least} epochs or more each"
    words = {"undecided": f"undecided against {row.reference}"}
    chosen = "; chosen on these seeds" if row.is_chosen else ""
    periods = f" over {len(row.answer.origins.estimates)} periods" if row.answer.origins else ""
    found = words.get(row.effect, f"{row.effect} than {row.reference}")
    return f"{found}{periods}: {format_answer(row.answer)}{chosen}"
