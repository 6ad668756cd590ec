"""A run's folder: how it comes into being and what is read from it."""

import errno
import json
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.document import SCHEMA_VERSION, Metrics
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder, check_writable, create_run_folder
from rdrop_cli.runs.many import read_summaries
from rdrop_cli.runs.schema import read_metrics, to_builtins
from rdrop_cli.study.config import RunConfig

SaveRun = Callable[..., RunFolder]
FEW_NAMES = 128  # that four random digits may take, so that runs begun in one second do meet


def test_a_new_runs_id_tells_variant_seed_and_time(tmp_path: Path, tiny_config: RunConfig) -> None:
    folder = create_run_folder(tmp_path / "new" / "runs", replace(tiny_config, seed=3))
    assert re.fullmatch(r"dropout-s3-\d{8}-\d{6}-[0-9a-f]{4}", folder.run_id)
    assert folder.path == tmp_path / "new" / "runs" / folder.run_id
    assert datetime.now(UTC) - datetime.fromisoformat(folder.read_created_at()) < timedelta(minutes=1)


def test_a_run_elsewhere_that_a_link_names_is_not_written(tmp_path: Path, tiny_config: RunConfig) -> None:
    there = create_run_folder(tmp_path / "elsewhere", tiny_config)
    (tmp_path / "runs").mkdir()
    link = tmp_path / "runs" / there.run_id
    link.symlink_to(there.path)
    assert list_run_folders(tmp_path / "runs") == [RunFolder(link)]
    with pytest.raises(RdropError, match="is a link; a run is written only in its own folder"), RunFolder(link).lock():
        pass
    assert [path.name for path in there.path.iterdir()] == ["config.json"]


def test_a_new_run_holds_all_that_is_needed_to_run_it_again(tmp_path: Path, tiny_config: RunConfig) -> None:
    folder = create_run_folder(tmp_path, tiny_config)
    assert folder.read_config() == tiny_config
    assert json.loads(folder.config_path.read_bytes())["schema_version"] == SCHEMA_VERSION
    assert [path.name for path in folder.path.iterdir()] == ["config.json"]


def test_half_of_a_surrogate_pair_is_refused(tmp_path: Path, tiny_config: RunConfig) -> None:
    folder = create_run_folder(tmp_path, tiny_config)
    document = json.loads(folder.config_path.read_text()) | {"seed": "\ud800"}
    folder.config_path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"not a run's configuration: expected Unicode text, received '.ud800'"):
        folder.read_config()


def test_a_taken_id_is_not_given_again(tmp_path: Path, tiny_config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = iter(["0000"] * 3 + ["0001"] * 5)
    token_hex = secrets.token_hex
    monkeypatch.setattr(secrets, "token_hex", lambda size: next(digits) if size == 2 else token_hex(size))
    monkeypatch.setattr("rdrop_cli.runs.folder.datetime", FrozenClock)
    first = create_run_folder(tmp_path, tiny_config)
    before = first.config_path.read_bytes()
    second = create_run_folder(tmp_path, replace(tiny_config, dropout=0.5))
    assert (first.run_id[-4:], second.run_id[-4:]) == ("0000", "0001")
    assert first.config_path.read_bytes() == before


class FrozenClock:
    """Every run begins in the same second."""

    @staticmethod
    def now(zone: object) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


def test_threads_that_begin_runs_at_once_overwrite_nothing(
    tmp_path: Path, tiny_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_hex = secrets.token_hex
    monkeypatch.setattr(
        secrets, "token_hex", lambda size: f"{secrets.randbelow(FEW_NAMES):04x}" if size == 2 else token_hex(size)
    )
    configs = [replace(tiny_config, dropout=number / 100) for number in range(48)]
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda config: create_run_folder(tmp_path, config), configs))
    assert len({folder.run_id for folder in folders}) == 48
    assert [folder.read_config() for folder in folders] == configs


