"""Which runs go into one picture."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.comparable import (
    Run,
    Skipped,
    can_be_resumed,
    choose_named,
    choose_newest,
    describe_skipped,
    find_same_configurations,
    read_runs,
)
from rdrop_cli.runs.difference import explain_difference
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.config import RunConfig

SaveRun = Callable[..., RunFolder]


def day(number: int) -> str:
    return f"2026-01-{number:02}T00:00:00+00:00"


def ids(runs: list[Metrics]) -> list[object]:
    return [run.run_id for run in runs]


def test_the_newest_complete_run_of_each_variant_and_seed_is_chosen(save_run: SaveRun, tmp_path: Path) -> None:
    save_run(tmp_path, "d-new", variant="dropout", created_at=day(5))
    save_run(tmp_path, "d-old", variant="dropout", created_at=day(2))
    save_run(tmp_path, "b1", variant="baseline", seed=1, created_at=day(4))
    save_run(tmp_path, "b0-begun", variant="baseline", created_at=day(6), status="interrupted")
    save_run(tmp_path, "b0-new", variant="baseline", created_at=day(3))
    save_run(tmp_path, "b0-old", variant="baseline", created_at=day(1))
    choice = choose_newest(tmp_path)
    runs, left_out = choice.runs, choice.notes
    assert ids(runs) == ["b0-new", "b1", "d-new"]
    assert left_out == []


def test_a_variant_without_a_complete_run_has_its_newest_with_an_epoch(save_run: SaveRun, tmp_path: Path) -> None:
    save_run(tmp_path, "old", created_at=day(1), status="interrupted")
    save_run(tmp_path, "new", created_at=day(2), status="interrupted")
    save_run(tmp_path, "without", created_at=day(3), val_loss=(), status="interrupted")
    assert ids(choose_newest(tmp_path).runs) == ["new"]


def test_a_reference_forecast_is_compared_with_networks_however_these_were_trained(
    save_run: SaveRun, tmp_path: Path
) -> None:
    save_run(tmp_path, "ridge", variant="ridge", created_at=day(3))
    save_run(tmp_path, "other-target", variant="naive", created_at=day(2), horizon_rows=6)
    save_run(tmp_path, "network", variant="dropout", created_at=day(1), steps_per_epoch=170)
    choice = choose_newest(tmp_path)
    assert ids(choice.runs) == ["network", "ridge"]
    assert choice.notes == ["other-target: another protocol than network (horizon_rows)"]


@pytest.mark.parametrize(
    ("other", "reason"),
    [({"sha256": "6" * 64}, "other data than newest"), ({"horizon_rows": 6}, "another protocol than newest")],
)
def test_what_cannot_be_compared_with_the_newest_is_left_out_and_told(
    save_run: SaveRun, tmp_path: Path, other: dict[str, object], reason: str
) -> None:
    save_run(tmp_path, "d-other", variant="dropout", created_at=day(2), **other)
    save_run(tmp_path, "d-same", variant="dropout", created_at=day(1))
    save_run(tmp_path, "newest", variant="baseline", created_at=day(3))
    choice = choose_newest(tmp_path)
    runs, (told,) = choice.runs, choice.notes
    assert ids(runs) == ["newest", "d-same"]
    assert told.startswith(f"d-other: {reason}")


def test_a_run_with_other_rates_than_most_of_its_variant_is_left_out_and_told(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    for seed in (0, 1):
        save_run(tmp_path, f"usual-{seed}", variant="dropout", seed=seed, created_at=day(1))
    save_run(tmp_path, "odd", config=replace(tiny_config, dropout=0.5), variant="dropout", seed=2, created_at=day(2))
    choice = choose_newest(tmp_path)
    runs, (told,) = choice.runs, choice.notes
    assert ids(runs) == ["usual-0", "usual-1"]
    assert told.startswith("odd: ")
    assert "dropout 0.5" in told


def test_of_rates_with_as_many_runs_the_variants_own_are_usual(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    save_run(tmp_path, "own", variant="dropout", created_at=day(1))
    save_run(tmp_path, "odd", config=replace(tiny_config, dropout=0.5), variant="dropout", created_at=day(2))
    assert ids(choose_newest(tmp_path).runs) == ["own"]


def test_of_a_users_own_network_the_newest_code_is_chosen_however_few_runs_have_it(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    """The metrics of older runs do not record it; then their configuration does."""
    plain = replace(tiny_config, variant="my_network:make", dropout=0.0, recurrent_dropout=0.0)
    for run_id, code, seed, number in (("old-0", "6", 0, 1), ("old-1", "6", 1, 2), ("new-0", "7", 0, 3)):
        config = replace(plain, code_sha256=code * 64)
        save_run(tmp_path, run_id, config=config, variant=config.variant, seed=seed, created_at=day(number))
    older = tmp_path / "old-1" / "metrics.json"
    document = json.loads(older.read_text())
    del document["code_sha256"]
    older.write_text(json.dumps(document))
    choice = choose_newest(tmp_path)
    assert ids(choice.runs) == ["new-0"]
    assert [line.split(";")[0] for line in choice.notes] == [
        f"{run_id}: my_network:make 0/0, 5 epochs, code 66666666" for run_id in ("old-1", "old-0")
    ]


def test_where_both_rates_were_varied_the_heat_map_is_named(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    for number, (dropout, recurrent) in enumerate([(0.2, 0.2), (0.1, 0.2), (0.2, 0.5)], start=1):
        config = replace(tiny_config, dropout=dropout, recurrent_dropout=recurrent)
        save_run(tmp_path, f"{dropout}-{recurrent}", config=config, variant="dropout", created_at=day(number))
    choice = choose_newest(tmp_path)
    runs, told = choice.runs, choice.notes
    assert ids(runs) == ["0.2-0.2"]
    assert [line.split(":")[0] for line in told] == ["0.2-0.5", "0.1-0.2"]
    assert choice.both_rates_vary


def test_many_runs_with_other_rates_are_told_in_one_line(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    for seed in range(8):
        config = replace(tiny_config, dropout=0.1 + 0.8 * (seed < 7) * (seed + 1) / 10)
        save_run(tmp_path, f"s{seed}", config=config, variant="dropout", seed=seed, created_at=day(1 + seed))
    (line,) = choose_newest(tmp_path).notes
    assert line == "7 runs with other rates, epochs or code than those compared: s6, s5, s4 and 4 more"


def test_five_runs_left_out_are_named_each_and_more_by_their_kind() -> None:
    begun = [
        Skipped(f"b{number}", f"interrupted, {number} of 20 epochs", "that are not complete") for number in range(5)
    ]
    damaged = Skipped("d", "metrics.json: no such file", "that cannot be read")
    assert describe_skipped(begun) == [str(left) for left in begun]
    assert describe_skipped([*begun, damaged]) == [
        "5 runs that are not complete: b0, b1, b2 and 2 more",
        "d: metrics.json: no such file",
    ]
    assert describe_skipped([]) == []


def test_a_run_that_cannot_be_read_is_told(save_run: SaveRun, tmp_path: Path) -> None:
    save_run(tmp_path, "good")
    save_run(tmp_path, "bad").metrics_path.write_text("{")
    choice = choose_newest(tmp_path)
    runs, (told,) = choice.runs, choice.notes
    assert ids(runs) == ["good"]
    assert told.startswith("bad: metrics.json: cannot be read as JSON")


def test_with_nothing_to_draw_there_is_nothing_to_choose(save_run: SaveRun, tmp_path: Path) -> None:
    save_run(tmp_path, "begun", val_loss=(), status="interrupted")
    with pytest.raises(RdropError, match=r"no run in .* has finished an epoch"):
        choose_newest(tmp_path)


def test_named_runs_come_in_the_order_in_which_they_are_named(save_run: SaveRun, tmp_path: Path) -> None:
    for run_id in ("one", "two", "three"):
        save_run(tmp_path, run_id)
    runs, warnings = choose_named(["two", "on"], tmp_path)
    assert ids(runs) == ["two", "one"]
    assert warnings == []


def test_named_runs_that_measured_another_thing_are_drawn_with_a_warning(save_run: SaveRun, tmp_path: Path) -> None:
    save_run(tmp_path, "one")
    save_run(tmp_path, "two", sha256="6" * 64)
    runs, (warning,) = choose_named(["one", "two"], tmp_path)
    assert ids(runs) == ["one", "two"]
    assert warning.startswith("two: other data than one")


def test_a_named_run_without_an_epoch_is_refused(save_run: SaveRun, tmp_path: Path) -> None:
    save_run(tmp_path, "begun", val_loss=(), status="interrupted")
    with pytest.raises(RdropError, match="begun: has not finished an epoch"):
        choose_named(["begun"], tmp_path)


def test_a_complete_run_of_the_same_configuration_comes_before_an_interrupted_one(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    save_run(tmp_path, "a-long", val_loss=(0.3,) * 4, status="interrupted")
    save_run(tmp_path, "b-done", val_loss=(0.3,))
    save_run(tmp_path, "c-short", val_loss=(0.3,), status="interrupted")
    assert find_same_configurations([tiny_config], tmp_path) == {tiny_config: RunFolder(tmp_path / "b-done")}


@pytest.mark.thorough
def test_of_several_begun_the_one_with_the_most_epochs_is_gone_on_with(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    for run_id, epochs in (("a", 1), ("b", 3), ("c", 2)):
        save_run(tmp_path, run_id, val_loss=(0.3,) * epochs, status="interrupted")
    assert find_same_configurations([tiny_config], tmp_path) == {tiny_config: RunFolder(tmp_path / "b")}


def test_a_run_that_cannot_be_resumed_comes_after_those_that_can(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    lost = save_run(tmp_path, "a", val_loss=(0.3,) * 3, status="interrupted")
    lost.checkpoints_path.mkdir()
    (lost.checkpoints_path / "epoch-0003.ckpt").write_text("damaged")
    assert find_same_configurations([tiny_config], tmp_path) == {tiny_config: lost}
    assert not can_be_resumed(lost)
    with lost.lock():
        assert can_be_resumed(lost), "its process may be replacing the checkpoints"
    begun = save_run(tmp_path, "b", val_loss=(0.3,), status="interrupted")
    assert find_same_configurations([tiny_config], tmp_path) == {tiny_config: begun}


@pytest.mark.parametrize("other", [{"seed": 1}, {"epochs": 6}, {"dropout": 0.3}, {"dataset_sha256": "6" * 64}])
def test_a_run_of_another_configuration_is_another(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig, other: dict[str, object]
) -> None:
    save_run(tmp_path, "other", config=replace(tiny_config, **other))
    assert find_same_configurations([tiny_config], tmp_path) == {}


def test_a_run_whose_configuration_cannot_be_read_is_none_to_go_on_with(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    save_run(tmp_path, "b").config_path.write_text("{")
    assert find_same_configurations([tiny_config], tmp_path) == {}


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text('{"schema_version": 4}')])
def test_a_run_without_metrics_is_gone_on_with_unless_another_has_epochs(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig, spoil: Callable[[Path], object]
) -> None:
    spoil(save_run(tmp_path, "b").metrics_path)
    assert find_same_configurations([tiny_config], tmp_path) == {tiny_config: RunFolder(tmp_path / "b")}
    save_run(tmp_path, "c", val_loss=(0.3,), status="interrupted")
    assert find_same_configurations([tiny_config], tmp_path) == {tiny_config: RunFolder(tmp_path / "c")}


def test_many_configurations_are_found_in_one_reading(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    configs = [replace(tiny_config, seed=seed) for seed in range(3)]
    for config in configs[:2]:
        save_run(tmp_path, f"s{config.seed}", config=config)
    assert find_same_configurations(configs, tmp_path) == {
        config: RunFolder(tmp_path / f"s{config.seed}") for config in configs[:2]
    }


def test_runs_come_newest_first(save_run: SaveRun, tmp_path: Path) -> None:
    for day, run_id in ((3, "a"), (1, "c"), (2, "b")):
        save_run(tmp_path, run_id, created_at=f"2026-01-0{day}T00:00:00+00:00")
    runs, unreadable = read_runs(list_run_folders(tmp_path))
    assert [run.metrics.run_id for run in runs] == ["a", "b", "c"]
    assert unreadable == []


def test_a_run_that_cannot_be_read_is_told_and_hides_no_other(save_run: SaveRun, tmp_path: Path) -> None:
    save_run(tmp_path, "good")
    save_run(tmp_path, "damaged").metrics_path.write_text("{")
    save_run(tmp_path, "unfinished").metrics_path.unlink()
    runs, unreadable = read_runs(list_run_folders(tmp_path))
    assert [run.folder.run_id for run in runs] == ["good"]
    assert [(left.run, left.reason.split(":")[0]) for left in unreadable] == [
        ("damaged", "metrics.json"),
        ("unfinished", "metrics.json"),
    ]


@pytest.mark.parametrize("other", [{"name": "b"}, {"tags": ("b",)}, {"note": "b"}, {"dataset": "./made"}])
def test_a_configuration_is_the_same_however_its_run_and_its_file_are_called(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig, other: dict[str, Any]
) -> None:
    summary = replace(tiny_config.protocol, summary="on a file of another name")
    save_run(tmp_path, "run", config=replace(tiny_config, **other, protocol=summary))
    assert find_same_configurations([tiny_config], tmp_path) == {tiny_config: RunFolder(tmp_path / "run")}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizon_from", "newest reading"),
        ("inputs", ("T (degC)",)),
        ("calendar", True),
        ("optimizer", "adam"),
        ("learning_rate", 0.01),
        ("loss", "mse"),
        ("clip_norm", 1.0),
        ("patience", 3),
    ],
)
def test_runs_that_were_trained_otherwise_are_not_compared_and_the_difference_is_named(
    make_metrics: Callable[..., Metrics], field: str, value: object
) -> None:
    reference = make_metrics("reference")
    assert str(explain_difference(make_metrics("run", **{field: value}), reference)) == (
        f"another protocol than reference ({field})"
    )
    assert explain_difference(make_metrics("run"), reference) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": {"reading": "missing=-1"}}, "missing=-1, not as found"),
        ({"target_std": 8.8401}, "the target's deviation is 8.8401, not 8.84"),
        ({"naive": {"val_mae": 0.2901}}, "the naive error is 0.2901, not 0.29"),
        ({"target_std": 8.84 * (1 + 1e-9)}, None),
        ({"dataset": {"reading": None}}, None),
        ({"variant": "conv", "naive": {"val_mae": 0.2901}}, None),  # it has windows of its own
    ],
)
def test_runs_on_a_file_that_was_read_otherwise_are_not_compared(
    make_metrics: Callable[..., Metrics], changes: dict[str, Any], said: str | None
) -> None:
    reference = make_metrics("reference")
    reference = structs.replace(
        reference,
        target_std=8.84,
        dataset=structs.replace(reference.dataset, reading=""),
        naive=structs.replace(reference.naive, val_mae=0.29),
    )
    parts = {
        name: structs.replace(getattr(reference, name), **value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
    difference = explain_difference(structs.replace(reference, **parts), reference)
    expected = said and f"the same file read otherwise than reference ({said})"
    assert (difference and str(difference)) == expected


def test_a_run_has_its_history_as_a_data_frame_and_shows_itself_in_a_notebook(
    save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig
) -> None:
    folder = save_run(tmp_path, "run", config=replace(tiny_config, name="<b>first</b>"))
    run = Run(folder, folder.read_metrics())
    assert list(run.history.index) == [1, 2, 3]
    assert run.history.val_loss.tolist() == run.metrics.history.val_loss
    assert run.history.val_mae_in_unit.min() == run.metrics.best.val_mae_in_unit
    shown = run._repr_html_()
    assert "&lt;b&gt;first" in shown
    assert "3 of 5 epochs" in shown
    assert "2.08 °C in epoch 2" in shown
