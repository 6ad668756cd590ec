"""One rule: a claim is decided by where the interval of its question lies; what may be run next follows from it."""

import json
import time
from dataclasses import replace
from math import inf
from threading import Thread

import pytest

from rdrop_cli.analysis import looks
from rdrop_cli.analysis.claims import CLAIMS, Region
from rdrop_cli.analysis.collect import collect_runs
from rdrop_cli.analysis.confirm import confirm_best
from rdrop_cli.analysis.edition_claims import EDITION_1
from rdrop_cli.analysis.intervals import Interval
from rdrop_cli.analysis.joint_test import ALPHA, Plan
from rdrop_cli.analysis.looks import (
    LEDGER,
    Study,
    choose_next_seeds,
    choose_plan,
    describe_settings,
    identify_study,
    judge_runs,
    record_look,
)
from rdrop_cli.analysis.verdict import check_claim_ids, place
from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.files import to_json
from rdrop_cli.report.summary import summarise
from rdrop_cli.report.words import explain_claim, list_unjudged
from tests.analysis.made_runs import SHA256, make_book_curve, save_made_run, save_made_study

STUDY = Study(SHA256, "book", "T (degC)", "")


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eight")
    save_made_study(folder, range(8))
    return judge_runs([], folder)


@pytest.mark.parametrize(
    ("interval", "region", "share", "verdict"),
    [
        ((0.1, 0.2), Region(low=0.0), False, "holds"),
        ((-0.2, -0.1), Region(low=0.0), False, "does-not-hold"),
        ((-0.1, 0.1), Region(low=0.0), False, "undecided"),
        ((0.0, 0.1), Region(low=0.0), False, "holds"),  # it ends at a bound that the test has excluded
        ((0.0, 0.0), Region(low=0.0), False, "undecided"),
        ((-0.1, 0.1), Region(-0.2, 0.2), False, "holds"),
        ((0.3, 0.4), Region(-0.2, 0.2), False, "does-not-hold"),
        ((0.5 - 1e-12, 1.0), Region(low=0.5), True, "holds"),
        ((0.0, 0.5), Region(low=0.5), True, "does-not-hold"),
        ((-inf, inf), Region(low=0.0), False, "undecided"),
    ],
)
def test_a_claim_is_placed_by_its_interval(interval, region, share, verdict):
    assert place(Interval(*interval), region, share) == verdict


def test_no_interval_decides_nothing():
    assert place(None, Region(low=0.0)) == "undecided"


def test_eight_seeds_of_the_studys_networks_decide_what_the_book_says(eight):
    verdicts = {verdict.id: verdict.verdict for verdict in eight.claims}
    assert list(verdicts) == [claim.id for claim in EDITION_1]
    assert verdicts["baseline-overfits"] == verdicts["beats-naive"] == verdicts["resists-over-training"] == "holds"
    assert verdicts["most-seeds-do-not-overfit"] == verdicts["best-not-much-lower"] == "holds"
    assert verdicts["dropout-does-not-overfit"] == "undecided"  # 23 seeds would tell
    assert eight.find("dropout-does-not-overfit").outlook.fewest == 23
    assert verdicts["same-mask-matters"] == "undecided"
    assert eight.find("same-mask-matters").reason == "no-runs"


def test_a_decision_has_a_p_of_at_most_the_level_and_an_open_claim_more(eight):
    for verdict in eight.claims:
        if verdict.reason == "decided":
            assert verdict.p <= ALPHA, verdict.id
        elif verdict.reason == "across-bound":
            assert verdict.p > ALPHA, verdict.id


def test_the_document_is_json_with_every_number(eight):
    document = json.loads(to_json(eight.to_json()))
    assert [claim["id"] for claim in document["claims"]] == [claim.id for claim in EDITION_1]
    questions = {question["id"]: question for question in document["questions"]}
    for claim in document["claims"]:
        if claim["reason"] not in ("no-runs", "not-measured"):
            assert claim["interval"] == questions[claim["question"]]["interval"]
            assert set(questions[claim["question"]]["by_seed"]) == {str(seed) for seed in claim["seeds"]}
    assert document["plan"]["looks"] == list(range(8, 33))
    assert document["networks"][-1]["effect"] == "reference"
    assert len(document["runs"]) == 16


