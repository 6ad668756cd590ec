"""Runs in an archive: the same bytes each time, the same verdict, and nothing that leads elsewhere."""

import json
import re
import tempfile
import zipfile
from pathlib import Path

import pytest

from rdrop_cli import api
from rdrop_cli.errors import DataError
from rdrop_cli.export.archive import KEPT, unpack_archive, write_archive
from rdrop_cli.runs.find import list_run_folders
from tests.analysis.made_runs import save_made_run, save_made_study

RESULTS = Path(__file__).parents[2] / "docs" / "results.zip"
BOOK2_RESULTS = RESULTS.with_name("results-book2.zip")


@pytest.fixture
def runs_dir(tmp_path):
    folder = tmp_path / "runs"
    for seed in range(3):
        save_made_run(folder, f"baseline-s{seed}", seed=seed)
        save_made_run(folder, f"dropout-s{seed}", "dropout", seed=seed)
    (folder / "baseline-s0" / "model.keras").write_bytes(b"a network")
    return folder


def test_an_archive_has_the_figures_of_every_run_and_no_network(runs_dir, tmp_path):
    write_archive(list_run_folders(runs_dir), tmp_path / "one.zip")
    write_archive(list(reversed(list_run_folders(runs_dir))), tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    unpack_archive(tmp_path / "one.zip", tmp_path)
    for folder in list_run_folders(runs_dir):
        files = {path.name for path in (tmp_path / folder.run_id).iterdir()}
        assert files == {path.name for path in folder.path.iterdir()} & set(KEPT)
        assert (tmp_path / folder.run_id / "metrics.json").read_bytes() == folder.metrics_path.read_bytes()


def test_an_archive_is_judged_by_the_plan_of_its_folder(rdrop, tmp_path):
    runs_dir, archive, claims = tmp_path / "runs", tmp_path / "runs.zip", []
    save_made_study(runs_dir, range(6))
    planned = rdrop("verdict", "--runs-dir", runs_dir, "--looks", "6,12", "--json").out
    assert rdrop("export", "--archive", archive, "--runs-dir", runs_dir).code == 0
    assert rdrop("verdict", "--from", archive, "--json").out == planned
    assert "holds" in {claim["verdict"] for claim in json.loads(planned)["claims"]}
    for source in (["--runs-dir", runs_dir], ["--from", archive]):
        picture = tmp_path / f"claims-{len(claims)}.svg"
        assert rdrop("plot", "--claims", *source, "-o", picture).code == 0
        claims.append(picture.read_text().count("holds"))
    assert claims[0] == claims[1] > 0
    assert {each.id: each.verdict for each in api.judge(runs_dir).claims} == {
        claim["id"]: claim["verdict"] for claim in json.loads(planned)["claims"]
    }


@pytest.mark.parametrize("origin", ["/home/somebody/load.csv", r"C:\Users\somebody\load.csv"])
def test_an_archive_names_no_folder_of_the_machine(tmp_path, origin):
    save_made_run(tmp_path / "runs", "b0")
    for name, dataset in (("config.json", origin), ("metrics.json", {"origin": origin})):
        path = tmp_path / "runs" / "b0" / name
        document = json.loads(path.read_text())
        changed = document["dataset"] | dataset if isinstance(dataset, dict) else dataset
        path.write_text(json.dumps(document | {"dataset": changed}))
    write_archive(list_run_folders(tmp_path / "runs"), tmp_path / "runs.zip")
    (tmp_path / "out").mkdir()
    unpack_archive(tmp_path / "runs.zip", tmp_path / "out")
    config, metrics = (
        json.loads((tmp_path / "out" / "b0" / name).read_text())["dataset"] for name in ("config.json", "metrics.json")
    )
    assert (config, metrics["origin"]) == ("load.csv", "load.csv")


@pytest.mark.parametrize("archive", sorted(RESULTS.parent.glob("*.zip")), ids=lambda path: path.stem)
def test_no_archive_of_the_documentation_names_a_folder(archive, tmp_path):
    unpack_archive(archive, tmp_path)
    for path in tmp_path.glob("*/*.json"):
        assert not re.search(r'"(/|[A-Z]:\\)', path.read_text()), path


@pytest.mark.thorough
def test_commands_read_an_archive_as_they_read_the_folder(rdrop, runs_dir, tmp_path):
    archive = tmp_path / "runs.zip"
    assert rdrop("export", "--archive", archive, "--runs-dir", runs_dir).out == f"{archive}\n"
    for command in (["verdict"], ["verdict", "--json"], ["runs"]):
        assert rdrop(*command, "--from", archive).out == rdrop(*command, "--runs-dir", runs_dir).out != ""
    report = tmp_path / "report.html"
    assert rdrop("report", "--from", archive, "-o", report).out == f"{report}\n"
    assert "baseline-overfits" in report.read_text()
    picture = tmp_path / "claims.svg"
    assert rdrop("plot", "--claims", "--from", archive, "-o", picture).out == f"{picture}\n"
    assert "baseline-overfits" in picture.read_text()


@pytest.mark.parametrize(
    "name", ["../metrics.json", "/run/metrics.json", "run/run/metrics.json", "run/model.keras", "run/"]
)
def test_a_file_that_is_no_figure_of_a_run_is_refused_by_name(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("run/config.json", "{}")
        archive.writestr(name, "{}")
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="no figure of a run"):
        unpack_archive(tmp_path / "bad.zip", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused_by_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        for content in ("{}", "{}", "[]"):
            archive.writestr("run/metrics.json", content)
    with pytest.raises(DataError, match=r"holds 'run/metrics.json' 3 times"):
        unpack_archive(tmp_path / "bad.zip", tmp_path / "out")


def test_runs_whose_names_differ_by_case_are_two(tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name in ("run", "Run"):
            archive.writestr(f"{name}/config.json", name)
    (tmp_path / "out").mkdir()
    unpack_archive(tmp_path / "two.zip", tmp_path / "out")
    assert {path.parent.name: path.read_text() for path in tmp_path.glob("out/*/*")} == {"run": "run", "Run": "Run"}


def test_what_is_no_archive_is_told_in_one_line(rdrop, tmp_path):
    (tmp_path / "notes.zip").write_text("notes")
    result = rdrop("verdict", "--from", tmp_path / "notes.zip")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"rdrop: {tmp_path}/notes.zip: cannot be read as an archive of runs")
    assert "--archive" in result.err


@pytest.mark.parametrize(("method", "reason"), [(zipfile.ZIP_LZMA, "packed by deflate"), (None, "holds no run")])
def test_an_archive_that_rdrop_would_not_write_is_told_in_one_line(rdrop, tmp_path, method, reason):
    archive = tmp_path / "runs.zip"
    with zipfile.ZipFile(archive, "w", method or zipfile.ZIP_STORED) as file:
        if method:
            file.writestr("run/metrics.json", "{}")
    result = rdrop("runs", "--from", archive)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"rdrop: {archive}: ")
    assert reason in result.err


@pytest.mark.parametrize(
    "asked", [("runs", "--tag", "none"), ("verdict", "baseline-s9"), ("plot", "--forecast"), ("plot", "--rates")]
)
def test_messages_name_the_archive_and_not_the_folder_it_is_unpacked_to(rdrop, runs_dir, tmp_path, asked):
    archive = tmp_path / "figures.zip"
    write_archive(list_run_folders(runs_dir), archive)
    result = rdrop(*asked, "--from", archive)
    assert tempfile.gettempdir() + "/rdrop-" not in result.err
    if asked[0] != "plot":
        assert str(archive) in result.err


def test_an_archive_that_is_not_there_is_told_in_plain_words(rdrop, tmp_path):
    result = rdrop("runs", "--from", tmp_path / "none.zip")
    assert result.err == (
        f"rdrop: {tmp_path}/none.zip: cannot be read as an archive of runs (No such file or directory); "
        "write one with --archive\n"
    )


def test_no_archive_is_written_of_no_run(rdrop, tmp_path):
    result = rdrop("export", "--archive", tmp_path / "runs.zip", "--runs-dir", tmp_path)
    assert (result.code, result.out) == (1, "")
    assert "no complete run" in result.err
    assert not (tmp_path / "runs.zip").exists()


def test_a_damaged_archive_is_told_in_one_line(rdrop, runs_dir, tmp_path):
    archive = tmp_path / "runs.zip"
    write_archive(list_run_folders(runs_dir), archive)
    content = bytearray(archive.read_bytes())
    content[100:120] = bytes(20)
    archive.write_bytes(content)
    result = rdrop("verdict", "--from", archive)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"rdrop: {archive}: cannot be read as an archive of runs")


