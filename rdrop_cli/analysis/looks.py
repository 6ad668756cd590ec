"""The plan of a study's looks, its ledger, and the next step of a study that trains until it is decided.

The ledger is `looks.json` in the runs folder: for each study, the looks that were planned, and the looks that were
taken. A plan is fixed when its first look is reached: a plan made after seeing the seeds does not bound the chance of a
false decision.
"""

import json
from collections.abc import Collection as Names
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rdrop_cli.analysis.across import AcrossVerdict
from rdrop_cli.analysis.collect import Collection, collect_runs
from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.judged import OPEN, StudyVerdict
from rdrop_cli.analysis.verdict import judge_collection
from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.files import read_small_text, write_json
from rdrop_cli.locks import hold_lock
from rdrop_cli.study.editions import PROTOCOLS
from rdrop_cli.study.protocol import Protocol

LEDGER = "looks.json"
LOCK, FOR_AS_LONG_AS_IT_TAKES = f".{LEDGER}.lock", -1.0  # of two looks at the same time, neither is lost


@dataclass(frozen=True)
class Study:
    """The key of a study in the ledger; if it has several datasets, each text is the sum of theirs.

    Attributes:
        sha256: checksum of the data.
        protocol: name of the protocol.
        target: the predicted column.
        where: the chosen rows of a file that has several series; empty: all.
        settings: how the protocol differs from the edition of its name, such as in its horizon; empty: it does not.
        reading: the other options by which the file was read; empty: as found.
    """

    sha256: str
    protocol: str
    target: str
    where: str
    settings: str = ""
    reading: str = ""


def describe_settings(protocol: Protocol) -> str:
    """Describe how a protocol differs from the edition of its name, wherever its origin lies: `horizon_rows 72`."""
    edition = PROTOCOLS[protocol.name].to_json() if protocol.name in PROTOCOLS else {}
    own = protocol.at_first_origin.to_json()
    changed = [name for name in own if name not in ("name", "summary", "target") and own[name] != edition.get(name)]
    return ", ".join(f"{name} {own[name]}" for name in sorted(changed))


def identify_study(collections: Iterable[Collection]) -> Study:
    """Return the key of the study that the collections of its datasets belong to; each has at least one run."""
    collections = list(collections)
    runs = [collection.used[0] for collection in collections]
    return Study(
        sha256="+".join(sorted(run.dataset.sha256 for run in runs)),
        protocol="+".join(sorted({run.protocol.name for run in runs})),
        target="+".join(sorted({run.protocol.target for run in runs})),
        where="+".join(sorted(filter(None, (run.dataset.where for run in runs)))),
        settings=" + ".join(sorted({describe_settings(run.protocol) for run in runs} - {""})),
        reading=" + ".join(sorted({collection.reading for collection in collections} - {""})),
    )


def judge_runs(names: Sequence[str], runs_dir: Path, plan: Plan | None = None) -> StudyVerdict:
    """Collect runs as `collect_runs` does and judge them together, by a plan, else by the one of their folder.

    Raises:
        RdropError: a name is no run.
        DataError: the ledger is damaged.
    """
    collection = collect_runs(names, runs_dir)
    if plan is None:
        plan = choose_plan(runs_dir, identify_study([collection]), None) if collection.used else Plan()
    return judge_collection(collection, plan)


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


def choose_plan(runs_dir: Path, study: Study, looks: tuple[int, ...] | None) -> Plan:
    """Return the plan of a study: the requested one, else the one in the ledger, else the default plan.

    Raises:
        UsageError: the requested plan differs from the one that was fixed before its first look.
        DataError: the ledger is damaged.
    """
    entry = _find_entry(_read_ledger(runs_dir), study)
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
    collections = [judged.collection] if isinstance(judged, StudyVerdict) else judged.collections.values()
    with hold_lock(runs_dir / LOCK, timeout_s=FOR_AS_LONG_AS_IT_TAKES):
        _add_look(runs_dir, judged, identify_study(collections))


def _add_look(runs_dir: Path, judged: StudyVerdict | AcrossVerdict, study: Study) -> None:
    ledger, now = _read_ledger(runs_dir), datetime.now(UTC).isoformat(timespec="seconds")
    entry = _find_entry(ledger, study)
    if entry is None or not asdict(study).items() <= entry.items():  # one of older versions may be another study's
        older = entry or {"fixed_at": now, "taken": []}
        entry = {**older, "taken": list(older["taken"])}
        ledger["studies"].append(entry)
    entry |= asdict(study) | {"looks": list(judged.plan.looks)}
    decided = [verdict.claim.id for verdict in judged.claims if verdict.verdict != "undecided"]
    look = {"seeds": len(judged.seeds), "decided": decided}
    if look not in [{name: taken[name] for name in look} for taken in entry["taken"]]:
        entry["taken"].append({"at": now, **look})
        write_json(runs_dir / LEDGER, ledger)


def join_ledgers(runs_dirs: Sequence[Path]) -> dict[str, Any]:
    """Return the ledgers of several runs folders as one.

    Raises:
        UsageError: two of them have different plans for the same study.
        DataError: one of them is damaged.
    """
    names, found = [field.name for field in fields(Study)], dict[tuple[str | None, ...], dict[str, Any]]()
    for runs_dir in runs_dirs:
        for entry in _read_ledger(runs_dir)["studies"]:
            same = found.setdefault(tuple(entry.get(name) for name in names), entry)
            if same["looks"] != entry["looks"]:
                raise UsageError(
                    f"{runs_dir / LEDGER} plans other looks than {runs_dirs[0] / LEDGER}; export them apart"
                )
            if len(entry["taken"]) > len(same["taken"]):
                same |= entry
    return {"schema_version": 1, "studies": list(found.values())}


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


def _find_entry(ledger: dict[str, Any], study: Study) -> dict[str, Any] | None:
    """Return the entry of a study; an entry of older versions lacks some of the key, and fits all of its data."""
    key = asdict(study)
    fitting = [each for each in ledger["studies"] if all(each.get(name, value) == value for name, value in key.items())]
    return max(fitting, key=lambda each: len(key.keys() & each.keys()), default=None)
