"""One verdict over several datasets: one answer per dataset, and a joint answer.

All questions of all datasets, and the joint questions, are one family with one test: the signs of a seed are flipped in
all of them at once. So the number of datasets for which a claim is decided to hold is a bound: the chance that any
decision of the page is wrong is at most 5 %, and otherwise the claim holds in at least that many datasets (Benjamini
and Heller 2008, Biometrics 64, 1215-1222).

A joint answer treats datasets as `period` treats origins: numbers are in units of their dataset's naive error, a seed's
number is their mean over datasets, and the interval covers how much the datasets differ. So the answer applies to
datasets like these, not only to these; few datasets decide little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rdrop_cli.analysis.answers import Answer, answer_questions
from rdrop_cli.analysis.asked import Asked, Numbers, combine, measure_numbers
from rdrop_cli.analysis.claims import Claim, Region
from rdrop_cli.analysis.collect import Collection
from rdrop_cli.analysis.edition_claims import list_claims
from rdrop_cli.analysis.intervals import clopper_pearson
from rdrop_cli.analysis.joint_test import ALPHA, Plan
from rdrop_cli.analysis.judged import (
    ClaimVerdict,
    Reason,
    StudyVerdict,
    Verdict,
    describe_answer,
    describe_region,
    find_claim,
)
from rdrop_cli.analysis.verdict import Page, ask_page, denies, explain_reason, judge_page, list_bounds, place
from rdrop_cli.errors import UsageError
from rdrop_cli.runs.history import MARGIN_SHARE
from rdrop_cli.study.editions import Edition

LEAST_DATASETS = 2


@dataclass(frozen=True)
class JoinedClaim:
    """A claim over all datasets.

    Attributes:
        answer: in shares of the naive error; for a share: the share of seeds that show it in most datasets.
        by_dataset: the verdict of each dataset that has runs for it.
    """

    claim: Claim
    answer: Answer
    region: Region
    verdict: Verdict
    reason: Reason
    by_dataset: Mapping[str, ClaimVerdict]

    @property
    def holding(self) -> int:
        """The number of datasets in which it is decided to hold."""
        return sum(verdict.verdict == "holds" for verdict in self.by_dataset.values())

    @property
    def least_share(self) -> float:
        """The lower end of the 95 % interval of the share of datasets in which it holds; undecided counts as no."""
        return clopper_pearson(self.holding, len(self.by_dataset)).low if self.by_dataset else 0.0


@dataclass(frozen=True)
class AcrossVerdict:
    """Several datasets, judged together."""

    plan: Plan
    studies: Mapping[str, StudyVerdict]
    claims: tuple[JoinedClaim, ...]

    @property
    def collections(self) -> dict[str, Collection]:
        return {name: study.collection for name, study in self.studies.items()}

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for study in self.studies.values() for seed in study.seeds}))

    def find(self, claim_id: str) -> JoinedClaim:
        """Return the verdict on one claim.

        Raises:
            UsageError: the judged edition does not make this claim.
        """
        return find_claim(self.claims, claim_id)

    def to_json(self) -> dict[str, Any]:
        joined = {each.answer.question.id: each.answer for each in self.claims if each.answer.by_seed}
        return {
            "schema_version": 3,
            "plan": {"alpha": ALPHA, "looks": list(self.plan.looks), "margin": MARGIN_SHARE},
            "datasets": [{"name": name, **study.to_json()} for name, study in self.studies.items()],
            "questions": [describe_answer(answer) for answer in joined.values()],
            "claims": [_describe(each) for each in self.claims],
        }


def judge_datasets(collections: Mapping[str, Collection], plan: Plan) -> AcrossVerdict:
    """Judge the collections of several datasets, by name, together.

    Raises:
        UsageError: there are fewer than two, or they follow different editions.
    """
    if len(collections) < LEAST_DATASETS:
        found = f"only of {', '.join(collections)}" if collections else "none"
        raise UsageError(f"expected complete runs of two datasets or more, received {found}", field="across_datasets")
    pages = {name: ask_page(collection) for name, collection in collections.items()}
    asked = [(name, key, each) for name, page in pages.items() for key, each in page.family.items()]
    numbers = {(name, key): measure_numbers(each) for name, key, each in asked}
    claims = list_claims(_find_edition(collections))
    joined = {claim.question.id: _join(claim, claims, pages, numbers) for claim in claims}
    joined = {key: found for key, found in joined.items() if found[1].by_seed}
    answers = answer_questions(
        [*(each for _, _, each in asked), *(each for each, _ in joined.values())],
        [*numbers.values(), *(found for _, found in joined.values())],
        plan,
    )
    of_datasets = dict(zip(numbers, answers, strict=False))
    of_joined = dict(zip(joined, answers[len(numbers) :], strict=True))
    studies = {
        name: judge_page(page, {key: of_datasets[name, key] for key in page.family}, plan)
        for name, page in pages.items()
    }
    return AcrossVerdict(plan, studies, tuple(_judge(claim, of_joined, studies) for claim in claims))


def _find_edition(collections: Mapping[str, Collection]) -> Edition:
    """Return the edition that all datasets follow."""
    editions = {name: collection.edition for name, collection in collections.items()}
    if len({edition.number for edition in editions.values()}) > 1:
        found = ", ".join(f"{name} (edition {edition.number})" for name, edition in editions.items())
        raise UsageError(f"expected runs of one edition, received {found}; name the runs", field="across_datasets")
    return next(iter(editions.values()))


def _join(
    claim: Claim, claims: Sequence[Claim], pages: Mapping[str, Page], numbers: Mapping[tuple[str, str], Numbers]
) -> tuple[Asked, Numbers]:
    """Return a question over all datasets with runs for it, and the number of each seed in naive errors."""
    question = claim.question
    found = dict[int, dict[int, float]]()
    for place_of, (name, page) in enumerate(pages.items()):
        of_dataset = numbers.get((name, question.id))
        if of_dataset and of_dataset.by_seed:
            unit = page.margin / MARGIN_SHARE if question.is_error else 1.0
            found[place_of] = {seed: value / unit for seed, value in of_dataset.by_seed.items()}
    bounds = list_bounds(question, claims, MARGIN_SHARE)
    if len(found) < LEAST_DATASETS:
        return Asked(question, {}, bounds), Numbers()
    return Asked(question, {}, bounds, validation_rows=1), combine(question.is_share, found)


def _judge(claim: Claim, answers: Mapping[str, Answer], studies: Mapping[str, StudyVerdict]) -> JoinedClaim:
    question, region = claim.question, claim.region(MARGIN_SHARE)
    answer = answers.get(question.id) or Answer(question)
    verdict = place(answer.interval, region, question.is_share)
    found = {name: study.find(claim.id) for name, study in studies.items()}
    by_dataset = {name: each for name, each in found.items() if each.has_answer}
    reason = explain_reason(answer, Asked(question, {}, ()), region, verdict)
    if not by_dataset:
        reason = next((each.reason for each in found.values() if each.reason != "no-runs"), "no-runs")
    improving = {seed for each in by_dataset.values() for seed in each.improving}
    if denies(verdict, region) and any(answer.by_seed.get(seed) == 0.0 for seed in improving):
        verdict, reason = "undecided", "still-improving"
    return JoinedClaim(claim, answer, region, verdict, reason, by_dataset)


def _describe(joined: JoinedClaim) -> dict[str, Any]:
    return {
        "id": joined.claim.id,
        "text": joined.claim.text,
        "question": joined.claim.question.id,
        "verdict": joined.verdict,
        "reason": joined.reason,
        "region": describe_region(joined.region),
        "holds_in": joined.holding,
        "datasets": len(joined.by_dataset),
        "least_share": joined.least_share,
    }