def test_twenty_three_seeds_without_overfitting_show_that_it_is_rare(tmp_path):
    save_made_study(tmp_path, range(23))
    verdict = judge_runs([], tmp_path).find("dropout-does-not-overfit")
    assert (verdict.verdict, verdict.answer.shown) == ("holds", 0)
    assert verdict.answer.interval.high < 0.2


def test_overfitting_is_told_with_its_onset_its_size_and_its_exact_share(eight):
    overfits = eight.find("baseline-overfits")
    assert set(overfits.onset) == set(range(8))
    assert all(7 <= epoch <= 10 for epoch in overfits.onset.values())  # the made curves turn at epoch 6
    assert overfits.size[1] > eight.margin
    assert overfits.answer.exact_interval == pytest.approx((0.6306, 1.0), abs=1e-4)
    assert eight.find("dropout-does-not-overfit").onset == {}
    claims = {claim["id"]: claim for claim in eight.to_json()["claims"]}
    assert claims["baseline-overfits"]["onset"] == {str(seed): epoch for seed, epoch in overfits.onset.items()}
    sentence = explain_claim(overfits, eight)
    assert "[63 %, 100 %]" in sentence
    assert "Onset, where the error is up for good: epoch" in sentence
    assert "8 of 8 seeds do, from epoch" in summarise(eight)


def test_runs_that_are_too_short_are_not_called_none(tmp_path):
    save_made_study(tmp_path, range(3), ("baseline",))
    for seed in range(3):
        save_made_run(tmp_path, f"short-{seed}", "dropout", seed, [0.3, 0.29, 0.28])
    judged = judge_runs([], tmp_path)
    assert judged.find("best-not-much-lower").reason == "too-short"
    assert judged.find("same-mask-matters").reason == "no-runs"
    lines = list_unjudged(judged.claims, lambda claim: claim.id)
    assert [line.split(":")[0] for line in lines] == [
        "Not judged, no seed has runs of all their networks",
        "Not judged, some of their runs are too short",
        "Not judged, not measured by `rdrop calibrate`",
    ]
    assert "best-not-much-lower" in lines[1]
    assert "best-not-much-lower" not in lines[0]


def test_runs_that_patience_ended_are_not_left_out_of_a_share(tmp_path):
    """The runs that overfit end early: those that are left would show that no run does."""
    for seed in range(24):
        val_loss, train_mae = make_book_curve("dropout" if seed % 2 else "baseline", seed)
        done = {"done": len(val_loss), "planned": 40, "ended_by": "plan" if seed % 2 else "patience"}
        save_made_run(tmp_path, f"dropout-s{seed}", "dropout", seed, val_loss, train_mae, document={"epochs": done})
    judged = judge_runs([], tmp_path)
    claim = judged.find("most-seeds-do-not-overfit")
    assert (claim.verdict, claim.reason, claim.size) == ("undecided", "too-short", None)
    assert explain_claim(claim, judged) == "undecided: a run of dropout has fewer than 30 epochs."
    assert judged.networks[0].overfitting == (12, 24)


def test_an_unknown_claim_is_refused_with_those_that_there_are():
    check_claim_ids([CLAIMS[0].id])
    with pytest.raises(UsageError, match=r"expected one of baseline-overfits, .*received 'overfits'"):
        check_claim_ids(["overfits"])


def save_two_cells(runs_dir):
    """Leave a baseline and a bidirectional network of both cells: the LSTM, which is newer, is worse."""
    for seed in range(8):
        for cell, day, moved in (("gru", 1, -0.01), ("lstm", 2, 0.02)):
            for variant in ("baseline", "bidirectional"):
                val_loss, train_mae = make_book_curve("baseline", seed + 50 * day + len(variant))
                val_loss = val_loss + (moved if variant == "bidirectional" else 0.0)
                run_id = f"{variant}-s{seed}-{cell}"
                save_made_run(runs_dir, run_id, variant, seed, val_loss, train_mae, day=day, document={"cell": cell})