def test_processes_that_begin_runs_at_once_overwrite_nothing(tmp_path: Path, tiny_config: RunConfig) -> None:
    first = create_run_folder(tmp_path, tiny_config)
    script = (
        "import pathlib, secrets, sys; from rdrop_cli.runs.folder import RunFolder, create_run_folder\n"
        "token_hex = secrets.token_hex\n"
        f"secrets.token_hex = lambda n: '%04x' % secrets.randbelow({FEW_NAMES}) if n == 2 else token_hex(n)\n"
        "config = RunFolder(pathlib.Path(sys.argv[1])).read_config()\n"
        "for _ in range(20): print(create_run_folder(pathlib.Path(sys.argv[2]), config).run_id)\n"
    )
    command = [sys.executable, "-c", script, first.path, tmp_path / "runs"]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    ids = [run_id for child in children for run_id in child.communicate()[0].split()]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len(ids) == 60
    assert {path.name for path in (tmp_path / "runs").iterdir()} == set(ids)
    assert all(RunFolder(tmp_path / "runs" / run_id).read_config() == tiny_config for run_id in ids)


def test_a_runs_folder_that_cannot_be_written_fails_before_any_work(tmp_path: Path, tiny_config: RunConfig) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RdropError, match="not a folder"):
        check_writable(tmp_path / "runs")
    with pytest.raises(RdropError, match="not a folder"):
        create_run_folder(tmp_path / "runs", tiny_config)


def test_trying_a_runs_folder_leaves_it_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "runs")
    assert list((tmp_path / "new" / "runs").iterdir()) == []


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, "1", True, None, [1]])
def test_another_schema_version_is_refused_with_both(save_run: SaveRun, tmp_path: Path, version: object) -> None:
    folder = save_run(tmp_path, "run")
    for path, read in ((folder.config_path, folder.read_config), (folder.metrics_path, folder.read_metrics)):
        path.write_text(json.dumps({**json.loads(path.read_bytes()), "schema_version": version}))
        with pytest.raises(DataError) as caught:
            read()
        assert str(caught.value) == f"{path}: expected schema version {SCHEMA_VERSION} or lower, received {version!r}"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe{\0}\0", b"\0" * 100, b"[" * 100_000, b'{"schema_version": 1', b"9" * 5000, b'{"a": NaN}'],
    ids=["empty", "cut", "UTF-16", "zeros", "too deep", "cut later", "a number without end", "NaN"],
)
def test_a_file_that_is_no_json_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_metrics(path)
    assert str(caught.value).startswith(f"{path}: cannot be read as JSON (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["7", "[]", '"text"', "null", "{}"])
def test_json_that_is_no_document_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"metrics.json: expected schema version 4 or lower, received None"):
        read_metrics(path)


def test_a_folder_without_metrics_is_no_finished_run(tmp_path: Path, tiny_config: RunConfig) -> None:
    with pytest.raises(DataError, match=r"metrics.json: no such file"):
        create_run_folder(tmp_path, tiny_config).read_metrics()


def test_a_config_that_is_none_is_refused_by_its_files_name(save_run: SaveRun, tmp_path: Path) -> None:
    folder = save_run(tmp_path, "run")
    folder.config_path.write_text(json.dumps({"schema_version": SCHEMA_VERSION, "variant": "baseline"}))
    with pytest.raises(DataError) as caught:
        folder.read_config()
    assert str(caught.value).startswith(f"{folder.config_path}: not a run's configuration")


DEFAULTED = ("schema_version", "failure", "vary", "code_sha256", "by_horizon", "quantiles")
WITHOUT = [name for name in Metrics.__struct_fields__ if name not in DEFAULTED]


@pytest.mark.parametrize("field", WITHOUT)
def test_metrics_without_one_of_their_figures_are_refused_by_name(
    save_run: SaveRun, tmp_path: Path, field: str
) -> None:
    folder = save_run(tmp_path, "run")
    metrics = json.loads(folder.metrics_path.read_bytes())
    del metrics[field]
    folder.metrics_path.write_text(json.dumps(metrics))
    with pytest.raises(DataError, match=f"metrics.json: .*{field}"):
        folder.read_metrics()


