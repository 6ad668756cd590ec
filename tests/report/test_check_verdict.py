"""The checker, which knows nothing of rdrop, comes to every number of a verdict, and finds one that is wrong."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

import rdrop_cli.report.check_verdict
from rdrop_cli.analysis.across import judge_datasets
from rdrop_cli.analysis.collect import collect_datasets, collect_runs
from rdrop_cli.analysis.confirm import confirm_best
from rdrop_cli.analysis.edition_claims import list_claims
from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.judged import describe_region
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.files import to_json
from rdrop_cli.report.check_verdict import CLAIMS, EDITION_2, bound_region
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.editions import EDITIONS
from tests.analysis.made_runs import (
    save_daily_coverage,
    save_datasets,
    save_later_origins,
    save_made_run,
    save_made_study,
    save_varied,
)

CHECKER = rdrop_cli.report.check_verdict.__file__


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with a network on some of the seeds, and the verdict on them beside it."""
    folder = tmp_path_factory.mktemp("study")
    save_made_study(folder / "runs", range(9), noise_of_seeds=0.002)
    save_made_study(folder / "runs", range(2, 7), ("naive-step",), noise_of_seeds=0.002)
    save_made_run(folder / "runs", "sweep", "dropout", 0, rates=(0.5, 0.2))
    (folder / "verdict.json").write_text(to_json(judge_runs([], folder / "runs").to_json()))
    return folder


def check(verdict: Path, runs: Path) -> tuple[int, list[str]]:
    """Run the checker as a stranger does: isolated, without anything that is installed."""
    result = subprocess.run(
        [sys.executable, "-I", "-S", CHECKER, verdict, runs], capture_output=True, text=True, check=False
    )
    assert result.stderr == ""
    return result.returncode, result.stdout.splitlines()


def test_it_comes_to_every_number_without_any_package(study: Path) -> None:
    code, lines = check(study / "verdict.json", study / "runs")
    assert (code, len(lines)) == (0, 1)
    assert int(lines[0].split()[0]) > 150
    assert lines[0].endswith("numbers agree, 0 differ")


def test_it_tells_networks_of_ones_own_apart_by_their_code(tmp_path: Path) -> None:
    """The metrics of older runs do not record it; their configuration does."""
    save_made_study(tmp_path / "runs", range(3))
    for code, seed, place in (("6", 0, "metrics.json"), ("6", 1, "config.json"), ("7", 0, "metrics.json")):
        folder = save_made_run(tmp_path / "runs", f"{code}-s{seed}", seed=seed, document={"variant": "my_network:make"})
        recorded = {"code_sha256": code * 64}
        metrics = json.loads(folder.metrics_path.read_text())
        del metrics["code_sha256"]
        folder.metrics_path.write_text(to_json(metrics | (recorded if place == "metrics.json" else {})))
        folder.config_path.write_text(to_json(json.loads(folder.config_path.read_text()) | recorded))
    (tmp_path / "verdict.json").write_text(to_json(judge_runs([], tmp_path / "runs").to_json()))
    assert check(tmp_path / "verdict.json", tmp_path / "runs")[0] == 0
    rows = json.loads((tmp_path / "verdict.json").read_text())["networks"]
    assert {row["label"]: len(row["seeds"]) for row in rows if row["code_sha256"]} == {
        "my_network:make, code 66666666": 2,
        "my_network:make, code 77777777": 1,
    }


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_it_reads_an_archive_of_the_runs(study: Path, tmp_path: Path, kind: str) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "runs"), kind, study / "runs"))
    assert check(study / "verdict.json", archive)[0] == 0


def change_estimate(verdict: Any) -> None:
    verdict["questions"][0]["estimate"] += 1e-4


def change_interval(verdict: Any) -> None:
    verdict["questions"][3]["interval"][1] += 1e-5


def change_p(verdict: Any) -> None:
    verdict["questions"][3]["p"][0]["p"] /= 2


def change_verdict(verdict: Any) -> None:
    verdict["claims"][0]["verdict"] = "undecided"


def change_onset(verdict: Any) -> None:
    verdict["claims"][0]["onset"]["0"] += 1


def change_exact_interval(verdict: Any) -> None:
    verdict["questions"][0]["exact_interval"][0] += 1e-3


def change_origin(verdict: Any) -> None:
    verdict["questions"][2]["origins"]["estimates"][1] += 1e-5


def change_deviation(verdict: Any) -> None:
    verdict["variance"][0]["deviation"] *= 1.01


def change_deviation_over_periods(verdict: Any) -> None:
    next(each for each in verdict["variance"] if each["source"] == "period")["interval"][1] *= 1.01


def forget_a_run(verdict: Any) -> None:
    verdict["runs"].pop()


def change_claim(verdict: Any) -> None:
    verdict["claims"][10]["estimate"] += 1e-4


def change_p_of_a_claim(verdict: Any) -> None:
    verdict["claims"][10]["p"] /= 2


def change_test(verdict: Any) -> None:
    verdict["networks"][0]["test"] -= 1e-3


def change_overfitting(verdict: Any) -> None:
    verdict["networks"][0]["overfitting"]["seeds"] += 1