def test_a_network_of_another_cell_than_the_claims_has_its_own_answer(tmp_path):
    save_two_cells(tmp_path)
    judged = judge_runs([], tmp_path)
    rows = {row.label: row for row in judged.networks}
    assert judged.find("bidirectional-as-good").answer == rows["bidirectional-lstm"].answer
    assert rows["bidirectional-lstm"].effect == "higher"
    assert rows["bidirectional"].effect == "lower"
    assert rows["bidirectional"].answer.estimate == pytest.approx(-0.01, abs=0.002)
    assert len(judged.answers) == len(judged.to_json()["questions"]) == 4


def test_a_choice_that_a_claim_is_about_too_is_confirmed(tmp_path):
    for seed in range(4):
        for variant, moved in (("baseline", 0.0), ("bidirectional", -0.01), ("stacked", 0.01)):
            val_loss, train_mae = make_book_curve("baseline", seed)
            save_made_run(tmp_path, f"{variant}-s{seed}", variant, seed, val_loss + moved, train_mae)
    told = summarise(confirm_best(collect_runs([], tmp_path), Plan(), 2))
    assert "bidirectional, the best of 3 networks on the seeds below 2, cannot be told apart from baseline" in told


def test_what_to_train_next_is_the_next_look_that_can_decide(tmp_path, eight):
    save_made_study(tmp_path, range(3))
    few = judge_runs([], tmp_path)
    assert choose_next_seeds(few, ["baseline-overfits"]).kind == "train"
    assert choose_next_seeds(few, ["baseline-overfits"]).seeds == 8
    assert choose_next_seeds(eight, ["baseline-overfits"]).kind == "decided"
    following = choose_next_seeds(eight, ["baseline-overfits", "dropout-does-not-overfit"])
    assert (following.kind, following.seeds, following.undecided) == ("train", 9, ("dropout-does-not-overfit",))
    planned = judge_runs([], tmp_path, Plan((6, 12)))
    assert choose_next_seeds(planned, ["baseline-overfits"]).seeds == 6


def test_no_seed_is_trained_for_what_seeds_cannot_decide(tmp_path, eight):
    unmeasured = choose_next_seeds(eight, ["dropout-intervals-narrow"])
    assert (unmeasured.kind, unmeasured.undecided) == ("exhausted", ("dropout-intervals-narrow",))
    for seed in range(2):
        save_made_run(tmp_path, f"short-{seed}", "dropout", seed, [0.3, 0.29, 0.28])
    assert choose_next_seeds(judge_runs([], tmp_path), ["dropout-does-not-overfit"]).kind == "exhausted"


def test_a_plan_that_is_used_up_ends(tmp_path):
    save_made_study(tmp_path, range(8))
    judged = judge_runs([], tmp_path, Plan((8,)))
    assert choose_next_seeds(judged, ["dropout-does-not-overfit"]).kind == "exhausted"


def test_the_ledger_keeps_the_plan_and_the_looks_once(tmp_path):
    save_made_study(tmp_path, range(2))
    record_look(tmp_path, judge_runs([], tmp_path, Plan((6, 12))))
    record_look(tmp_path, judge_runs([], tmp_path, Plan((6, 12))))
    save_made_study(tmp_path, range(2, 6))
    record_look(tmp_path, judge_runs([], tmp_path, choose_plan(tmp_path, STUDY, None)))
    record_look(tmp_path, judge_runs(["baseline-s0", "baseline-s1"], tmp_path, Plan((6, 12))))
    record_look(tmp_path, judge_runs([], tmp_path, Plan((6, 12))))  # between two looks each is the same once more
    (study,) = json.loads((tmp_path / LEDGER).read_text())["studies"]
    assert (study["looks"], [look["seeds"] for look in study["taken"]]) == ([6, 12], [2, 6])
    assert "baseline-overfits" in study["taken"][1]["decided"]
    assert choose_plan(tmp_path, STUDY, (6, 12)) == Plan((6, 12))
    assert choose_plan(tmp_path, replace(STUDY, sha256="another"), None) == Plan()
    with pytest.raises(UsageError, match=r"looks: .*looks.json has others, 6,12, fixed on .* looked at with 6 seeds"):
        choose_plan(tmp_path, STUDY, (6, 8))


