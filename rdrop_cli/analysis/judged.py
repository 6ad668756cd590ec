"""A verdict as data, and as a document that has every number of the page once; missing values are null."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from math import isfinite
from typing import Any, Literal, Protocol, TypeVar

from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.claims import Claim, Region
from rdrop_cli.analysis.collect import Collection
from rdrop_cli.analysis.intervals import predict_one
from rdrop_cli.analysis.joint_test import ALPHA, Plan
from rdrop_cli.analysis.network import Network
from rdrop_cli.analysis.networks import NetworkRow
from rdrop_cli.analysis.outlook import Outlook
from rdrop_cli.analysis.variance import Spread
from rdrop_cli.errors import UsageError

Verdict = Literal["holds", "does-not-hold", "undecided"]
Reason = Literal[
    "decided", "no-runs", "too-short", "not-measured", "too-few-seeds", "across-bound", "period", "still-improving"
]
OPEN: tuple[Reason, ...] = ("too-few-seeds", "across-bound", "period")  # more seeds or days may decide these


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict of the runs on a claim.

    Attributes:
        region: where the answer has to lie, at the margin of these runs.
        reason: why it is undecided, or `decided`; `no-runs`: no seed has complete runs of all networks that it needs;
            `too-short`: a run is not long enough; `not-measured`: the intervals were not measured;
            `still-improving`: `improving` is not empty, and the answer would be that a network does not overfit.
        p: of the deciding bound of the region, from the seeds alone; None if there was no look.
        published: the same number of the published runs; None if there is none.
        size: for a share: mean, lowest and highest size of the effect over seeds.
        onset: for overfitting: the first epoch of each seed that shows it; not every onset can be found.
        improving: seeds that do not show it and whose run was still improving at its end.
    """

    claim: Claim
    answer: Answer
    region: Region
    verdict: Verdict
    reason: Reason
    p: float | None
    published: float | None
    size: tuple[float, float, float] | None
    onset: Mapping[int, float]
    outlook: Outlook | None
    improving: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        return self.claim.id

    @property
    def reproduced(self) -> bool | None:
        """Whether the published number lies in the 95 % prediction interval of a run; for a share, in its interval.

        A published number comes from one run and scatters as runs do. None if nothing was published, or if there are
        fewer than two seeds.
        """
        if self.published is None or len(self.answer.seeds) < 2:
            return None
        is_share = self.claim.question.is_share
        interval = self.answer.interval if is_share else predict_one(self.answer.values)
        return None if interval is None else bool(interval.low <= self.published <= interval.high)

    @property
    def has_answer(self) -> bool:
        """Whether any seed answers it."""
        return bool(self.answer.by_seed)


class Judged(Protocol):
    """A verdict on a claim."""

    @property
    def claim(self) -> Claim: ...

    @property
    def reason(self) -> Reason: ...


Found = TypeVar("Found", bound=Judged)


def find_claim(claims: Sequence[Found], claim_id: str) -> Found:
    """Return the verdict on one claim.

    Raises:
        UsageError: the judged edition does not make this claim.
    """
    found = next((each for each in claims if each.claim.id == claim_id), None)
    if found is None:
        known = ", ".join(each.claim.id for each in claims)
        raise UsageError(f"{claim_id} is no claim of the edition that these runs follow; it has {known}")
    return found


@dataclass(frozen=True)
class Confirmation:
    """Networks that some seeds chose and others judge.

    Attributes:
        first_fresh: seeds from this one on had no part in the choice; only they are judged.
        chosen: for each network, the number of networks of its cell among which it was the best on the earlier seeds.
    """

    first_fresh: int
    chosen: Mapping[Network, int]


