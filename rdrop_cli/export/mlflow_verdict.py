"""A verdict as a run in an MLflow store: estimates with intervals as metrics, verdicts as parameters."""

import hashlib
import re
from datetime import datetime
from math import isfinite

from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.joint_test import ALPHA
from rdrop_cli.analysis.judged import StudyVerdict
from rdrop_cli.export.mlflow_store import RUN_ID_TAG, Record
from rdrop_cli.files import to_json


def describe_verdict(judged: StudyVerdict) -> Record:
    """Collect the data of a verdict to log; the same verdict has the same id, so it is logged once.

    Metrics are `CLAIM.estimate`, `CLAIM.low`, `CLAIM.high` and `CLAIM.p`, and the first three also for each network's
    difference; their step is the number of seeds. Missing numbers have no metric.
    """
    runs, seeds = judged.collection.used, len(judged.seeds)
    protocol, sha256 = runs[0].protocol.name, runs[0].dataset.sha256
    digest = hashlib.sha256(to_json(judged.to_json()).encode()).hexdigest()[:8]
    run_id = f"verdict-{protocol}-{seeds}-seeds-{digest}"
    time_ms = max(round(datetime.fromisoformat(run.created_at).timestamp() * 1000) for run in runs)
    figures = {f"{verdict.id}.{name}": value for verdict in judged.claims for name, value in _list(verdict.answer)}
    figures |= {f"{verdict.id}.p": verdict.p for verdict in judged.claims if verdict.p is not None}
    figures |= {
        f"{_name(row.label)}.{name}": value
        for row in judged.networks
        if row.answer
        for name, value in _list(row.answer)
    }
    params = {"protocol": protocol, "data_sha256": sha256, "alpha": str(ALPHA), "margin": str(judged.margin)}
    params |= {"target": runs[0].protocol.target} | ({"where": runs[0].dataset.where} if runs[0].dataset.where else {})
    params["looks"] = ",".join(map(str, judged.plan.looks))
    params |= {verdict.id: verdict.verdict for verdict in judged.claims}
    return Record(
        run_id=run_id,
        start_ms=time_ms,
        end_ms=time_ms,
        params=params,
        tags={RUN_ID_TAG: run_id},
        metrics=[(name, value, time_ms, seeds) for name, value in figures.items()],
        artifacts=[],
    )


def _name(label: str) -> str:
    """Return a label with only the characters that MLflow allows: `dropout, 40 epochs` without its comma."""
    return re.sub(r"[^/\w.\- :]", "", label)


def _list(answer: Answer) -> list[tuple[str, float]]:
    ends = answer.interval or ()
    figures = [("estimate", answer.estimate), *zip(("low", "high"), ends, strict=False)]
    return [(name, value) for name, value in figures if value is not None and isfinite(value)]
