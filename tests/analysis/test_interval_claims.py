"""Claims on intervals are judged by seeds and days like every other, from what `rdrop calibrate` leaves."""

import json

import numpy as np
import pytest

from rdrop_cli.analysis.across import judge_datasets
from rdrop_cli.analysis.collect import collect_datasets
from rdrop_cli.analysis.coverage import (
    DailyCoverage,
    pack_daily_coverage,
    read_daily_coverage,
    unpack_daily_coverage,
)
from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.errors import DataError
from rdrop_cli.report.summary import summarise
from rdrop_cli.report.text import write_page
from rdrop_cli.report.words import explain_claim, list_unjudged
from rdrop_cli.runs.folder import RunFolder
from tests.analysis.made_runs import save_daily_coverage, save_datasets, save_made_study

TRUE = {"masks": 0.3, "masks,residual": 0.8, "masks,residual,conformal": 0.81, "masks,residual,adaptive-conformal": 0.8}
IDS = [
    "dropout-intervals-narrow",
    "residual-intervals-true",
    "conformal-intervals-true",
    "adaptive-intervals-true",
]


def leave_coverage(runs_dir, shares, seeds=range(8)):
    for path in sorted(runs_dir.glob("dropout-*")):
        seed = int(path.name.split("-")[1][1:])
        if seed in seeds:
            save_daily_coverage(RunFolder(path), seed, shares)


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    save_made_study(folder, range(8))
    return folder


@pytest.fixture(scope="module")
def unmeasured(runs_dir):
    return judge_runs([], runs_dir)


@pytest.fixture(scope="module")
def judged(runs_dir, unmeasured):  # after the verdict without
    leave_coverage(runs_dir, TRUE)
    return judge_runs([], runs_dir)


def test_what_was_not_measured_is_not_judged_and_the_command_named(unmeasured):
    assert {unmeasured.find(name).reason for name in IDS} == {"not-measured"}
    (line,) = [line for line in list_unjudged(unmeasured.claims, lambda claim: claim.id) if "calibrate" in line]
    assert line.startswith("Not judged, not measured by `rdrop calibrate`: dropout-int")
    assert "`rdrop calibrate` does it" in explain_claim(unmeasured.find(IDS[0]), unmeasured)
    assert not any(key.startswith("coverage-of-") for key in unmeasured.answers)


def test_what_holds_and_what_does_not_is_decided_by_eight_seeds(judged, tmp_path):
    assert {name: judged.find(name).verdict for name in IDS} == dict.fromkeys(IDS, "holds")
    save_made_study(tmp_path, range(8))
    leave_coverage(tmp_path, {"masks": 0.8, "masks,residual": 0.7, "masks,residual,conformal": 0.755})
    other = judge_runs([], tmp_path)
    assert [other.find(name).verdict for name in IDS] == ["does-not-hold", "does-not-hold", "undecided", "undecided"]
    assert [other.find(name).reason for name in IDS[2:]] == ["across-bound", "not-measured"]


def test_the_number_of_a_seed_is_the_share_of_all_its_targets_less_eighty_per_cent(judged, runs_dir):
    (path,) = runs_dir.glob("dropout-s3-*")
    coverage = read_daily_coverage(path / "daily_coverage.csv")
    share = coverage.held["masks"].sum() / coverage.targets.sum()
    assert judged.find(IDS[0]).answer.by_seed[3] == pytest.approx(share - 0.8, abs=1e-12)


def test_days_widen_the_interval(judged):
    answer = judged.find(IDS[1]).answer
    assert (answer.period.days, answer.period.blocks) == (120, 8)
    seeds, both = answer.seeds_interval, answer.interval
    half = np.hypot(seeds.high - answer.estimate, answer.period.half)
    assert both.high == pytest.approx(answer.estimate + half)


def test_other_answers_keep_their_numbers_and_share_the_error_rate(judged, unmeasured):
    for key, answer in unmeasured.answers.items():
        assert judged.answers[key].by_seed == answer.by_seed
        assert judged.answers[key].interval.high >= answer.interval.high - 1e-9, key  # a page of more questions