def test_claims_without_runs_are_not_drawn(rdrop, tmp_path):
    (tmp_path / "runs").mkdir()
    result = rdrop("plot", "--claims", "--runs-dir", tmp_path / "runs", "-o", tmp_path / "claims.png")
    assert (result.code, result.out) == (1, "")
    assert f"no claim can be judged by the runs in {tmp_path}/runs; `rdrop verdict` says why" in result.err
    assert not (tmp_path / "claims.png").exists()


def test_runs_without_a_known_cost_are_named_and_not_drawn(rdrop, tmp_path):
    save_made_run(tmp_path / "runs", "baseline-s0")  # as early versions left them: without their inputs
    result = rdrop("plot", "--cost", "--runs-dir", tmp_path / "runs", "-o", tmp_path / "cost.png")
    assert (result.code, result.out) == (1, "")
    assert "not drawn, no known cost: baseline" in result.err
    assert not (tmp_path / "cost.png").exists()


def test_reference_forecasts_which_have_no_cost_are_named_in_one_line(rdrop, tmp_path):
    unpack_archive(BOOK2_RESULTS, tmp_path)
    result = rdrop("plot", "--cost", "--runs-dir", tmp_path, "-o", tmp_path / "cost.svg")
    (line,) = (line for line in result.err.splitlines() if "not drawn" in line)
    assert "climatology" in line
    assert "ridge" in line
    assert "naive" not in line.replace("seasonal-naive", ""), "it is a line of the picture"


