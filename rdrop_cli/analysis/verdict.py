"""The verdict of a folder's runs on the study, as numbers and reasons; `report` and `cli` put them into words.

One rule for every claim: it holds if the interval of its question lies inside its region, does not hold if it lies
outside, and is undecided if it lies across an end. The intervals are simultaneous over all questions of the page, and
valid at every look of the plan (`joint_test`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from rdrop_cli.analysis.answers import Answer, answer_questions
from rdrop_cli.analysis.asked import Asked, RunsBySeed, measure_numbers, measure_or_none, measure_seeds
from rdrop_cli.analysis.claims import SIGN_BOUND, Claim, Region
from rdrop_cli.analysis.collect import Collection
from rdrop_cli.analysis.edition_claims import CLAIM_IDS, list_claims
from rdrop_cli.analysis.intervals import Interval
from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.judged import OPEN, ClaimVerdict, Reason, StudyVerdict, Verdict
from rdrop_cli.analysis.network import Network, label_networks
from rdrop_cli.analysis.networks import align_origins, ask_differences, build_rows, find_references
from rdrop_cli.analysis.outlook import foresee
from rdrop_cli.analysis.published import load_printed_like, load_published_like
from rdrop_cli.analysis.questions import Question
from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.analysis.variance import account_for_variance
from rdrop_cli.errors import ValueRefusedError, find_nearest
from rdrop_cli.runs.history import is_still_improving

_ROUNDING = 1e-9


def judge_collection(collection: Collection, plan: Plan) -> StudyVerdict:
    """Judge claims and networks as one family."""
    page = ask_page(collection)
    asked = list(page.family.values())
    answers = answer_questions(asked, [measure_numbers(each) for each in asked], plan)
    return judge_page(page, dict(zip(page.family, answers, strict=True)), plan)


@dataclass(frozen=True)
class Page:
    """The questions to a collection.

    Attributes:
        margin: the smallest difference that counts, in standardised error.
        asked: every question of the claims and of the table of networks, by its id.
        keys: the id of the question of each network that is compared with another.
    """

    collection: Collection
    margin: float
    asked: Mapping[str, Asked]
    keys: Mapping[Network, str]

    @property
    def family(self) -> dict[str, Asked]:
        """The questions that have runs; they are answered together."""
        return {key: each for key, each in self.asked.items() if each.runs}


def ask_page(collection: Collection) -> Page:
    """Build the questions to a collection."""
    if not collection.networks:
        return Page(collection, 0.0, {}, {})
    margin = collection.curves.margin
    claims = list_claims(collection.edition)
    asked = {claim.question.id: _ask(claim.question, claims, collection, margin) for claim in claims}
    keys = dict[Network, str]()
    for network, difference in ask_differences(collection).items():
        own = _tell_apart(difference, asked, network)
        keys[network] = _find_same(network, claims, collection) or own.question.id
        asked.setdefault(keys[network], own)
    return Page(collection, margin, asked, keys)


def judge_page(page: Page, answered: Mapping[str, Answer], plan: Plan) -> StudyVerdict:
    """Judge a collection by the answers to its questions."""
    collection, margin, asked = page.collection, page.margin, page.asked
    if not collection.networks:
        return StudyVerdict(collection, plan, margin, (), ())
    answers = {key: answered.get(key) or Answer(each.question) for key, each in asked.items()}
    like = next(map(collection.find_run, collection.claimed.values()), None)
    published, printed = (load_published_like(like), load_printed_like(like)) if like else ({}, {})
    return StudyVerdict(
        collection,
        plan,
        margin,
        claims=tuple(
            _judge(claim, answers[claim.question.id], asked, margin, plan, published, printed)
            for claim in list_claims(collection.edition)
        ),
        networks=tuple(build_rows(collection, {network: answers[key] for network, key in page.keys.items()})),
        variance=tuple(account_for_variance(collection)),
    )


def list_bounds(question: Question, claims: Sequence[Claim], margin: float) -> tuple[float, ...]:
    """Return the bounds of the claims about a question that signs can be tested against, ascending."""
    regions = [claim.region(margin) for claim in claims if claim.question is question]
    bounds = {bound for region in regions for bound in region.bounds if not question.is_share or bound == SIGN_BOUND}
    return tuple(sorted(bounds))


def _ask(question: Question, claims: Sequence[Claim], collection: Collection, margin: float) -> Asked:
    networks = [collection.claimed[variant] for variant in question.needs if variant in collection.claimed]
    origins = align_origins(collection, networks) if len(networks) == len(question.needs) else {}
    labels = label_networks(collection.networks)
    named = tuple(labels[network] for network in networks)
    return Asked(question, origins, list_bounds(question, claims, margin), named, collection.validation_rows)


def _tell_apart(difference: Asked, asked: Mapping[str, Asked], network: Network) -> Asked:
    """Return a question of the table under an id that no claim's question has about networks of other cells."""
    question = difference.question
    if question.id not in asked or asked[question.id].networks == difference.networks:
        return difference
    return replace(difference, question=replace(question, id=f"{question.id}, {network.cell}"))


def _find_same(network: Network, claims: Sequence[Claim], collection: Collection) -> str | None:
    """Return the question of a claim that asks the same of the same two networks, if there is one."""
    pair = [find_references(collection).get(network), network]
    for claim in claims:
        if claim.question.in_period and [collection.claimed.get(each) for each in claim.question.needs] == pair:
            return claim.question.id
    return None


