"""Several datasets in one verdict: each one's answer, the joined one, and in how many a claim holds."""

import json

import numpy as np
import pytest

from rdrop_cli.analysis.across import AcrossVerdict, judge_datasets
from rdrop_cli.analysis.collect import collect_datasets, collect_runs
from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.looks import identify_study, judge_runs
from rdrop_cli.errors import UsageError
from rdrop_cli.files import to_json
from rdrop_cli.report.across import summarise_across, write_across
from rdrop_cli.report.check_verdict import check, read_runs
from tests.analysis.made_runs import save_datasets, save_made_run, save_made_study


def judge(folder, gains, **how):
    save_datasets(folder, gains, **how)
    return judge_datasets(collect_datasets([], folder), Plan())


def test_a_claim_that_none_of_the_studies_has_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="lstm-beats-naive is no claim of the edition"):
        AcrossVerdict(Plan(), {}, ()).find("lstm-beats-naive")


def test_every_dataset_has_its_answer_and_the_joined_one_says_in_how_many_it_holds(tmp_path):
    judged = judge(tmp_path, {"north": 0.01, "south": 0.01, "west": -0.01})
    assert list(judged.studies) == ["north", "south", "west"]
    better = judged.find("better-optimum")
    assert [verdict.verdict for verdict in better.by_dataset.values()] == ["holds", "holds", "does-not-hold"]
    assert (better.holding, better.verdict, better.reason) == (2, "undecided", "period")
    assert better.least_share == pytest.approx(0.0943, abs=1e-4)
    overfits = judged.find("baseline-overfits")
    assert (overfits.holding, overfits.verdict) == (3, "holds")
    summary = summarise_across(judged)
    assert "Decided to hold in all 3 datasets: baseline-overfits" in summary
    assert "better-optimum (2 of 3)" in summary
    assert "contradict each other on" in summary


def test_joined_numbers_are_in_naive_errors_of_each_dataset(tmp_path):
    judged = judge(tmp_path, {"north": 0.01, "south": 0.02})
    differences = [study.find("better-optimum").answer.estimate for study in judged.studies.values()]
    joined = judged.find("better-optimum").answer
    assert joined.origins.estimates == pytest.approx([each / 0.29 for each in differences])
    assert joined.estimate == pytest.approx(sum(differences) / 2 / 0.29)


def test_all_datasets_are_one_family(tmp_path):
    judged = judge(tmp_path / "both", {"north": 0.004, "south": 0.004})
    save_datasets(tmp_path / "one", {"north": 0.004})
    alone = judge_runs([], tmp_path / "one").find("better-optimum").answer
    together = judged.studies["north"].find("better-optimum").answer
    assert together.by_seed == alone.by_seed
    assert together.interval.low < alone.interval.low
    assert together.interval.high > alone.interval.high


def test_one_dataset_is_refused(tmp_path):
    with pytest.raises(UsageError, match="expected complete runs of two datasets or more, received only of north"):
        judge(tmp_path, {"north": 0.0}, seeds=2)


def test_stations_of_one_file_are_different_data(tmp_path):
    for number, station in enumerate(("A", "B")):
        dataset = {"name": "file", "origin": "file.csv", "sha256": "5" * 64, "rows": 9, "verified": None}
        document = {"dataset": dataset | {"where": station}}
        save_made_study(tmp_path, range(2), ("baseline",), suffix=station, day=1 + number, document=document)
    assert list(collect_datasets([], tmp_path)) == ["file A", "file B"]
    collection = collect_runs([], tmp_path)
    assert len(collection.used) == 2
    assert "other rows of the same file" in collection.skipped[0].reason


def test_the_page_is_told_in_80_columns_and_as_json(tmp_path):
    judged = judge(tmp_path, {"north": 0.01, "south-of-the-river": 0.01})
    lines = list(write_across(judged))
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  south-of-the-river: holds, ") for line in lines)
    document = json.loads(to_json(judged.to_json()))
    assert [dataset["name"] for dataset in document["datasets"]] == ["north", "south-of-the-river"]
    claims = {claim["id"]: claim for claim in document["claims"]}
    assert (claims["baseline-overfits"]["holds_in"], claims["baseline-overfits"]["datasets"]) == (2, 2)
    assert claims["same-mask-matters"]["datasets"] == 0


def test_a_claim_on_networks_that_only_some_datasets_have_is_told(tmp_path):
    save_datasets(tmp_path, {"north": 0.01, "south": 0.01})
    extra = {"dataset": "south", "sha256": "1" * 64, "suffix": "-south", "noise_of_seeds": 0.0005}
    save_made_study(tmp_path, range(8), ("naive-step",), **extra)
    judged = judge_datasets(collect_datasets([], tmp_path), Plan())
    claim = judged.find("same-mask-matters")
    assert (claim.holding, len(claim.by_dataset)) == (1, 1)
    assert "In some of them: same-mask-matters (1 of 1)." in summarise_across(judged)
    page = "\n".join(write_across(judged))
    assert "\nsame-mask-matters         undecided     – " in page
    told = " ".join(page.split())
    assert "no seed has runs of all their networks: layer-before-hinders; " in told
    assert "not measured by `rdrop calibrate`: dropout-intervals-narrow; " in told
    assert {claim.reason for claim in judged.claims if "intervals" in claim.claim.id} == {"not-measured"}


def test_joined_differences_are_in_per_cent_and_ten_datasets_fit_in_80_columns(tmp_path):
    judged = judge(tmp_path, {f"data-{number}": 0.003 * number for number in range(10)})
    lines = list(write_across(judged))
    assert max(map(len, lines)) <= 80
    estimate = 100 * judged.find("better-optimum").answer.estimate
    (line,) = [line for line in lines if line.startswith("better-optimum ")]
    assert f" {estimate:+.2f} % [" in line
    assert line.endswith(" 9/10, 55 %")


def test_the_order_of_datasets_under_several_protocols_does_not_change_their_plan(tmp_path):
    for number, (name, edition) in enumerate({"north": "book", "south": "demo"}.items()):
        data = {"dataset": name, "sha256": f"{number}" * 64, "edition": edition}
        save_made_study(tmp_path, range(2), suffix=f"-{name}", **data)
    collections = list(collect_datasets([], tmp_path).values())
    study = identify_study(collections)
    assert study == identify_study(reversed(collections))
    assert study.protocol == "book+demo"


def test_that_a_network_does_not_overfit_is_not_said_of_runs_that_still_improve_jointly_either(tmp_path):
    for number, name in enumerate(("north", "south")):
        for seed in range(8):
            falling = np.linspace(0.4, 0.25, 40) + 1e-6 * seed
            data = {"dataset": name, "sha256": f"{number}" * 64}
            save_made_run(tmp_path, f"dropout-s{seed}-{name}", "dropout", seed, falling, falling - 0.01, **data)
    judged = judge_datasets(collect_datasets([], tmp_path), Plan())
    claim = judged.find("most-seeds-do-not-overfit")
    assert {each.reason for each in claim.by_dataset.values()} == {"still-improving"}
    assert (claim.verdict, claim.reason) == ("undecided", "still-improving")
    assert "still improving at their end: most-seeds-do-not-overfit" in " ".join(write_across(judged))
    assert check(json.loads(to_json(judged.to_json())), read_runs(tmp_path)).different == []
