"""The report is one file, whole, safe whatever stands in the runs, and says everything it has to."""

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.cli.app import run_command
from rdrop_cli.export.mlflow_verdict import describe_verdict
from rdrop_cli.plots.loss import describe_setting
from rdrop_cli.report.account import list_spreads
from rdrop_cli.report.formats import write_latex, write_markdown
from rdrop_cli.report.html import render_report, write_report
from rdrop_cli.report.periods import describe_periods
from rdrop_cli.report.pictures import thin_out
from rdrop_cli.report.text import write_page
from rdrop_cli.report.words import VERDICTS, describe_runs, format_answer
from tests.analysis.made_runs import SHA256, save_later_origins, save_made_run, save_made_study, save_varied

VOID = {"meta", "img", "source", "link", "br", "hr", "input"}
NASTY = "</script></style></svg><script>alert(1)</script>\"'&$\\frac$ ]]>"


class Page(HTMLParser):
    """What is in a page: its tags with their attributes, and its text; refuses tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report on three seeds, with a run left out and data that are not the published ones."""
    folder = tmp_path_factory.mktemp("runs")
    save_made_study(folder, range(3), verified=False)
    save_made_run(folder, "begun-run", status="interrupted")
    return render_report(judge_runs([], folder))


@pytest.fixture(scope="module")
def page(report: str) -> Page:
    return Page(report)


def read_pictures(page: Page) -> list[bytes]:
    addresses = [source["srcset"] for source in page.find("source")] + [image["src"] for image in page.find("img")]
    return [base64.b64decode(str(address).removeprefix("data:image/svg+xml;base64,")) for address in addresses]


def test_the_page_says_everything_that_it_has_to(page: Page) -> None:
    for words in (
        "baseline seeds 0-2, dropout 0.2/0.2 seeds 0-2; jena data (not the published file), book protocol",
        "runs of 2026-01-01",
        "What has to be known",
        "another checksum",
        "With dropout 0.2/0.2 there is no overfitting in the first 30 epochs: in fewer than one seed in five",
        "steadier-scores",
        "Nothing can be decided before 8 seeds.",
        "When these rules were fixed, the published curves were known",
        "resists-over-training",
        "dropout-s2-20260101-000000-0000",
        "begun-run: interrupted, 20 of 20 epochs are done",
        SHA256,
        "NOT the published file",
        "lookback rows",
        "keras",
        "3.15.1",
        "native",
    ):
        assert words in " ".join(page.text.split()), words


def test_it_leads_with_the_answer_and_the_forest_plot(report: str) -> None:
    places = [
        report.index(words) for words in ('class="answer"', "<picture>", 'id="claims"', 'id="networks"', 'id="runs"')
    ]
    assert places == sorted(places)


@pytest.mark.thorough
def test_every_claim_has_one_row_and_the_same_figures_as_the_text(tmp_path: Path) -> None:
    save_made_study(tmp_path, range(8))
    judged = judge_runs([], tmp_path)
    text = " ".join(Page(render_report(judged)).text.split())
    for verdict in judged.claims:
        if verdict.reason not in ("no-runs", "not-measured"):
            assert f"Answer {format_answer(verdict.answer)}" in text, verdict.id
            assert f"Verdict {VERDICTS[verdict.verdict]}" in text


def test_no_path_of_the_sender_is_in_it(tmp_path: Path) -> None:
    dataset = {"name": "own", "origin": "/home/somebody/secret/own.csv", "sha256": SHA256, "rows": 9, "verified": None}
    save_made_run(tmp_path, "run", document={"dataset": dataset})
    text = Page(render_report(judge_runs([], tmp_path))).text
    assert "own.csv" in text
    assert "somebody" not in text
    assert str(tmp_path) not in text


def test_nothing_comes_from_elsewhere_and_nothing_runs(report: str, page: Page) -> None:
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base"})
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "srcset", "href"):
            assert attributes.get(name, "data:").startswith("data:"), tag
    assert "url(" not in report
    assert "@import" not in report