def test_the_page_tells_points_on_an_axis_of_their_own(judged):
    page = " ".join(write_page(judged, explain=True))
    assert "dropout-intervals-narrow  holds         -50." in page
    assert " points [-5" in page
    assert "shares minus 80 % from -" in page
    assert "The claim holds below -5.0 points." in page
    assert "The claim holds between -5.0 and +5.0 points." in page
    words = summarise(judged)
    assert "Intervals of 80 % contain, of the test's targets: from dropout alone 30 % (too narrow), with the" in words
    assert "°C" not in explain_claim(judged.find(IDS[0]), judged)


def test_seeds_that_were_not_measured_are_missing_from_these_claims_alone(tmp_path):
    save_made_study(tmp_path, range(8))
    leave_coverage(tmp_path, TRUE, seeds=range(5))
    found = judge_runs([], tmp_path)
    assert found.find(IDS[0]).answer.seeds == (0, 1, 2, 3, 4)
    assert found.find(IDS[0]).reason == "too-few-seeds"
    assert found.find("baseline-overfits").verdict == "holds"


def test_shares_of_datasets_are_joined_as_they_are(tmp_path):
    save_datasets(tmp_path, {"north": 0.01, "south": 0.004})
    leave_coverage(tmp_path, TRUE)
    judged = judge_datasets(collect_datasets([], tmp_path), Plan())
    joined = next(each for each in judged.claims if each.claim.id == IDS[0])
    means = [study.find(IDS[0]).answer.estimate for study in judged.studies.values()]
    assert joined.answer.estimate == pytest.approx(np.mean(means))


def test_a_damaged_file_is_named_and_the_run_judged_without_it(tmp_path):
    save_made_study(tmp_path, range(2))
    leave_coverage(tmp_path, TRUE)
    path = next(iter(tmp_path.glob("dropout-s1-*"))) / "daily_coverage.csv"
    path.write_text(path.read_text().replace("2015-01-03,", "2015-01-03,-"))
    found = judge_runs([], tmp_path)
    assert "daily_coverage.csv: line 4: expected a day, its targets" in str(found.collection.damaged[0])
    assert found.find(IDS[0]).answer.seeds == (0,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("day,targets\n2015-01-01,3\n", "expected lines of day,targets,SOURCES"),
        ("day,targets,masks\n", "expected lines of day,targets,SOURCES"),
        ("day,targets,masks,masks\n2015-01-01,3,1,1\n", "expected lines of day,targets,SOURCES"),
        ("day,targets,masks\n2015-01-01,3,4\n", "line 2"),
        ("day,targets,masks\n2015-01-01,0,0\n", "line 2"),
        ("day,targets,masks\n2015-01-01,3\n", "line 2"),
        ("day,targets,masks\n2015-01-02,3,1\n2015-01-01,3,1\n", "not in order"),
    ],
)
def test_a_file_that_nobody_wrote_is_refused(tmp_path, text, problem):
    path = tmp_path / "daily_coverage.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=problem):
        read_daily_coverage(path)


def test_a_file_and_the_index_give_back_what_was_put_in(tmp_path):
    counts = {"masks": np.array([1, 0]), "masks,residual": np.array([3, 4])}
    coverage = DailyCoverage(("2015-01-01", "2015-01-02"), np.array([3, 4]), counts)
    path = tmp_path / "daily_coverage.csv"
    path.write_text(coverage.to_csv())
    for again in (read_daily_coverage(path), unpack_daily_coverage(pack_daily_coverage(coverage))):
        assert again.to_csv() == coverage.to_csv()


def test_the_document_has_the_answers(judged):
    document = json.loads(json.dumps(judged.to_json()))
    (question,) = [each for each in document["questions"] if each["id"] == "coverage-of-masks dropout"]
    assert question["kind"] == "mean"
    assert question["period"]["days"] == 120
    assert question["number"].startswith("the share of the test's targets in dropout's intervals of 80 % from masks")