def change_effect(verdict: Any) -> None:
    next(row for row in verdict["networks"] if row["effect"] == "undecided")["effect"] = "lower"


def find_claim(verdict: Any, claim_id: str) -> Any:
    return next(claim for claim in verdict["claims"] if claim["id"] == claim_id)


def move_a_region(verdict: Any) -> None:
    find_claim(verdict, "best-not-much-lower").update(region=[-1.0, 1.0], p=None, verdict="holds")


def forget_a_bound(verdict: Any) -> None:
    verdict["questions"][3]["p"].pop(0)


def forget_onsets(verdict: Any) -> None:
    find_claim(verdict, "baseline-overfits")["onset"] = {}


def forget_a_claim(verdict: Any) -> None:
    verdict["claims"].pop(3)


def judge_by_another_question(verdict: Any) -> None:
    other = find_claim(verdict, "resists-over-training")
    names = "question", "estimate", "interval", "p", "seeds", "verdict"
    find_claim(verdict, "better-optimum").update({name: other[name] for name in names})


def call_a_mean_a_share(verdict: Any) -> None:
    verdict["questions"][3]["kind"] = "share"


def claim_a_later_look(verdict: Any) -> None:
    verdict["questions"][0]["looked"] += 1


def compare_with_another(verdict: Any) -> None:
    next(row for row in verdict["networks"] if row["effect"] == "undecided")["reference"] = "dense"


@pytest.mark.parametrize(
    "change",
    [
        move_a_region,
        forget_a_bound,
        forget_onsets,
        forget_a_claim,
        judge_by_another_question,
        call_a_mean_a_share,
        claim_a_later_look,
        compare_with_another,
        change_estimate,
        change_claim,
        change_p_of_a_claim,
        change_test,
        change_overfitting,
        change_effect,
        change_interval,
        change_p,
        change_verdict,
        change_onset,
        change_exact_interval,
        forget_a_run,
    ],
)
def test_it_finds_what_is_wrong(study: Path, tmp_path: Path, change: Callable[[Any], None]) -> None:
    verdict = json.loads((study / "verdict.json").read_text())
    change(verdict)
    (tmp_path / "verdict.json").write_text(json.dumps(verdict))
    code, lines = check(tmp_path / "verdict.json", study / "runs")
    assert code == 1
    assert lines[0].startswith("DIFFERS ")


def test_it_finds_the_runs_that_were_still_improving_itself(tmp_path: Path) -> None:
    save_made_study(tmp_path / "runs", range(7))
    falling = [0.4 - 0.005 * epoch for epoch in range(40)]
    save_made_run(tmp_path / "runs", "late", "dropout", 7, falling, falling)
    judged = judge_runs([], tmp_path / "runs", Plan((8,)))
    claim = judged.find("most-seeds-do-not-overfit")
    assert (claim.verdict, claim.reason, claim.improving) == ("undecided", "still-improving", (7,))
    (tmp_path / "verdict.json").write_text(to_json(judged.to_json()))
    assert check(tmp_path / "verdict.json", tmp_path / "runs") == (0, [ANY])
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    find_claim(verdict, "most-seeds-do-not-overfit").update(still_improving=[], verdict="holds", reason="decided")
    (tmp_path / "verdict.json").write_text(json.dumps(verdict))
    code, lines = check(tmp_path / "verdict.json", tmp_path / "runs")
    assert (code, len(lines)) == (1, 3)


def test_a_confirmed_choice_comes_to_the_same(tmp_path: Path) -> None:
    variants = "baseline", "dropout", "naive-step"
    save_made_study(tmp_path / "runs", range(11), variants, noise_of_seeds=0.001, moved_by=-0.01)
    judged = confirm_best(collect_runs([], tmp_path / "runs"), Plan(), 3)
    assert "lower" in [row.effect for row in judged.networks]
    (tmp_path / "verdict.json").write_text(to_json(judged.to_json()))
    assert check(tmp_path / "verdict.json", tmp_path / "runs") == (0, [ANY])


@pytest.mark.parametrize("protocol", EDITIONS)
def test_it_knows_the_claims_of_every_edition(protocol: str) -> None:
    claims = list_claims(EDITIONS[protocol])
    known = CLAIMS[2 if protocol in EDITION_2 else 1]
    assert {name: (question, bound_region(region, 0.006)) for name, (question, region) in known.items()} == {
        claim.id: (claim.question.id, describe_region(claim.region(0.006))) for claim in claims
    }


def test_other_looks_and_more_seeds_than_flips_are_tried_for_come_to_the_same(tmp_path: Path) -> None:
    save_made_study(tmp_path / "runs", range(17), noise_of_seeds=0.003)
    (tmp_path / "verdict.json").write_text(to_json(judge_runs([], tmp_path / "runs", Plan((6, 12, 17))).to_json()))
    assert check(tmp_path / "verdict.json", tmp_path / "runs")[0] == 0


