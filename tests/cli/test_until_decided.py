"""`rdrop train --until-decided`: from look to look, and no further than is needed."""

import json

import pytest

from rdrop_cli.analysis.looks import LEDGER
from rdrop_cli.jobs.launch import TrainingPlan
from rdrop_cli.jobs.task import Outcome, Task
from rdrop_cli.planning.fit import plan_on_series
from rdrop_cli.runs.folder import RunFolder
from tests.analysis.made_runs import make_book_curve, save_made_run


@pytest.fixture
def trained(monkeypatch, tiny_series):
    """Make runs with made curves instead of training them; return the seeds of each round."""
    rounds: list[list[int]] = []

    def plan_training(requests, execution, skip_complete, series):
        assert skip_complete
        configs = plan_on_series(requests, tiny_series)
        done = {path.name for path in execution.runs_dir.iterdir()} if execution.runs_dir.is_dir() else set()
        tasks = [Task(each, execution.runs_dir, execution.data_dir) for each in configs]
        tasks = [task for task in tasks if f"{task.config.variant}-s{task.config.seed}" not in done]
        complete = [
            RunFolder(execution.runs_dir / f"{each.variant}-s{each.seed}").read_metrics()
            for each in configs
            if f"{each.variant}-s{each.seed}" in done
        ]
        return TrainingPlan(configs, tiny_series, {}, tasks, complete)

    def run_plan(plan, execution, make_callback):
        rounds.append(sorted({task.config.seed for task in plan.tasks}))
        outcomes = []
        for task in plan.tasks:
            variant, seed = task.config.variant, task.config.seed
            curve, training = make_book_curve(variant, seed)
            name = f"{variant}-s{seed}"
            sha256 = task.config.dataset_sha256
            folder = save_made_run(execution.runs_dir, name, variant, seed, curve, training, sha256=sha256)
            outcomes.append(Outcome(task, folder.read_metrics()))
        return outcomes

    monkeypatch.setattr("rdrop_cli.cli.training.plan_training", plan_training)
    monkeypatch.setattr("rdrop_cli.cli.training.run_plan", run_plan)
    return rounds


def test_it_stops_at_the_first_look_where_the_claims_are_decided(rdrop, trained, tmp_path):
    claims = ["--claim", "baseline-overfits", "--claim", "resists-over-training"]
    result = rdrop("train", "--until-decided", *claims, "--runs-dir", tmp_path / "runs")
    assert result.code == 0, result.err
    assert trained == [list(range(8))]
    assert "8 seeds: 2 of 2 claims decided" in result.err
    (study,) = json.loads((tmp_path / "runs" / LEDGER).read_text())["studies"]
    assert [look["seeds"] for look in study["taken"]] == [8]


@pytest.mark.thorough
def test_it_adds_seeds_one_by_one_until_rarity_is_shown(rdrop, trained, tmp_path):
    result = rdrop("train", "--until-decided", "--claim", "dropout-does-not-overfit", "--runs-dir", tmp_path / "runs")
    assert result.code == 0, result.err
    assert trained == [list(range(8)), *([seed] for seed in range(8, 23))]
    again = rdrop("train", "--until-decided", "--claim", "dropout-does-not-overfit", "--runs-dir", tmp_path / "runs")
    assert again.code == 0
    assert len(trained) == 16, "what is complete is not trained again"


def test_it_ends_where_the_plan_ends(rdrop, trained, tmp_path):
    arguments = ["--until-decided", "--claim", "dropout-does-not-overfit", "--max-seeds", "10"]
    result = rdrop("train", *arguments, "--runs-dir", tmp_path / "runs")
    assert result.code == 0
    assert trained[-1] == [9]
    assert "10 seeds: 0 of 1 claim decided" in result.err
    assert "undecided: dropout-does-not-overfit; the seeds are used up" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--until-decided", "--seeds", "0-3"], "--until-decided chooses the seeds"),
        (["--max-seeds", "9"], "--claim and --max-seeds need --until-decided"),
        (["--until-decided", "--max-seeds", "5"], "--max-seeds: expected at least 8, the first look, received 5"),
        (["--until-decided", "--claim", "overfits"], "--claim: expected one of baseline-overfits"),
        (["zoneout", "--until-decided"], "no claim is about these variants alone"),
    ],
)
def test_what_cannot_be_decided_is_refused(rdrop, trained, tmp_path, arguments, words):
    result = rdrop("train", *arguments, "--runs-dir", tmp_path / "runs")
    assert result.code == 2
    assert words in result.err
    assert trained == []