def _judge(
    claim: Claim,
    answer: Answer,
    asked: Mapping[str, Asked],
    margin: float,
    plan: Plan,
    published: Mapping[str, RunCurves],
    printed: Mapping[str, float],
) -> ClaimVerdict:
    question, region = claim.question, claim.region(margin)
    verdict = place(answer.interval, region, question.is_share)
    reason = explain_reason(answer, asked[question.id], region, verdict)
    improving = _find_improving(answer, asked[question.id]) if question.needs_turn else ()
    if improving and denies(verdict, region):
        verdict, reason = "undecided", "still-improving"
    return ClaimVerdict(
        claim=claim,
        answer=answer,
        region=region,
        verdict=verdict,
        reason=reason,
        p=_choose_p(answer, region),
        published=printed.get(question.id, _measure_published(question, asked[question.id].runs, published)),
        size=_measure_size(asked[question.id]),
        onset=_find_onsets(asked[question.id]),
        outlook=foresee(answer, region, margin, plan) if reason in OPEN else None,
        improving=improving,
    )


def _find_improving(answer: Answer, asked: Asked) -> tuple[int, ...]:
    """Return the seeds that answer no with a run that was still improving at its end: more epochs might show it."""
    silent = {seed: [runs[seed][0] for runs in asked.origins.values()] for seed, x in answer.by_seed.items() if not x}
    return tuple(
        seed
        for seed, runs in silent.items()
        if any(is_still_improving(list(run.val_loss), run.naive_val_mae) for run in runs)
    )


def denies(verdict: Verdict, region: Region) -> bool:
    """Return whether a verdict on a share says that few seeds show it."""
    return verdict == ("holds" if region.high < inf else "does-not-hold")


def place(interval: Interval | None, region: Region, is_share: bool = False) -> Verdict:
    """Decide by the position of an interval: inside a region, outside, or across an end of it.

    An interval that ends at a bound excludes it: if all of eight seeds show it, the interval of the share starts above
    1/2. The exception is an interval of the bound alone, from differences that are all zero.
    """
    if interval is None or (interval.low == interval.high and interval.low in region.bounds):
        return "undecided"
    room = _ROUNDING if is_share else 0.0
    if interval.low >= region.low - room and interval.high <= region.high + room:
        return "holds"
    if interval.high <= region.low + room or interval.low >= region.high - room:
        return "does-not-hold"
    return "undecided"


def explain_reason(answer: Answer, asked: Asked, region: Region, verdict: Verdict) -> Reason:
    """Say why a claim is undecided, or that it is decided."""
    if not answer.by_seed:
        if asked.runs and answer.question.in_points:
            return "not-measured"
        return "too-short" if asked.has_short_runs else "no-runs"
    if verdict != "undecided":
        return "decided"
    if answer.interval is None:
        return "too-few-seeds"
    by_seeds = place(answer.seeds_interval, region, answer.question.is_share)
    return "across-bound" if by_seeds == "undecided" else "period"


def _choose_p(answer: Answer, region: Region) -> float | None:
    """Return the largest p of the bounds if the estimate lies inside the region, else the p of the nearest bound."""
    bounds = [bound for bound in region.bounds if bound in answer.p]
    if answer.estimate is None or not bounds or not answer.looked:
        return None
    if answer.estimate in region:
        return max(answer.p[bound] for bound in bounds)
    return answer.p[min(bounds, key=lambda bound: abs(bound - float(answer.estimate or 0.0)))]


def _measure_published(question: Question, runs: RunsBySeed, published: Mapping[str, RunCurves]) -> float | None:
    """Return the number of the published runs, over as many epochs as the judged runs have."""
    if not runs or not all(variant in published for variant in question.needs):
        return None
    epochs = [min(of_seed[place].epochs for of_seed in runs.values()) for place in range(len(question.needs))]
    curves = [published[variant] for variant in question.needs]
    if any(curve.epochs < least for curve, least in zip(curves, epochs, strict=True)):
        return None
    cut = tuple(curve.cut(least) for curve, least in zip(curves, epochs, strict=True))
    return measure_or_none(question.measure, cut)


def _measure_size(asked: Asked) -> tuple[float, float, float] | None:
    question = asked.question
    if question.size is None or asked.has_short_runs:
        return None
    found = [measure_seeds(question.size[1], runs) for runs in asked.origins.values()]
    sizes = [size for of_seed in found for size in of_seed.values()]
    return (sum(sizes) / len(sizes), min(sizes), max(sizes)) if sizes else None


def _find_onsets(asked: Asked) -> dict[int, float]:
    """Return the first epoch of overfitting of each seed at the first origin, unless noise hides it."""
    question = asked.question
    if question.onset is None or asked.has_short_runs:
        return {}
    numbers = measure_seeds(question.measure, asked.runs)
    return measure_seeds(question.onset, {seed: asked.runs[seed] for seed, shown in numbers.items() if shown})


def check_claim_ids(ids: Iterable[str], field: str = "require") -> None:
    """Refuse ids that are not claims, given in the option `field`.

    Raises:
        UsageError: an id is unknown; the message lists the claims.
    """
    for claim_id in ids:
        if claim_id not in CLAIM_IDS:
            near = find_nearest(claim_id, CLAIM_IDS)
            hint = f"did you mean {near!r}?" if near else ""
            raise ValueRefusedError(field, claim_id, f"one of {', '.join(CLAIM_IDS)}", hint)
