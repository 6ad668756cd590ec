"""The report shows what a network forecast, where its runs keep their readings."""

import shutil

from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.report.html import render_report
from tests.analysis.made_runs import save_made_study
from tests.forecast.conftest import plant  # noqa: F401 -- a small study
from tests.report.test_html import Page, read_pictures


def test_the_report_has_the_forecasts_of_the_dropout_network(plant):  # noqa: F811
    page = Page(render_report(judge_runs([], plant / "runs"), plant / "runs"))
    assert "Forecasts of dropout in the test" in page.text
    for words in ("masks,seeds,residual,adaptive-conformal", "too narrow", "climatology"):
        assert words in page.text
    pictures = [picture.decode() for picture in read_pictures(page)]
    for words in ("the last week", "targets within intervals"):
        assert sum(words in picture for picture in pictures) == 2  # for a page and for a phone


def test_runs_without_readings_have_no_such_section(tmp_path):
    save_made_study(tmp_path, range(2))
    assert "What it forecasts" not in render_report(judge_runs([], tmp_path), tmp_path)


def test_a_network_that_cannot_be_read_costs_its_forecasts_and_not_the_report(plant, tmp_path):  # noqa: F811
    shutil.copytree(plant / "runs", tmp_path / "runs")
    for model in (tmp_path / "runs").glob("dropout-*/model.keras"):
        model.write_bytes(b"damaged")
    page = Page(render_report(judge_runs([], tmp_path / "runs"), tmp_path / "runs"))
    assert "Not shown: " in page.text
    assert "cannot be read as a network" in page.text
    assert "Forecasts of dropout in the test" not in page.text