def test_several_origins_come_to_the_same(tmp_path: Path) -> None:
    save_made_study(tmp_path / "runs", range(9), noise_of_seeds=0.002)
    save_later_origins(tmp_path / "runs", range(8), noise_of_seeds=0.002)
    save_varied(tmp_path / "runs", "weights", range(1, 6), {"baseline": 0.001, "dropout": 0.001})
    save_varied(tmp_path / "runs", "masks", range(1, 6), {"dropout": 0.001})
    judged = judge_runs([], tmp_path / "runs")
    assert judged.find("best-not-much-lower").answer.origins is not None
    assert {spread.source for spread in judged.variance} == {"weights", "masks", "period", "all seeds"}
    (tmp_path / "verdict.json").write_text(to_json(judged.to_json()))
    assert check(tmp_path / "verdict.json", tmp_path / "runs") == (0, [ANY])
    for change in (change_origin, change_deviation, change_deviation_over_periods):
        verdict = json.loads((tmp_path / "verdict.json").read_text())
        change(verdict)
        (tmp_path / "changed.json").write_text(to_json(verdict))
        code, lines = check(tmp_path / "changed.json", tmp_path / "runs")
        assert (code, len(lines)) == (1, 2), change


def test_several_datasets_come_to_the_same(tmp_path: Path) -> None:
    save_datasets(tmp_path / "runs", {"north": 0.01, "south": 0.004}, seeds=9)
    judged = judge_datasets(collect_datasets([], tmp_path / "runs"), Plan())
    (tmp_path / "verdict.json").write_text(to_json(judged.to_json()))
    assert check(tmp_path / "verdict.json", tmp_path / "runs") == (0, [ANY])
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    verdict["claims"][0]["holds_in"] -= 1
    verdict["questions"][2]["estimate"] += 1e-4
    (tmp_path / "verdict.json").write_text(json.dumps(verdict))
    assert len(check(tmp_path / "verdict.json", tmp_path / "runs")[1]) == 3


def test_a_question_that_it_does_not_know_is_told(study: Path, tmp_path: Path) -> None:
    verdict = json.loads((study / "verdict.json").read_text())
    verdict["questions"][3]["id"] = "first-epoch-difference"
    (tmp_path / "verdict.json").write_text(json.dumps(verdict))
    command = [sys.executable, "-I", "-S", CHECKER, tmp_path / "verdict.json", study / "runs"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("check_verdict.py does not know the question first-epoch-difference: ")


def test_wrong_usage_is_told() -> None:
    result = subprocess.run([sys.executable, "-I", CHECKER], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: check_verdict.py")


def change_coverage(verdict: Any) -> None:
    next(each for each in verdict["questions"] if each["id"].startswith("coverage-of-"))["period"]["half"] += 1e-4


def test_claims_on_intervals_come_to_the_same(tmp_path: Path) -> None:
    save_datasets(tmp_path / "runs", {"north": 0.01, "south": 0.004}, seeds=8)
    for number, folder in enumerate(sorted((tmp_path / "runs").glob("dropout-*"))):
        save_daily_coverage(RunFolder(folder), number, {"masks": 0.3, "masks,residual": 0.8})
    north = sorted(path.name for path in (tmp_path / "runs").glob("*-north"))
    one = judge_runs(north, tmp_path / "runs")
    assert one.find("dropout-intervals-narrow").answer.period is not None
    both = judge_datasets(collect_datasets([], tmp_path / "runs"), Plan())
    for judged in (one, both):
        (tmp_path / "verdict.json").write_text(to_json(judged.to_json()))
        assert check(tmp_path / "verdict.json", tmp_path / "runs") == (0, [ANY])
    (tmp_path / "verdict.json").write_text(to_json(one.to_json()))
    archive = Path(shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path / "runs"))
    assert check(tmp_path / "verdict.json", archive) == (0, [ANY])
    verdict = one.to_json()
    change_coverage(verdict)
    (tmp_path / "verdict.json").write_text(to_json(verdict))
    assert len(check(tmp_path / "verdict.json", tmp_path / "runs")[1]) == 2


def test_a_damaged_run_is_passed_over_and_one_that_is_missing_is_told(study: Path, tmp_path: Path) -> None:
    runs = shutil.copytree(study / "runs", tmp_path / "runs")
    (runs / "damaged").mkdir()
    (runs / "damaged" / "metrics.json").write_text('{"schema')
    assert check(study / "verdict.json", runs)[0] == 0
    first = json.loads((study / "verdict.json").read_text())["runs"][0]["run_id"]
    shutil.rmtree(runs / first)
    code, lines = check(study / "verdict.json", runs)
    assert (code, lines[0]) == (1, f"DIFFERS {first}: the verdict lists it, and it is missing or damaged")


def test_the_first_runs_are_checked_too(tmp_path: Path) -> None:
    runs = Path(__file__).parents[1] / "fixtures" / "schema-1" / "runs"
    (tmp_path / "verdict.json").write_text(to_json(judge_runs([], runs).to_json()))
    assert check(tmp_path / "verdict.json", runs)[0] == 0


def test_what_cannot_be_read_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rdrop_cli.report.check_verdict.main([str(tmp_path / "none.json"), str(tmp_path)]) == 1
    assert "cannot be read: " in capsys.readouterr().err