def spoil(metrics: dict[str, Any], path: str, value: object) -> None:
    """Put a value in the place of a field, or take the field away where the value is `MISSING`."""
    *parents, name = path.split(".")
    for parent in parents:
        metrics = metrics[parent]
    if value is MISSING:
        del metrics[name]
    else:
        metrics[name] = value


MISSING = object()
REFUSED = [
    ("run_id", 7, "run_id: expected `str`, got `int`, received 7"),
    ("run_id", "\x1b[2J", r"run_id: expected printable text, received '\x1b[2J'"),  # would clear the terminal
    ("cell", "\ud800", r"cell: expected printable text, received '\ud800'"),
    ("failure", "a\nb", r"failure: expected printable text, received 'a\nb'"),
    ("status", "lost", "status: invalid enum value 'lost', received 'lost'"),
    ("seed", "0", "seed: expected `int`, got `str`, received '0'"),
    ("seed", True, "seed: expected `int`, got `bool`, received True"),
    ("seed", 2**53 + 1, "seed: expected an integer within 2^53, received 9007199254740993"),
    ("epochs", 3, "epochs: expected `object`, got `int`, received 3"),
    ("epochs.done", -1, "epochs.done: expected `int` >= 0, received -1"),
    ("rates.dropout", 10**400, "rates.dropout: expected an integer within 2^53, received 1000"),
    ("rates.dropout", "much", "rates.dropout: expected `float`, got `str`, received 'much'"),
    ("rates.dropout", None, "rates.dropout: expected `float`, got `null`, received None"),
    ("rates.dropout", 1.0, "rates.dropout: expected `float` < 1.0, received 1.0"),
    ("rates.recurrent_dropout", MISSING, "rates.recurrent_dropout is missing"),
    ("target_std", 1e101, "target_std: expected a number within 1e+100, received 1e+101"),
    ("target_std", -1e400, "cannot be read as JSON (-Infinity is not JSON)"),
    ("dataset", {}, "dataset.name is missing"),
    ("dataset.verified", 0, "dataset.verified: expected `bool | null`, got `int`, received 0"),
    ("protocol", None, "protocol: expected `object`, got `null`, received None"),
    ("protocol.target", MISSING, "protocol.target is missing"),
    ("protocol.stride", 2, "'protocol.stride' is not known"),
    ("protocol.units", "4", "protocol.units: expected `int`, got `str`, received '4'"),
    ("protocol.units", 0, "units: expected at least 1, received 0"),
    ("history", [], "history: expected `object`, got `array`, received []"),
    ("history.val_loss", MISSING, "history.val_loss is missing"),
    ("history.val_loss", ["0.3"], "history.val_loss[0]: expected `float`, got `str`, received '0.3'"),
    ("history.val_loss", [0.3, None], "history.val_loss[1]: expected `float`, got `null`, received None"),
    ("history.val_loss", [0.3] * 4, "history: expected curves of equal length, received {"),
    ("best", {"epoch": 1}, "best.val_mae is missing"),
    ("naive.val_mae", float("nan"), "cannot be read as JSON (NaN is not JSON)"),
    ("timing.epoch_seconds", [1.0], "the document: expected timing.epoch_seconds to be as long as the curves"),
    ("timing.epoch_seconds", [1.0, -1.0, 1.0], "timing: expected durations of at least 0, received {"),
    ("environment.threads", "2", "environment.threads: expected `int | null`, got `str`, received '2'"),
    ("more", {"\x07": 1}, r"a name in more: expected printable text, received '\x07'"),
]


