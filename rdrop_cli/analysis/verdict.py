"""What the runs of a folder say of the study: collected, judged, and ready to be told to people and scripts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from rdrop_cli.analysis.claims import BENEFITS, CLAIMS
from rdrop_cli.analysis.collect import Collection, collect_runs
from rdrop_cli.analysis.judge import ClaimVerdict, judge_claims
from rdrop_cli.analysis.networks import ArmVerdict, judge_arms
from rdrop_cli.analysis.networks_text import Scale, describe_table
from rdrop_cli.analysis.published import load_published_like
from rdrop_cli.errors import UsageError

CLAIM_IDS = tuple(claim.id for claim in (*CLAIMS, *BENEFITS))


@dataclass(frozen=True)
class StudyVerdict:
    """The runs that were judged and what they say.

    Attributes:
        claims, benefits: on the study's claims, and on what the book runs together.
        arms: on every network that was trained, the best first.
    """

    collection: Collection
    claims: tuple[ClaimVerdict, ...]
    benefits: tuple[ClaimVerdict, ...]
    arms: tuple[ArmVerdict, ...]

    def find(self, claim_id: str) -> ClaimVerdict:
        """Return the verdict on one claim, by an id of `CLAIM_IDS`."""
        return next(verdict for verdict in (*self.claims, *self.benefits) if verdict.id == claim_id)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: each claim and what the runs say of it."""
        rows = (f"<tr><th>{escape(claim.id)}</th><td>{escape(claim.verdict)}</td></tr>" for claim in self.claims)
        return f"<table>{''.join(rows)}</table>"

    def describe_arms(self) -> list[str]:
        """Return what has to be known to read the table of networks, a sentence each."""
        run = self.collection.curves[0]
        return describe_table(self.arms, Scale(run.target_std, run.unit))

    def to_json(self) -> dict[str, Any]:
        return {
            "claims": [asdict(verdict) for verdict in self.claims],
            "benefits": [asdict(verdict) for verdict in self.benefits],
            "arms": [verdict.to_json() for verdict in self.arms],
            "runs": [{"run_id": run.run_id, "variant": run.variant, "seed": run.seed} for run in self.collection.used],
            "left_out": [{"run": left.run, "reason": left.reason} for left in self.collection.left_out],
            "notes": list(self.collection.notes),
        }


def judge_runs(names: Sequence[str], runs_dir: Path) -> StudyVerdict:
    """Collect runs as `collect_runs` does and judge them: the claims as one family, the benefits as another, and
    all networks that were trained beside each other.

    Raises:
        RdropError: a name is no run.
    """
    collection = collect_runs(names, runs_dir)
    by_variant = collection.by_variant
    published = load_published_like(collection.metrics[0]) if collection.metrics else {}
    return StudyVerdict(
        collection,
        claims=tuple(judge_claims(by_variant, CLAIMS, published)),
        benefits=tuple(judge_claims(by_variant, BENEFITS, published)),
        arms=tuple(judge_arms(collection.arms, collection.usual)),
    )


def check_claim_ids(ids: Sequence[str]) -> None:
    """Refuse what is no claim.

    Raises:
        UsageError: naming those that there are.
    """
    for claim_id in ids:
        if claim_id not in CLAIM_IDS:
            raise UsageError(f"--require: expected one of {', '.join(CLAIM_IDS)}, received {claim_id!r}")
