"""`rdrop plot`, `rdrop runs` and `rdrop show` on runs that were really trained."""

import json

import pytest


def ids(trained):
    return {path.name.split("-")[0]: path.name for path in trained.iterdir() if path.is_dir()}


def test_the_newest_run_of_each_variant_is_compared_when_none_is_named(rdrop, trained):
    result = rdrop("plot", "--runs-dir", trained)
    assert result.code == 0, result.err
    assert result.out.strip() == str(trained / "comparison.png")
    assert (trained / "comparison.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("ending", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_ending_chooses_the_format(rdrop, trained, tmp_path, ending, head):
    picture = tmp_path / f"curves.{ending}"
    assert rdrop("plot", ids(trained)["baseline"], "--runs-dir", trained, "--output", picture).code == 0
    assert picture.read_bytes().startswith(head)


def test_the_picture_names_variants_units_and_the_naive_forecast(rdrop, trained, tmp_path):
    picture = tmp_path / "curves.svg"
    rdrop("plot", "--runs-dir", trained, "--output", picture)
    text = picture.read_text()
    for words in ("baseline", "dropout", "naive forecast", "(°C)", "epoch", "validation"):
        assert words in text
    rdrop("plot", "--runs-dir", trained, "--output", picture, "--unit", "standardised")
    assert "(standardised)" in picture.read_text()


def test_runs_lists_every_run_with_its_id_uncut(rdrop, trained):
    result = rdrop("runs", "--runs-dir", trained)
    assert result.code == 0
    for run_id in ids(trained).values():
        assert run_id in result.out


def test_runs_as_json_is_json_alone(rdrop, trained):
    listed = json.loads(rdrop("runs", "--runs-dir", trained, "--json").out)
    assert {run["run_id"] for run in listed} == set(ids(trained).values())
    assert all(run["status"] == "completed" for run in listed)


def test_no_runs_is_an_empty_list_and_no_error(rdrop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rdrop("runs", "--json").out.strip() == "[]"
    assert rdrop("runs").code == 0
    monkeypatch.setenv("RDROP_RUNS_DIR", "of-setting")
    assert rdrop("runs").code == 0


READING = (
    *("runs", "show x", "plot", "verdict", "report", "forecast", "calibrate", "export --csv", "verify", "repair x"),
    *("rm x", "rm --status failed"),
)


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("name", ["gone", "file"])
def test_a_runs_folder_that_is_named_has_to_be_there(rdrop, tmp_path, command, name):
    (tmp_path / "file").touch()
    result = rdrop(*command.split(), "--runs-dir", tmp_path / name)
    assert (result.code, result.out) == (1, "")
    (line,) = result.err.splitlines()
    assert line.startswith("rdrop: ")
    assert all(word in line for word in ("--runs-dir", str(tmp_path / name)))


def test_an_unreadable_run_is_named_and_the_others_are_listed(rdrop, trained, tmp_path):
    for name, content in (("broken-s0-1", "{"), ("future-s0-1", '{"schema_version": 99}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(content)
        (tmp_path / name / "metrics.json").write_text(content)
    (tmp_path / "good").symlink_to(trained / ids(trained)["baseline"])
    result = rdrop("runs", "--runs-dir", tmp_path, "--json")
    assert [run["variant"] for run in json.loads(result.out)] == ["baseline"]
    assert "broken-s0-1" in result.err
    assert "schema version" in result.err


def test_a_run_may_be_named_by_id_beginning_or_folder(rdrop, trained):
    run_id = ids(trained)["dropout"]
    shown = [
        json.loads(rdrop("show", name, "--runs-dir", trained, "--json").out)["run_id"]
        for name in (run_id, "drop", trained / run_id)
    ]
    assert shown == [run_id] * 3


def test_show_prints_every_epoch(rdrop, trained):
    result = rdrop("show", "baseline", "--runs-dir", trained)
    assert result.code == 0
    assert "naive" in result.out
    assert "    2  " in result.out.splitlines()[-1]


def test_help_and_version_answer(rdrop):
    import rdrop_cli

    assert rdrop("--version").out == f"rdrop {rdrop_cli.__version__}\n"
    assert "train" in rdrop("--help").out
    assert "train" in rdrop().out
    assert "--recurrent-dropout" in rdrop("train", "--help").out