def test_the_cost_of_the_results_is_drawn_from_their_archive(rdrop, tmp_path):
    result = rdrop("plot", "--cost", "--from", RESULTS, "-o", tmp_path / "cost.svg")
    assert (result.code, result.out) == (0, f"{tmp_path}/cost.svg\n")
    assert "dropout, 32 seeds" in (tmp_path / "cost.svg").read_text()


def test_the_cost_of_a_run_that_is_named_by_its_folder_is_drawn_wherever_it_is(rdrop, tmp_path):
    unpack_archive(RESULTS, tmp_path)
    (run,) = tmp_path.glob("naive-step-s0-*")
    (tmp_path / "elsewhere").mkdir()
    result = rdrop("plot", "--cost", run, "--runs-dir", tmp_path / "elsewhere", "-o", tmp_path / "cost.svg")
    assert (result.code, result.out) == (0, f"{tmp_path}/cost.svg\n"), result.err
    assert "naive-step" in (tmp_path / "cost.svg").read_text()


def test_runs_of_several_folders_are_one_archive_that_can_be_read_or_none(rdrop, tmp_path):
    for number in range(2):
        save_made_run(tmp_path / f"{number}", f"baseline-s{number}", seed=number)
        assert rdrop("verdict", "--runs-dir", tmp_path / f"{number}").code == 0
    archive, named = tmp_path / "both.zip", [tmp_path / "0" / "baseline-s0", tmp_path / "1" / "baseline-s1"]
    by_id = ["baseline-s0", "--runs-dir", tmp_path / "0"]
    assert rdrop("export", "--archive", archive, *named, *by_id).code == 0
    assert "baseline seeds 0-1" in rdrop("verdict", "--from", archive).out
    save_made_run(tmp_path / "1", "baseline-s0")
    refused = rdrop("export", "--archive", tmp_path / "twice.zip", named[0], tmp_path / "1" / "baseline-s0")
    assert (refused.code, (tmp_path / "twice.zip").exists()) == (2, False)
    assert "baseline-s0 is named in several folders" in refused.err
    rdrop("verdict", "--runs-dir", tmp_path / "1", "--looks", "6,12")
    assert rdrop("export", "--archive", archive, *named).code == 2