@dataclass(frozen=True)
class StudyVerdict:
    """The judged runs and the verdicts.

    Attributes:
        margin: the smallest difference that counts, in standardised error.
        networks: the table of networks; in each cell the lowest difference comes first.
        variance: the variance account; empty if no source varies alone.
        confirmation: the choice, if other seeds chose the judged networks; then no claim is judged.
    """

    collection: Collection
    plan: Plan
    margin: float
    claims: tuple[ClaimVerdict, ...]
    networks: tuple[NetworkRow, ...]
    variance: tuple[Spread, ...] = ()
    confirmation: Confirmation | None = None

    def find(self, claim_id: str) -> ClaimVerdict:
        """Return the verdict on one claim.

        Raises:
            UsageError: the judged edition does not make this claim.
        """
        return find_claim(self.claims, claim_id)

    def _repr_html_(self) -> str:
        """Return the HTML for a notebook: each claim and its verdict."""
        rows = (f"<tr><th>{escape(claim.id)}</th><td>{escape(claim.verdict)}</td></tr>" for claim in self.claims)
        return f"<table>{''.join(rows)}</table>"

    @property
    def answers(self) -> dict[str, Answer]:
        """The answers that have seeds, once each, by the id of the question."""
        answers = [verdict.answer for verdict in self.claims] + [row.answer for row in self.networks if row.answer]
        return {answer.question.id: answer for answer in answers if answer.by_seed}

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for answer in self.answers.values() for seed in answer.seeds}))

    def to_json(self) -> dict[str, Any]:
        return {
            "schema_version": 3,
            "plan": {"alpha": ALPHA, "looks": list(self.plan.looks), "margin": self.margin},
            "questions": [describe_answer(answer) for answer in self.answers.values()],
            "claims": [_describe_claim(verdict) for verdict in self.claims],
            "networks": [_describe_row(row) for row in self.networks],
            "variance": [{**asdict(spread), "interval": spread.interval} for spread in self.variance],
            "varied_runs": [run.run_id for run in self.collection.varied_used],
            "confirmed_from_seed": self.confirmation.first_fresh if self.confirmation else None,
            "origins": [0, *self.collection.later],
            "runs": [{"run_id": run.run_id, "variant": run.variant, "seed": run.seed} for run in self.collection.used],
            "skipped": [{"run": run.run, "reason": run.reason} for run in self.collection.skipped],
        }


def describe_answer(answer: Answer) -> dict[str, Any]:
    """Return every number of an answer."""
    return {
        "id": answer.question.id,
        "number": answer.question.number,
        "networks": list(answer.networks),
        "kind": "share" if answer.question.is_share else "mean",
        "by_seed": {str(seed): value for seed, value in answer.by_seed.items()},
        "estimate": answer.estimate,
        "exact_interval": answer.exact_interval,
        "interval": answer.interval,
        "seeds_interval": answer.seeds_interval,
        "period": asdict(answer.period) if answer.period else None,
        "origins": asdict(answer.origins) if answer.origins else None,
        "p": [{"bound": bound, "p": p} for bound, p in sorted(answer.p.items())],
        "looked": answer.looked,
    }


def describe_region(region: Region) -> list[float | None]:
    """Return the ends of a region; None for an open end."""
    return [bound if isfinite(bound) else None for bound in (region.low, region.high)]


def _describe_claim(verdict: ClaimVerdict) -> dict[str, Any]:
    region, claim = verdict.region, verdict.claim
    return {
        "id": claim.id,
        "text": claim.text,
        "question": claim.question.id,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "seeds": list(verdict.answer.seeds),
        "estimate": verdict.answer.estimate,
        "interval": verdict.answer.interval,
        "p": verdict.p,
        "region": describe_region(region),
        "published": verdict.published,
        "reproduced": verdict.reproduced,
        "size": dict(zip(("mean", "low", "high"), verdict.size, strict=True)) if verdict.size else None,
        "onset": {str(seed): epoch for seed, epoch in verdict.onset.items()},
        "outlook": asdict(verdict.outlook) if verdict.outlook else None,
        "still_improving": list(verdict.improving),
    }


def _describe_row(row: NetworkRow) -> dict[str, Any]:
    shown, examined = row.overfitting
    return {
        "label": row.label,
        **asdict(row.network),
        "seeds": list(row.seeds),
        "attempts": asdict(row.attempts),
        "level": row.level,
        "turn": row.turn,
        "test": row.test,
        "overfitting": {"seeds": shown, "of": examined, "interval": row.overfitting_interval},
        "reference": row.reference,
        "question": row.answer.question.id if row.answer else None,
        "difference": row.answer.estimate if row.answer else None,
        "interval": row.answer.interval if row.answer else None,
        "effect": row.effect,
        "chosen_on_these_seeds": row.is_chosen,
    }