@pytest.mark.parametrize(("field", "value", "message"), REFUSED, ids=[f"{row[0]}-{row[1]!r:.20}" for row in REFUSED])
def test_metrics_that_are_none_are_refused_with_file_field_and_value(
    save_run: SaveRun, tmp_path: Path, field: str, value: object, message: str
) -> None:
    folder = save_run(tmp_path, "run")
    metrics = json.loads(folder.metrics_path.read_bytes())
    spoil(metrics, field, value)
    folder.metrics_path.write_text(json.dumps(metrics))
    with pytest.raises(DataError) as caught:
        folder.read_metrics()
    assert str(caught.value).startswith(f"{folder.metrics_path}: ")
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_field_that_is_not_known_is_ignored_unless_figures_depend_on_it(save_run: SaveRun, tmp_path: Path) -> None:
    folder = save_run(tmp_path, "run")
    before = folder.read_metrics()
    folder.metrics_path.write_text(json.dumps(json.loads(folder.metrics_path.read_bytes()) | {"notes": ["mine"]}))
    assert folder.read_metrics() == before


@pytest.mark.parametrize("deep", [21, 100_000])
def test_a_document_nested_too_deep_is_refused(save_run: SaveRun, tmp_path: Path, deep: int) -> None:
    folder = save_run(tmp_path, "run")
    text = folder.metrics_path.read_text()
    folder.metrics_path.write_text(text.replace("{", '{"more": ' + "[" * deep + "]" * deep + ",", 1))
    with pytest.raises(DataError, match=r"metrics.json: (is nested deeper than 20 levels|cannot be read as JSON)"):
        folder.read_metrics()


def test_a_document_too_large_is_refused_unread(
    save_run: SaveRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_run(tmp_path, "run")
    monkeypatch.setattr("rdrop_cli.files.MOST_TEXT_BYTES", 100)
    with pytest.raises(DataError, match=r"bytes; at most 100 are read"):
        folder.read_metrics()


@pytest.mark.parametrize("created_at", [None, 7, "\x1b[2J"])
def test_a_configuration_without_its_time_is_refused(save_run: SaveRun, tmp_path: Path, created_at: object) -> None:
    folder = save_run(tmp_path, "run")
    config = json.loads(folder.config_path.read_bytes())
    folder.config_path.write_text(json.dumps(config | {"created_at": created_at}))
    with pytest.raises(
        DataError, match=r"config.json: not a run's configuration: created_at: expected a time, received"
    ):
        folder.read_config()


def test_metrics_come_back_as_they_were_written(save_run: SaveRun, tmp_path: Path) -> None:
    folder = save_run(tmp_path, "run", val_loss=(0.3, 0.2))
    assert to_builtins(folder.read_metrics()) == json.loads(folder.metrics_path.read_bytes())


@pytest.mark.parametrize(("name", "run_id"), [("mine", "mine"), ("a\nb", "a\\nb")])
def test_a_run_that_was_renamed_has_the_name_of_its_folder(
    save_run: SaveRun, tmp_path: Path, name: str, run_id: str
) -> None:
    folder = RunFolder(save_run(tmp_path, "run").path.rename(tmp_path / name))
    assert folder.read_metrics().run_id == run_id
    assert [summary.run_id for summary in read_summaries([folder])] == [run_id]


IN_ITS_PLACE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file": (Path.touch, "is a file, not a folder of runs; change runs_dir"),
    "a link": (lambda place: place.symlink_to("/nonexistent/disk"), "links to /nonexistent/disk, which does not exist"),
}


def test_a_runs_folder_that_cannot_be_written_is_named_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / ".2dk7u36w"))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(PermissionError) as caught:
        check_writable(tmp_path)
    assert caught.value.filename == str(tmp_path)


@pytest.mark.parametrize("use", [check_writable, list_run_folders])
@pytest.mark.parametrize("what", IN_ITS_PLACE)
def test_what_stands_in_the_place_of_the_runs_folder_is_named(
    tmp_path: Path, use: Callable[[Path], object], what: str
) -> None:
    make, said = IN_ITS_PLACE[what]
    make(tmp_path / "runs")
    with pytest.raises(RdropError, match=said):
        use(tmp_path / "runs")
