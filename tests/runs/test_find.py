"""Runs by id, by a beginning of it, by folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.find import Filter, find_run, list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.config import RunConfig

SaveRun = Callable[..., RunFolder]
IDS = ("baseline-s0-20260101", "baseline-s0-20260102", "dropout-s0-20260101", "dropout-s0")


@pytest.fixture
def runs_dir(save_run: SaveRun, tmp_path: Path) -> Path:
    """Four runs among other things."""
    for run_id in IDS:
        save_run(tmp_path / "runs", run_id)
    (tmp_path / "runs" / "README.md").write_text("not a run")
    (tmp_path / "runs" / "dropout-s1-empty").mkdir()
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("name", "run_id"),
    [
        ("baseline-s0-20260102", "baseline-s0-20260102"),
        ("baseline-s0-20260102"[:-1] + "2", "baseline-s0-20260102"),
        ("dropout-s0-2", "dropout-s0-20260101"),
        ("dropout-s0", "dropout-s0"),  # a whole id before the beginning of another
    ],
)
def test_a_run_is_found_by_its_id_or_a_beginning_that_no_other_has(runs_dir: Path, name: str, run_id: str) -> None:
    assert find_run(name, runs_dir) == RunFolder(runs_dir / run_id)


def test_a_run_is_found_by_its_folder_wherever_that_is(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = RunFolder(runs_dir / "dropout-s0")
    assert find_run(str(runs_dir / "dropout-s0"), Path("nowhere")) == expected
    monkeypatch.chdir(runs_dir)
    assert find_run("./dropout-s0/", Path("nowhere")) == expected
    monkeypatch.chdir(runs_dir / "dropout-s0")
    assert find_run(".", Path("nowhere")).run_id == "dropout-s0"


def test_a_beginning_of_several_is_refused_with_their_ids(runs_dir: Path) -> None:
    with pytest.raises(RdropError) as caught:
        find_run("base", runs_dir)
    assert str(caught.value) == (
        f"'base' begins 2 runs in {runs_dir}: baseline-s0-20260101, baseline-s0-20260102; type more of the id"
    )


def test_the_ids_of_many_are_cut_short(save_run: SaveRun, tmp_path: Path) -> None:
    for number in range(6):
        save_run(tmp_path, f"run-{number}")
    with pytest.raises(RdropError, match=r"begins 6 runs in .*: run-0, run-1, run-2, run-3, …; type more"):
        find_run("run", tmp_path)


@pytest.mark.parametrize("name", ["lstm", "dropout-s0-20260101-more", "dropout-s1-empty", "../runs", "README.md"])
def test_a_name_of_no_run_is_refused(runs_dir: Path, name: str) -> None:
    with pytest.raises(RdropError, match=r"no run '.*' in .*; `rdrop runs` lists them"):
        find_run(name, runs_dir)


def test_where_there_is_no_folder_there_are_no_runs(tmp_path: Path) -> None:
    assert list_run_folders(tmp_path / "runs") == []
    with pytest.raises(RdropError, match=r"no run 'x'"):
        find_run("x", tmp_path / "runs")


def test_folders_with_a_config_are_runs_and_nothing_else_is(runs_dir: Path) -> None:
    assert [folder.run_id for folder in list_run_folders(runs_dir)] == sorted(IDS)


def test_a_folder_half_made_when_the_process_was_killed_is_no_run(runs_dir: Path) -> None:
    half = runs_dir / "baseline-s9"
    half.mkdir()
    (half / ".config.0123abcd.tmp.json").write_text("{")
    assert "baseline-s9" not in [folder.run_id for folder in list_run_folders(runs_dir)]


def test_runs_are_chosen_by_what_the_user_calls_them(save_run: SaveRun, tmp_path: Path, tiny_config: RunConfig) -> None:
    for run_id, name, tags in (("a", "adam-1", ("x", "y")), ("b", "adam-2", ("y",)), ("c", "", ())):
        save_run(tmp_path, run_id, config=replace(tiny_config, name=name, tags=tags))

    def find(**wanted: tuple[str, ...]) -> list[str]:
        runs = [folder.read_metrics() for folder in list_run_folders(tmp_path)]
        return [run.run_id for run in runs if Filter(**wanted).keeps(run)]

    assert find() == ["a", "b", "c"]
    assert find(names=("adam*",)) == ["a", "b"]
    assert find(names=("adam-2",)) == ["b"]
    assert find(tags=("x",)) == ["a"]
    assert find(tags=("x", "y")) == ["a", "b"]
    assert find(tags=("y",), names=("*1",)) == ["a"]
    assert find(tags=("z",)) == []
