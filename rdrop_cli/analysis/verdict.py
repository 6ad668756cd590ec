"""What the runs of a folder say of the study: collected, judged, and ready to be told to people and scripts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rdrop_cli.analysis.claims import BENEFITS, CLAIMS
from rdrop_cli.analysis.collect import Collection, collect_runs
from rdrop_cli.analysis.judge import ClaimVerdict, judge_claims
from rdrop_cli.errors import UsageError

CLAIM_IDS = tuple(claim.id for claim in (*CLAIMS, *BENEFITS))


@dataclass(frozen=True)
class StudyVerdict:
    """The runs that were judged and what they say: of the study's claims, and of what the book runs together."""

    collection: Collection
    claims: tuple[ClaimVerdict, ...]
    benefits: tuple[ClaimVerdict, ...]

    def find(self, claim_id: str) -> ClaimVerdict:
        """Return the verdict on one claim, by an id of `CLAIM_IDS`."""
        return next(verdict for verdict in (*self.claims, *self.benefits) if verdict.id == claim_id)

    def to_json(self) -> dict[str, Any]:
        return {
            "claims": [asdict(verdict) for verdict in self.claims],
            "benefits": [asdict(verdict) for verdict in self.benefits],
            "runs": [
                {name: metrics[name] for name in ("run_id", "variant", "seed")} for metrics in self.collection.metrics
            ],
            "left_out": [asdict(left) for left in self.collection.left_out],
            "notes": list(self.collection.notes),
        }


def judge_runs(names: Sequence[str], runs_dir: Path) -> StudyVerdict:
    """Collect runs as `collect_runs` does and judge them: the claims as one family, the benefits as another.

    Raises:
        RdropError: a name is no run.
    """
    collection = collect_runs(names, runs_dir)
    by_variant = collection.by_variant
    return StudyVerdict(collection, tuple(judge_claims(by_variant)), tuple(judge_claims(by_variant, claims=BENEFITS)))


def check_claim_ids(ids: Sequence[str]) -> None:
    """Refuse what is no claim.

    Raises:
        UsageError: naming those that there are.
    """
    for claim_id in ids:
        if claim_id not in CLAIM_IDS:
            raise UsageError(f"--require: expected one of {', '.join(CLAIM_IDS)}, received {claim_id!r}")
