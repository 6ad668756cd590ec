"""`rdrop calibrate` on the command line."""

import json

import pytest

from rdrop_cli.cli.app import run_command
from tests.forecast.conftest import plant  # noqa: F401 -- the same study


@pytest.mark.thorough
def test_the_page_and_its_json_say_the_same(plant, capsys):  # noqa: F811
    arguments = ["calibrate", "dropout", "--uncertainty", "masks", "--uncertainty", "residual", "--samples", "20"]
    arguments += ["--runs-dir", str(plant / "runs"), "--data-dir", str(plant)]
    assert run_command([*arguments, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [(each["label"], each["sources"]) for each in values] == [
        ("dropout", "masks"),
        ("dropout", "residual"),
        ("naive", "residual"),
        ("climatology", "residual"),
    ]
    assert run_command([*arguments, "--by", "hour"]) == 0
    page = capsys.readouterr().out
    assert "load in MW: " in page
    for each in values:
        assert f"{each['coverage'][1]['share'] * 100:.1f} ± {each['coverage'][1]['half'] * 100:.1f} %" in page
        assert f"{each['crps']:.3f}" in page
    assert "dropout, masks" in page
    assert page.count("\n23 ") == 4
    assert values[0]["coverage"][1]["verdict"] in page
