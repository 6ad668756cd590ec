"""The page of results says what its archive says, and the archive what the plain checker computes from it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rdrop_cli.report
from tests.report.test_html import Page

DOCS = Path(__file__).parents[2] / "docs"
ARCHIVE = DOCS / "results.zip"
CHECKER = Path(rdrop_cli.report.__file__).with_name("check_verdict.py")


@pytest.fixture(scope="module")
def page():
    return (DOCS / "results.md").read_text()


def test_the_verdict_on_the_page_is_that_of_the_archive(page, rdrop):
    result = rdrop("verdict", "--from", ARCHIVE)
    assert result.code == 0
    (block,) = re.findall(r"```text\n(.*?)\n```", page, re.DOTALL)
    assert block == result.out.rstrip()


@pytest.mark.thorough
def test_the_plain_checker_agrees(page, rdrop, tmp_path):
    (tmp_path / "verdict.json").write_text(rdrop("verdict", "--from", ARCHIVE, "--json").out)
    command = [sys.executable, "-I", CHECKER, tmp_path / "verdict.json", ARCHIVE]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    (count,) = re.findall(r"(\d+) numbers agree, 0 differ", result.stdout)
    assert f"{count} numbers agree" in page


@pytest.mark.thorough
def test_the_html_page_is_the_report_of_the_archive(rdrop, tmp_path):
    """Pictures aside, whose bytes are Matplotlib's."""
    rdrop("report", "--from", ARCHIVE, "--output", tmp_path / "results.html")
    made, kept = (Page(path.read_text("utf-8")) for path in (tmp_path / "results.html", DOCS / "results.html"))
    assert made.text == kept.text
    assert len(kept.text) > 5000


def test_every_number_of_the_text_is_in_the_verdict(page, rdrop):
    verdict = rdrop("verdict", "--from", ARCHIVE, "--explain").out
    text = page.split("## Every claim")[0]
    readme = " ".join((DOCS.parent / "README.md").read_text().split())
    for shown in ("10 of 32", "-0.003 °C"):
        assert shown in text
        assert shown.split(" °C")[0] in verdict
        assert shown in readme
    assert {"0.2776", "0.2798"} <= set(re.findall(r"0\.\d{4}", text)) & set(re.findall(r"0\.\d{4}", verdict))


def test_the_table_of_edition_2_is_that_of_its_archive(page, rdrop):
    runs = json.loads(rdrop("runs", "--from", DOCS / "results-book2.zip", "--json").out)
    assert {(run["protocol"], run["seed"]) for run in runs} == {("book2", 0)}
    for run in runs:
        best, figures = run["best"], (run["final"]["val_mae_in_unit"], run["test"]["mae_in_unit"])
        cells = [f"{best['val_mae_in_unit']:.2f}", str(best["epoch"]), *(f"{error:.2f}" for error in figures)]
        (row,) = re.findall(rf"\| `{run['variant']}` \|.*", page)
        assert f"| {' | '.join(cells)} |" in row
