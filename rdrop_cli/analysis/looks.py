"""The plan of a study's looks, its ledger, and the next step of a study that trains until it is decided.

The ledger is `looks.json` in the runs folder: for each data and protocol, the looks that were planned, and the looks
that were taken. A plan is fixed when its first look is reached: a plan made after seeing the seeds does not bound the
chance of a false decision.
"""

import json
from collections.abc import Collection as Names
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rdrop_cli.analysis.across import AcrossVerdict, name_datasets
from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.judged import OPEN, StudyVerdict
from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.files import read_small_text, write_json
from rdrop_cli.locks import hold_lock

LEDGER = "looks.json"
LOCK, FOR_AS_LONG_AS_IT_TAKES = f".{LEDGER}.lock", -1.0  # of two looks at the same time, neither is lost


@dataclass(frozen=True)
class NextSeeds:
    """The seeds to train next.

    Attributes:
        kind: `decided`: every requested claim is decided; `train`: train `seeds`, then judge again; `exhausted`: more
            seeds within the plan cannot decide any undecided claim.
        seeds: number of seeds that the study then has, from the first on.
        undecided: the undecided claims.
    """

    kind: Literal["decided", "train", "exhausted"]
    seeds: int
    undecided: tuple[str, ...]


def choose_next_seeds(judged: StudyVerdict, claims: Names[str]) -> NextSeeds:
    """Return the next step of a study that trains until it is decided: go to the next look that can decide.

    Seeds cannot decide a claim if no run is long enough, or if its intervals were not measured.
    """
    reached = len(judged.seeds)
    waiting = [judged.find(each) for each in claims if judged.find(each).verdict == "undecided"]
    undecided = tuple(verdict.id for verdict in waiting)
    waiting = [verdict for verdict in waiting if verdict.reason in (*OPEN, "still-improving")]
    if not undecided:
        return NextSeeds("decided", reached, ())
    first = judged.plan.can_decide
    following = next((look for look in judged.plan.looks if look > reached and first and look >= first), None)
    hopeless = all(verdict.outlook and verdict.outlook.kind == "period" for verdict in waiting)
    if following is None or hopeless:
        return NextSeeds("exhausted", reached, undecided)
    return NextSeeds("train", following, undecided)


def choose_plan(runs_dir: Path, sha256: str, protocol: str, looks: tuple[int, ...] | None) -> Plan:
    """Return the plan of a study: the requested one, else the one in the ledger, else the default plan.

    Raises:
        UsageError: the requested plan differs from the one that was fixed before its first look.
        DataError: the ledger is damaged.
    """
    entry = _find_entry(_read_ledger(runs_dir), sha256, protocol)
    if entry is None or looks is None:
        return Plan(looks) if looks else Plan(tuple(entry["looks"])) if entry else Plan()
    planned, seen = tuple(entry["looks"]), max((taken["seeds"] for taken in entry["taken"]), default=0)
    if planned != looks and seen >= min(planned[0], looks[0]):
        raise UsageError(
            f"{runs_dir / LEDGER} has others, {','.join(map(str, planned))}, fixed on {entry['fixed_at'][:10]} and "
            f"looked at with {seen} seeds since: judge by those, or train fresh seeds into another runs folder",
            field="looks",
        )
    return Plan(looks)


def record_look(runs_dir: Path, judged: StudyVerdict | AcrossVerdict) -> None:
    """Record a look: the plan, the seeds and the decided claims; a look that is already recorded is not written again.

    Raises:
        DataError: the ledger is damaged.
        OSError: it cannot be written.
    """
    collections = {"": judged.collection} if isinstance(judged, StudyVerdict) else judged.collections
    with hold_lock(runs_dir / LOCK, timeout_s=FOR_AS_LONG_AS_IT_TAKES):
        _add_look(runs_dir, judged, *name_datasets(collections))


def _add_look(runs_dir: Path, judged: StudyVerdict | AcrossVerdict, sha256: str, protocol: str) -> None:
    ledger, now = _read_ledger(runs_dir), datetime.now(UTC).isoformat(timespec="seconds")
    entry = _find_entry(ledger, sha256, protocol)
    if entry is None:
        entry = {"sha256": sha256, "protocol": protocol, "looks": [], "fixed_at": now, "taken": []}
        ledger["studies"].append(entry)
    entry["looks"] = list(judged.plan.looks)
    decided = [verdict.claim.id for verdict in judged.claims if verdict.verdict != "undecided"]
    look = {"seeds": len(judged.seeds), "decided": decided}
    if look not in [{name: taken[name] for name in look} for taken in entry["taken"]]:
        entry["taken"].append({"at": now, **look})
        write_json(runs_dir / LEDGER, ledger)


def _read_ledger(runs_dir: Path) -> dict[str, Any]:
    path = runs_dir / LEDGER
    try:
        ledger = json.loads(read_small_text(path))
        for entry in ledger["studies"]:
            Plan(tuple(int(look) for look in entry["looks"]))
            _ = (
                [int(taken["seeds"]) for taken in entry["taken"]],
                entry["fixed_at"][:10],
                entry["sha256"],
                entry["protocol"],
            )
    except FileNotFoundError:
        return {"schema_version": 1, "studies": []}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, UsageError) as error:
        raise DataError(f"{path}: is no ledger of looks ({str(error)[:80]}); move it away to start another") from error
    return dict(ledger)


def _find_entry(ledger: dict[str, Any], sha256: str, protocol: str) -> dict[str, Any] | None:
    return next((each for each in ledger["studies"] if (each["sha256"], each["protocol"]) == (sha256, protocol)), None)
