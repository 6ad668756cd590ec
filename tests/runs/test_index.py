"""The index of a runs folder: it saves time, and never decides what a run says."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.runs import index, many
from rdrop_cli.runs.comparable import find_same_configurations
from rdrop_cli.runs.document import Metrics, Summary
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.many import METRICS, SUMMARY, read_all_metrics, read_summaries, summarise
from rdrop_cli.runs.schema import to_builtins
from rdrop_cli.study.config import RunConfig

SaveRun = Callable[..., RunFolder]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, and an index for any two runs, however new they are."""
    monkeypatch.setenv("RDROP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(index, "FEWEST_RUNS", 2)
    monkeypatch.setattr(index, "SETTLED_NS", 0)
    return tmp_path / "cache"


@pytest.fixture
def runs_dir(save_run: SaveRun, tmp_path: Path) -> Path:
    for seed in range(4):
        save_run(tmp_path / "runs", f"baseline-s{seed}", seed=seed, val_loss=(0.3, 0.26 + seed / 100))
    return tmp_path / "runs"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose metrics were parsed, and not taken from the index."""
    names: list[str] = []
    read = many.read_metrics

    def note_and_read(path: Path) -> Metrics:
        names.append(path.parent.name)
        return read(path)

    for kind, following in ((METRICS, lambda metrics: metrics), (SUMMARY, summarise)):
        monkeypatch.setitem(kind.__dict__, "read", lambda path, following=following: following(note_and_read(path)))
    return names


def read_anew(runs_dir: Path) -> list[Metrics]:
    return [folder.read_metrics() for folder in list_run_folders(runs_dir)]


def read(runs_dir: Path) -> list[Metrics | DataError]:
    return read_all_metrics(list_run_folders(runs_dir))


def test_what_was_read_once_is_not_parsed_again(runs_dir: Path, parsed: list[str]) -> None:
    assert read(runs_dir) == read_anew(runs_dir)
    assert len(parsed) == 4
    assert read(runs_dir) == read_anew(runs_dir)
    assert len(parsed) == 4


def test_a_few_runs_make_no_index(runs_dir: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "FEWEST_RUNS", 5)
    assert read(runs_dir) == read_anew(runs_dir)
    assert not cache.exists()


def test_a_run_that_has_just_been_written_is_not_kept(
    runs_dir: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could be written again within one tick of the file system's clock."""
    monkeypatch.setattr(index, "SETTLED_NS", 60_000_000_000)
    for _ in range(2):
        assert read(runs_dir) == read_anew(runs_dir)
    assert len(parsed) == 8


def test_a_run_that_is_changed_behind_its_back_in_the_same_second_is_read_again(
    runs_dir: Path, parsed: list[str]
) -> None:
    """Its size and its time of change are what they were; the system's own time of change nobody can set."""
    path = runs_dir / "baseline-s2" / "metrics.json"
    read(runs_dir)
    before = path.stat()
    content = path.read_text()
    with path.open("r+") as file:  # the same file, not another in its place
        file.write(content.replace('"val_mae": 0.28', '"val_mae": 0.21'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert path.read_text() != content
    assert read(runs_dir) == read_anew(runs_dir)
    assert parsed[4:] == ["baseline-s2"]


def test_runs_that_change_their_names_are_told_by_them(runs_dir: Path) -> None:
    read(runs_dir)
    for old, new in (("baseline-s0", "other"), ("baseline-s1", "baseline-s0"), ("other", "baseline-s1")):
        (runs_dir / old).rename(runs_dir / new)
    assert read(runs_dir) == read_anew(runs_dir)
    assert [run.run_id for run in read(runs_dir)] == [f"baseline-s{seed}" for seed in range(4)]


def test_a_run_that_is_removed_is_gone_and_forgotten(runs_dir: Path, save_run: SaveRun, cache: Path) -> None:
    read(runs_dir)
    shutil.rmtree(runs_dir / "baseline-s1")
    save_run(runs_dir, "new")
    assert read(runs_dir) == read_anew(runs_dir)
    (path,) = cache.glob("runs-*.sqlite")
    with sqlite3.connect(path) as connection:
        names = {run for (run,) in connection.execute("SELECT run FROM files")}
    assert names == {"baseline-s0", "baseline-s2", "baseline-s3", "new"}


def test_a_run_that_was_damaged_is_named_all_the_same(runs_dir: Path) -> None:
    read(runs_dir)
    (runs_dir / "baseline-s1" / "metrics.json").write_text("{")
    (runs_dir / "baseline-s2" / "metrics.json").unlink()
    found = read(runs_dir)
    assert [isinstance(each, DataError) for each in found] == [False, True, True, False]
    assert "baseline-s1/metrics.json: cannot be read as JSON" in str(found[1])
    assert "baseline-s2/metrics.json: no such file" in str(found[2])


def test_an_index_that_is_removed_costs_nothing_but_time(runs_dir: Path, cache: Path, parsed: list[str]) -> None:
    read(runs_dir)
    shutil.rmtree(cache)
    assert read(runs_dir) == read_anew(runs_dir)
    assert len(parsed) == 8


@pytest.mark.parametrize("content", [b"", b"no database at all " * 100, b"SQLite format 3\0" + bytes(4000)])
def test_an_index_that_is_none_is_made_anew(runs_dir: Path, cache: Path, parsed: list[str], content: bytes) -> None:
    read(runs_dir)
    (path,) = cache.glob("runs-*.sqlite")
    path.write_bytes(content)
    for _ in range(3):
        assert read(runs_dir) == read_anew(runs_dir)
    assert 8 <= len(parsed) <= 12


def test_flipped_bytes_in_the_index_change_no_answer(runs_dir: Path, cache: Path) -> None:
    read(runs_dir)
    expected, rng = read_anew(runs_dir), random.Random(0)
    (path,) = cache.glob("runs-*.sqlite")
    whole = path.read_bytes()
    inside = [place for place in range(len(whole)) if whole[place]]
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.sample(inside, rng.choice((1, 1, 40))):
            damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        assert read(runs_dir) == expected


def test_entries_that_change_places_change_no_answer(runs_dir: Path, cache: Path) -> None:
    """As of a stranger who may write the index: only a whole entry, with its checksum, of that very file counts."""
    read(runs_dir)
    (path,) = cache.glob("runs-*.sqlite")
    with sqlite3.connect(path) as connection:
        other = connection.execute("SELECT checksum, content FROM files WHERE run = 'baseline-s0'").fetchone()
        connection.execute("UPDATE files SET checksum = ?, content = ? WHERE run = 'baseline-s1'", other)
        connection.execute("UPDATE files SET content = 7, checksum = NULL WHERE run = 'baseline-s2'")
    assert read(runs_dir) == read_anew(runs_dir)


def test_names_in_the_index_that_are_no_text_change_no_answer(runs_dir: Path, save_run: SaveRun, cache: Path) -> None:
    read(runs_dir)
    (path,) = cache.glob("runs-*.sqlite")
    with sqlite3.connect(path) as connection:  # a damaged schema may let anything in
        connection.executescript("""
            ALTER TABLE files RENAME TO whole;
            CREATE TABLE files (kind, run, stamp, checksum, content, PRIMARY KEY (kind, run)) WITHOUT ROWID;
            INSERT INTO files SELECT * FROM whole;
            UPDATE files SET run = 7 WHERE run = 'baseline-s0';
            DROP TABLE whole;
        """)
    save_run(runs_dir, "new")
    for _ in range(2):
        assert read(runs_dir) == read_anew(runs_dir)


def test_an_index_of_another_version_is_made_anew(
    runs_dir: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(runs_dir)
    monkeypatch.setattr("rdrop_cli.__version__", "9.9")
    for _ in range(2):
        assert read(runs_dir) == read_anew(runs_dir)
    assert len(parsed) == 8


def test_an_index_that_another_process_writes_is_done_without(
    runs_dir: Path, cache: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "SECONDS_TO_WAIT", 0.01)
    read(runs_dir)
    (path,) = cache.glob("runs-*.sqlite")
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert read(runs_dir) == read_anew(runs_dir)
        connection.execute("ROLLBACK")
    assert len(parsed) == 8
    assert read(runs_dir) == read_anew(runs_dir)
    assert len(parsed) == 8


def test_where_no_index_can_be_written_runs_are_read(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RDROP_CACHE_DIR", str(tmp_path / "file"))
    assert read(runs_dir) == read_anew(runs_dir)


def test_an_index_that_may_only_be_read_serves(runs_dir: Path, cache: Path, parsed: list[str]) -> None:
    read(runs_dir)
    (path,) = cache.glob("runs-*.sqlite")
    path.chmod(0o444)
    cache.chmod(0o555)
    try:
        assert read(runs_dir) == read_anew(runs_dir)
    finally:
        cache.chmod(0o755)
    assert len(parsed) == 4


def test_an_interrupted_run_is_running_while_it_is_held(save_run: SaveRun, runs_dir: Path) -> None:
    folder = save_run(runs_dir, "at-work", status="interrupted")
    for _ in range(2):
        with folder.lock():
            assert read(runs_dir)[0].status == "running"  # type: ignore[union-attr]
            assert read_summaries(list_run_folders(runs_dir))[0].status == "running"  # type: ignore[union-attr]
    assert read_summaries(list_run_folders(runs_dir))[0].status == "interrupted"  # type: ignore[union-attr]


def test_a_summary_has_the_metrics_own_fields(runs_dir: Path) -> None:
    for metrics, summary in zip(read_anew(runs_dir), read_summaries(list_run_folders(runs_dir)), strict=True):
        whole, shown = to_builtins(metrics), msgspec.to_builtins(summary)
        protocol = shown.pop("protocol")
        assert set(protocol) == {"name", "earlier_horizon_rows"}
        assert protocol["name"] == whole["protocol"]["name"]
        assert list(protocol["earlier_horizon_rows"]) == list(whole["protocol"].get("earlier_horizon_rows", []))
        assert shown == {name: whole[name] for name in shown}
    kinds = {name: Metrics.__annotations__[name] for name in Summary.__struct_fields__}
    assert kinds.keys() <= set(Metrics.__struct_fields__)


def test_a_configuration_is_found_by_the_index_as_without_it(
    save_run: SaveRun, runs_dir: Path, tiny_config: RunConfig
) -> None:
    changed: dict[str, Any] = {
        "seed": 7, "dropout": 0.0, "recurrent_dropout": 0.5, "epochs": 9, "cell": "lstm", "engine": "keras",
        "vary": "masks", "dataset_sha256": "6" * 64,
    }  # fmt: skip
    assert changed.keys() <= {field.name for field in fields(RunConfig)}
    configs = [replace(tiny_config, **{name: value}) for name, value in changed.items()]
    for number, config in enumerate(configs):
        save_run(runs_dir, f"of-{number}", config=config)
    for _ in range(2):
        found = find_same_configurations(configs, runs_dir)
        assert {folder.run_id: config for config, folder in found.items()} == {
            f"of-{number}": config for number, config in enumerate(configs)
        }
    whole_number = replace(tiny_config, dropout=0)
    assert [folder.run_id for folder in find_same_configurations([whole_number], runs_dir).values()] == ["of-1"]


def test_a_run_whose_name_is_no_text_is_read(runs_dir: Path, save_run: SaveRun) -> None:
    folder = save_run(runs_dir, "plain")
    folder.path.rename(Path(os.fsdecode(os.fsencode(runs_dir) + b"/x-\xff")))
    for _ in range(2):
        assert read(runs_dir) == read_anew(runs_dir)


def test_who_makes_an_index_removes_those_of_folders_that_are_gone(runs_dir: Path, cache: Path, tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("gone", "there")]
    for other in others:
        shutil.copytree(runs_dir, other)
        read(other)
    (cache / "runs-damaged.sqlite").write_bytes(b"no database")
    shutil.rmtree(others[0])
    kept = {path.name for path in cache.glob("runs-*.sqlite")}
    assert len(kept) == 3
    read(runs_dir)
    assert len({path.name for path in cache.glob("runs-*.sqlite")} & kept) == 1
    assert read(others[1]) == read_anew(others[1])


def test_an_entry_of_another_format_is_not_decoded(
    runs_dir: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(runs_dir)
    monkeypatch.setattr(index, "FORMAT", index.FORMAT + 1)
    assert read(runs_dir) == read_anew(runs_dir)
    assert len(parsed) == 8