def test_each_horizon_has_its_own_plan_at_all_origins(tmp_path):
    save_made_study(tmp_path / "day", range(6))
    save_made_run(tmp_path / "half", "half", protocol={"horizon_rows": 72})
    (day,), (half,) = ([collect_runs([], tmp_path / name)] for name in ("day", "half"))
    assert identify_study([day]) == STUDY
    assert identify_study([half]) == replace(STUDY, settings="horizon_rows 72")
    assert identify_study([day, half]).settings == "horizon_rows 72"
    protocol = half.used[0].protocol
    assert describe_settings(protocol.shift(144)) == describe_settings(protocol)


@pytest.mark.parametrize(
    "other", [{"target": "p (mbar)"}, {"where": "station=north"}, {"protocol": "book2"}, {"reading": "resample=1h"}]
)
def test_each_target_series_and_reading_of_a_file_has_its_own_plan(tmp_path, other):
    save_made_study(tmp_path, range(6))
    record_look(tmp_path, judge_runs([], tmp_path, Plan((6, 12))))
    assert choose_plan(tmp_path, replace(STUDY, **other), (7, 9)) == Plan((7, 9))
    assert choose_plan(tmp_path, replace(STUDY, **other), None) == Plan()


def test_the_same_file_read_otherwise_is_another_study(tmp_path):
    for name, readings in {"found": [""], "hourly": ["resample=1h"], "older": [None, "resample=1h"]}.items():
        for seed, reading in enumerate(readings):
            save_made_run(tmp_path / name, f"run-{seed}", "baseline", seed, reading=reading)
    found, hourly, older = (collect_runs([], tmp_path / name) for name in ("found", "hourly", "older"))
    assert identify_study([found]) == STUDY
    assert identify_study([hourly]) == identify_study([older]) == replace(STUDY, reading="resample=1h")
    assert identify_study([found, hourly]).reading == "resample=1h"


def test_a_plan_of_an_older_version_counts_for_every_study_that_it_may_be_of(tmp_path):
    entry = {
        "sha256": SHA256,
        "protocol": "book",
        "looks": [6, 12],
        "fixed_at": "2026-01-01T00:00:00+00:00",
        "taken": [{"at": "2026-01-02T00:00:00+00:00", "seeds": 6, "decided": []}],
    }
    (tmp_path / LEDGER).write_text(json.dumps({"schema_version": 1, "studies": [entry]}))
    save_made_study(tmp_path, range(6))
    judged = judge_runs([], tmp_path)
    assert judged.plan == Plan((6, 12))
    record_look(tmp_path, judged)
    record_look(tmp_path, judged)
    older, own = json.loads((tmp_path / LEDGER).read_text())["studies"]
    assert older == entry
    assert [own["target"], *(look["seeds"] for look in own["taken"])] == [STUDY.target, 6, 6]
    assert choose_plan(tmp_path, STUDY, None) == Plan((6, 12))
    for other in ({"target": "p (mbar)"}, {"reading": "resample=1h"}):  # its six seeds may have been those
        with pytest.raises(UsageError, match="looked at with 6 seeds"):
            choose_plan(tmp_path, replace(STUDY, **other), (7, 9))


def test_before_its_first_look_a_plan_may_change(tmp_path):
    save_made_study(tmp_path, range(2))
    record_look(tmp_path, judge_runs([], tmp_path))
    assert choose_plan(tmp_path, STUDY, (6, 12)) == Plan((6, 12))


@pytest.mark.parametrize("content", ["{", "[]", '{"studies": [{"looks": []}]}', '{"studies": 3}'])
def test_a_damaged_ledger_is_named(tmp_path, content):
    (tmp_path / LEDGER).write_text(content)
    with pytest.raises(DataError, match=r"looks\.json: is no ledger of looks"):
        choose_plan(tmp_path, STUDY, None)


def test_of_two_looks_at_once_neither_is_lost(tmp_path, monkeypatch):
    judged = []
    for seeds in (2, 3):
        save_made_study(tmp_path / str(seeds), range(seeds))
        judged.append(judge_runs([], tmp_path / str(seeds)))
    read = looks._read_ledger

    def read_slowly(runs_dir):
        ledger = read(runs_dir)
        time.sleep(0.2)
        return ledger

    monkeypatch.setattr(looks, "_read_ledger", read_slowly)
    threads = [Thread(target=record_look, args=(tmp_path, each)) for each in judged]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (study,) = json.loads((tmp_path / LEDGER).read_text())["studies"]
    assert {look["seeds"] for look in study["taken"]} == {2, 3}
