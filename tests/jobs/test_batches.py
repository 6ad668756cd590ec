"""Which runs are computed together, and that a plan of such runs ends as one whose runs are computed apart."""

from dataclasses import replace

import pytest

from rdrop_cli.jobs import batches, task
from rdrop_cli.jobs.batches import choose_batches
from rdrop_cli.jobs.launch import Execution, plan_training, run_plan
from rdrop_cli.planning.request import Request
from rdrop_cli.training.loop import Callback

SMALL = {"dataset": "synthetic", "protocol": "demo", "epochs": 1, "steps_per_epoch": 2, "units": 2, "batch_size": 4}


def plan(tmp_path, *variants, engine="jax", seeds=(0, 1), jobs=None, **options):
    request = Request(variants=variants, engine=engine, **SMALL, **options)
    execution = Execution(tmp_path / "runs", tmp_path, jobs)
    return plan_training([request.with_seed(seed) for seed in seeds], execution, skip_complete=True), execution


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("engine", "jobs", "expected"),
    [("jax", None, [[0, 1, 2, 3]]), ("jax", 3, [[0, 1, 2], [3]]), ("native", None, []), ("auto", None, [])],
)
def test_runs_that_ask_for_jax_are_computed_together_as_many_as_jobs_allows(tmp_path, engine, jobs, expected):
    planned, _ = plan(tmp_path, "baseline", "dropout", engine=engine)
    assert choose_batches(planned.tasks, jobs, planned.windows) == expected


@pytest.mark.thorough
@pytest.mark.parametrize(("faster", "expected"), [(True, [[0, 1]]), (False, [])])
def test_on_a_machine_with_a_gpu_a_race_decides(tmp_path, monkeypatch, faster, expected):
    from rdrop_cli.nn.batched import race

    monkeypatch.setattr(batches, "list_gpus", lambda: {"0": "GPU-0"})
    monkeypatch.setattr(race, "is_faster_together", lambda config, windows, runs: faster)
    planned, _ = plan(tmp_path, "baseline", engine="auto")
    assert choose_batches(planned.tasks, None, planned.windows) == expected
    single, _ = plan(tmp_path, "baseline", engine="auto", seeds=(0,))
    assert choose_batches(single.tasks, None, single.windows) == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("variants", "options", "expected"),
    [(("baseline", "dense"), {}, [[0, 2]]), (("baseline",), {"optimizer": "nadam"}, []), (("dense",), {}, [])],
)
def test_a_gpu_gets_only_what_jax_can_compute(tmp_path, monkeypatch, variants, options, expected):
    from rdrop_cli.nn.batched import race

    monkeypatch.setattr(batches, "list_gpus", lambda: {"0": "GPU-0"})
    monkeypatch.setattr(race, "is_faster_together", lambda config, windows, runs: True)
    planned, _ = plan(tmp_path, *variants, engine="auto", **options)
    assert choose_batches(planned.tasks, None, planned.windows) == expected


def test_a_race_without_a_gpu_is_lost(tmp_path):
    from rdrop_cli.nn.batched.race import is_faster_together

    planned, _ = plan(tmp_path, "baseline")
    (windows,) = planned.windows.values()
    assert not is_faster_together(planned.configs[0], windows, 2)


@pytest.mark.thorough
def test_runs_together_end_as_runs_apart(tmp_path):
    together, execution = plan(tmp_path, "dropout")
    outcomes = run_plan(together, execution, lambda task: Callback())
    apart, _ = plan(tmp_path, "dropout", engine="native")
    expected = run_plan(apart, replace(execution, jobs=1), lambda task: Callback())
    for one, other in zip(outcomes, expected, strict=True):
        assert (one.metrics.engine, one.metrics.status) == ("jax", "completed")
        assert one.metrics.environment.jax
        assert one.metrics.environment.engine_reason == "2 runs are computed together"
        assert one.metrics.history.val_loss == pytest.approx(other.metrics.history.val_loss, rel=1e-5)
        assert one.metrics.test.mae == pytest.approx(other.metrics.test.mae, rel=1e-5)
    again, _ = plan(tmp_path, "dropout")
    assert (len(again.complete), again.tasks) == (2, [])


@pytest.mark.thorough
def test_a_run_that_cannot_be_computed_or_written_stops_no_other_of_its_batch(tmp_path, monkeypatch):
    planned, execution = plan(tmp_path, "baseline", "dense", "dropout", seeds=(0,))
    make_folder = task.create_run_folder

    def refuse(runs_dir, config):
        if config.variant == "baseline":
            raise PermissionError(13, "Permission denied", str(runs_dir))
        return make_folder(runs_dir, config)

    monkeypatch.setattr(task, "create_run_folder", refuse)
    refused, unsupported, whole = run_plan(planned, execution, lambda each: Callback())
    assert refused.failure == f"{tmp_path / 'runs'}: Permission denied"
    assert unsupported.failure.startswith("engine: engine jax: ")
    assert whole.metrics.status == "completed"
    assert whole.metrics.environment.engine_reason == "2 runs are computed together"