def test_the_policy_allows_this_style_and_pictures_in_the_page_and_no_more(report: str, page: Page) -> None:
    (policy,) = [meta["content"] for meta in page.find("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", report, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert report.index("Content-Security-Policy") < report.index("<style>")


def test_the_page_is_made_for_who_cannot_see_it(page: Page) -> None:
    assert page.find("html") == [{"lang": "en"}]
    assert len(page.find("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert {attributes.get("scope") for attributes in page.find("th")} == {"col", "row"}
    assert all(len(str(image["alt"])) > 40 for image in page.find("img"))
    assert [meta["content"] for meta in page.find("meta") if meta.get("name") == "viewport"]


def test_every_picture_is_drawn_for_both_widths(page: Page) -> None:
    pictures = ["".join(ElementTree.fromstring(picture).itertext()) for picture in read_pictures(page)]
    assert len(pictures) == 8
    for words in ("the claim holds here", "at the end of equal epochs", "baseline, 3 seeds", "seeds below it"):
        assert sum(words in picture for picture in pictures) == 2, words


def test_every_network_is_in_the_table_with_its_verdict(page: Page) -> None:
    text = " ".join(page.text.split())
    assert "dropout 0.2/0.2 Seeds 3 Level 0.2" in text
    assert "Against undecided against baseline: -0.00" in text
    assert "Against reference" in text
    assert "Over both rates" not in text


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The report on four pairs of rates with gru and with lstm, and on eight variants more."""
    folder = tmp_path_factory.mktemp("sweep")
    for cell in ("gru", "lstm"):
        for rates in ((0.2, 0.2), (0.2, 0.5), (0.5, 0.2), (0.5, 0.5)):
            run_id = f"dropout-{cell}-{rates[0]}-{rates[1]}"
            save_made_run(folder, run_id, "dropout", 0, rates=rates, document={"cell": cell}, day=1 + (cell == "gru"))
    for variant in ("gal", "gal-tied", "moon", "zoneout", "dropconnect", "naive-step", "stacked", "dropout-after"):
        save_made_run(folder, variant, variant, 0, day=2)
    return Page(render_report(judge_runs([], folder)))


def test_a_sweep_has_its_heat_map_for_both_widths_and_in_words(sweep: Page) -> None:
    assert "Over both rates" in sweep.text
    (alternative,) = [str(image["alt"]) for image in sweep.find("img") if "Heat map" in str(image["alt"])]
    assert alternative.startswith("Heat map of the errors over both rates. Mean over seeds of the validation level")
    assert "dropout-lstm: outlined, the best of 4 pairs" in alternative
    pictures = ["".join(ElementTree.fromstring(picture).itertext()) for picture in read_pictures(sweep)]
    assert sum("recurrent dropout" in picture for picture in pictures) == 2


def test_a_sweep_has_every_run_and_network(sweep: Page) -> None:
    text = " ".join(sweep.text.split())
    assert "dropout-lstm 0.5/0.2 Seeds 1" in text
    assert "dropout-lstm-0.5-0.2" in text
    assert "gru, lstm" in text


@pytest.mark.thorough
def test_periods_and_what_varies_have_their_tables(tmp_path: Path) -> None:
    save_made_study(tmp_path, range(3))
    save_later_origins(tmp_path, range(3), [0.01])
    save_varied(tmp_path, "masks", range(1, 4), {"dropout": 0.002})
    judged = judge_runs([], tmp_path)
    page = Page(render_report(judged))
    assert [name for name in ("periods", "account") if {"class": name} in page.find("table")] == ["periods", "account"]
    periods = describe_periods(judged)
    assert periods is not None
    cells = [cell for row in (*periods.rows, *list_spreads(judged)) for cell in row]
    assert all(cell in page.text for cell in cells)
    assert "in the first period" in page.text


def test_everything_from_files_is_escaped(tmp_path: Path) -> None:
    nasty = {"run_id": NASTY, "environment": dict.fromkeys(("python", "keras", "device"), NASTY), "engine": NASTY}
    data = {"name": NASTY, "sha256": NASTY, "origin": NASTY, "rows": 1, "verified": None}
    protocol = {"name": NASTY, "summary": NASTY, "target": NASTY}
    save_made_run(tmp_path, "one", document=nasty | {"dataset": data, "unit": NASTY}, protocol=protocol)
    failed = {"failure": NASTY}
    save_made_run(tmp_path, "two", status="failed", document=failed)
    report = render_report(judge_runs([], tmp_path))
    page = Page(report)
    assert page.find("script") == []
    assert page.text.count(NASTY) > 8
    assert len(page.find("style")) == 1
    for picture in read_pictures(page):
        ElementTree.fromstring(picture)
        assert b"<script" not in picture


def test_the_rows_of_a_file_of_several_series_are_named_wherever_its_data_are(tmp_path: Path) -> None:
    data = {"name": "air", "sha256": SHA256, "origin": "air.csv", "rows": 9, "verified": None, "where": "site=Nord"}
    folder = save_made_run(tmp_path, "run", document={"dataset": data})
    judged = judge_runs([], tmp_path)
    assert "; air site=Nord data, " in describe_runs(judged.collection)
    assert Page(render_report(judged)).text.count("air site=Nord") > 1
    assert "air site=Nord data" in describe_setting([folder.read_metrics()])
    assert describe_verdict(judged).params["where"] == "site=Nord"


def test_tables_have_only_what_latex_can_set_and_a_dash_for_runs_too_short_to_overfit(tmp_path: Path) -> None:
    data = {"name": "a<b|c", "sha256": SHA256, "origin": "air.csv", "rows": 9, "verified": None}
    save_made_run(tmp_path, "run", val_loss=[0.3, 0.29, 0.28], document={"dataset": data})
    judged = judge_runs([], tmp_path)
    latex = write_latex(judged)
    assert r"a\textless{}b\textbar{}c data" in latex
    assert r"\ensuremath{\alpha} = 0.05" in latex
    assert latex.isascii()
    assert "0 of 0" not in write_markdown(judged)


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        (tuple(range(8, 33)), "looks at every seed from 8 to 32"),
        (tuple(range(8, 33, 2)), "looks at 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32 seeds"),
        ((6, 12), "looks at 6, 12 seeds"),
        ((8,), "looks at 8 seeds"),
    ],
)
def test_the_looks_are_told_as_they_were_planned(tmp_path: Path, looks: tuple[int, ...], told: str) -> None:
    save_made_run(tmp_path, "run", "baseline", 0)
    judged = judge_runs([], tmp_path, Plan(looks))
    assert told in write_markdown(judged)
    assert told in render_report(judged)
    assert told.removeprefix("looks ") in " ".join(" ".join(write_page(judged, explain=True)).split())


@pytest.mark.parametrize("horizon_rows", [144, 72])
def test_the_caption_of_a_table_tells_the_windows_once(tmp_path, horizon_rows):
    save_made_run(tmp_path, "run", "baseline", 0, protocol={"horizon_rows": horizon_rows})
    told = f"windows of 1440 rows, every 6, target {horizon_rows + 6} after the newest reading"
    assert write_markdown(judge_runs([], tmp_path)).count(told) == 1


def test_a_target_without_a_unit_has_no_columns_in_it(tmp_path: Path) -> None:
    save_made_run(tmp_path, "run", protocol={"target": "price"})
    page = Page(render_report(judge_runs([], tmp_path)))
    assert "°C" not in page.text
    assert "Best in" not in page.text
    assert "Test MAE" in page.text


def test_environments_that_differ_are_told_apart_by_their_runs(tmp_path: Path) -> None:
    save_made_run(tmp_path, "cpu-run", seed=0)
    save_made_run(tmp_path, "gpu-run", seed=1, document={"environment": {"device": "GPU"}})
    text = " ".join(Page(render_report(judge_runs([], tmp_path))).text.split())
    assert "1 run cpu-run" in text
    assert "1 run gpu-run" in text


@pytest.mark.thorough
@pytest.mark.parametrize(("epochs", "pictures"), [(1, 4), (4, 4), (5, 6), (9, 6)])
def test_runs_too_short_to_be_judged_have_a_page_that_says_so(tmp_path: Path, epochs: int, pictures: int) -> None:
    for variant in ("baseline", "dropout"):
        save_made_run(tmp_path, variant, variant, val_loss=[0.3 - 0.01 * epoch for epoch in range(epochs)])
    page = Page(render_report(judge_runs([], tmp_path)))
    text = " ".join(page.text.split())
    assert "The runs are too short to be judged: train for at least 10 epochs." in text
    assert "not compared with baseline: this needs the same seeds, with 10 epochs or more each" in text
    assert "Claim by claim" not in text
    assert len(read_pictures(page)) == pictures  # the pairs of seeds need an end of five epochs


@pytest.mark.thorough
def test_short_runs_beside_judged_ones_are_named(tmp_path: Path) -> None:
    save_made_study(tmp_path, range(2))
    save_made_run(tmp_path, "gal", "gal", val_loss=[0.3])
    text = " ".join(Page(render_report(judge_runs([], tmp_path))).text.split())
    assert "The runs of gal 0.2/0.2 are too short to be judged: train for at least 10 epochs." in text
    assert "The runs are too short" not in text


def test_seeds_that_patience_ended_at_different_epochs_have_a_mean_curve(tmp_path: Path) -> None:
    for seed, done in enumerate((20, 12)):
        ended = {"epochs": {"done": done, "planned": 20, "ended_by": "patience"}}
        falling = [0.3 - 0.001 * epoch for epoch in range(done)]
        save_made_run(tmp_path, f"s{seed}", seed=seed, val_loss=falling, protocol={"patience": 3}, document=ended)
    pictures = read_pictures(Page(render_report(judge_runs([], tmp_path))))
    assert sum("baseline, 2 seeds" in "".join(ElementTree.fromstring(each).itertext()) for each in pictures) == 2


@pytest.mark.thorough
def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    save_made_study(tmp_path, range(2))
    judged = judge_runs([], tmp_path)
    assert render_report(judged) == render_report(judged)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page empty, where it matters only whether it is written."""
    monkeypatch.setattr("rdrop_cli.report.html.render_report", lambda *_: "new")


@pytest.mark.usefixtures("undrawn")
def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_made_run(tmp_path, "run")
    out = tmp_path / "report.html"
    out.write_text("old")

    def refuse(path: Path) -> None:
        if path.suffix == ".html":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("rdrop_cli.files.sync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_report(judge_runs([], tmp_path), out)
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".html"] == ["report.html"]


@pytest.fixture
def rdrop(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = run_command([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.thorough
def test_the_command_writes_into_the_runs_folder_and_prints_the_path(
    rdrop: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    save_made_study(tmp_path, range(1))
    code, out, _ = rdrop("report", "--runs-dir", tmp_path)
    assert (code, out) == (0, f"{tmp_path / 'report.html'}\n")
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    code, out, _ = rdrop("report", "baseline", "--runs-dir", tmp_path, "--output", tmp_path / "one.html")
    assert (code, out) == (0, f"{tmp_path / 'one.html'}\n")
    assert "baseline seed 0; jena data" in (tmp_path / "one.html").read_text()


def test_without_a_run_there_is_no_report(rdrop: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    save_made_run(tmp_path, "begun", status="interrupted")
    code, out, err = rdrop("report", "--runs-dir", tmp_path)
    assert (code, out) == (1, "")
    assert err.splitlines()[0].startswith("skipped: begun: interrupted")
    assert err.splitlines()[1].startswith(f"rdrop: no run in {tmp_path} can be judged")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.usefixtures("undrawn")
def test_a_folder_that_is_not_there_is_named(rdrop: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    save_made_run(tmp_path, "run")
    code, out, err = rdrop("report", "--runs-dir", tmp_path, "--output", tmp_path / "no" / "report.html")
    assert (code, out, err) == (1, "", f"rdrop: {tmp_path / 'no'}: no such folder\n")


@pytest.mark.thorough
def test_of_many_runs_the_report_lists_the_first_and_counts_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_made_study(tmp_path, range(6))
    for number in range(7):
        save_made_run(tmp_path, f"begun-{number}", status="interrupted")
    whole = Page(render_report(judge_runs([], tmp_path)))
    monkeypatch.setattr("rdrop_cli.report.html.MOST_RUNS", 4)
    monkeypatch.setattr("rdrop_cli.report.pictures.MOST_DRAWN", 3)
    page = Page(render_report(judge_runs([], tmp_path)))
    assert whole.text.count("begun-") == 7
    assert "that are not complete: begun-" in page.text
    runs = len(judge_runs([], tmp_path).collection.used)
    assert f"And {runs - 4} more, which are judged too" in page.text
    assert len(whole.find("tr")) - len(page.find("tr")) == runs - 4


def test_a_few_seeds_of_many_are_drawn_the_first_and_the_last_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rdrop_cli.report.pictures.MOST_DRAWN", 3)
    assert thin_out(np.arange(11.0)).tolist() == [0, 5, 10]
    assert thin_out(np.arange(2.0)).tolist() == [0, 1]
