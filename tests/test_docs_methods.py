"""The page on methods is true: its commands run, its examples print what it says, its tables are the anatomy's."""

import doctest
import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdrop_cli.cli.app import run_command
from rdrop_cli.study.methods import CELLS
from tests.test_docs import list_shell_lines
from tests.test_docs_questions import PAGE as QUESTIONS_PAGE
from tests.test_docs_questions import list_blocks

PAGE = Path(__file__).parents[1] / "docs" / "methods.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = {line for line in list_shell_lines(PAGE) if line.startswith(("rdrop anatomy", "rdrop variants"))}
COMMANDS.remove("rdrop anatomy")  # the tables' test runs it for both cells
COMMANDS -= set(list_blocks(QUESTIONS_PAGE, "sh"))  # their test runs them, and looks at what they print
pytestmark = pytest.mark.usefixtures("warm_processes")  # layers are examined in a process of their own
EXAMPLES = re.findall(r"```pycon\n(.*?)```", TEXT, flags=re.DOTALL)


def describe_masks(masks: list[dict[str, Any]]) -> str:
    """Say how many masks of which shape multiply what, and whether they last."""
    parts = []
    for _, same in groupby(masks, key=lambda mask: (mask["layer"], mask["multiplies"])):
        group = list(same)
        first, shape = group[0], ", ".join(map(str, group[0]["shape"]))
        parts.append(f"{len(group)} × ({shape}) on {first['multiplies']} ({first['site']}), {first['over_time']}")
    return "; ".join(parts) or "none"


def render_row(entry: dict[str, Any]) -> str:
    """Render a variant's row of the page's table."""
    outer = [mask for mask in entry["masks"] if mask["argument"] != "recurrent_dropout"]
    inner = [mask for mask in entry["masks"] if mask["argument"] == "recurrent_dropout"]
    touched = any(mask["carried_state_touched"] for mask in entry["masks"])
    errors = dict(entry["max_abs_error"])
    error, next_error = errors.pop(entry["method"]), min(errors.values())
    cells = (
        f"`{entry['variant']}`",
        describe_masks(outer),
        describe_masks(inner),
        "multiplied" if touched else "whole",
        entry["method"],
        f"{error:.0e}",
        f"{next_error:.0e}" if next_error < 1e-5 else f"{next_error:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def read_rows(cell: str) -> list[str]:
    """Return the rows of a cell's table in the page."""
    section = TEXT.split(f"### {cell.upper()}\n")[1].split("\n#")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def print_anatomy(capsys: pytest.CaptureFixture[str], cell: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run_command(["anatomy", "--cell", cell, "--json"]) == 0
    return list(json.loads(capsys.readouterr().out))


@pytest.mark.thorough
@pytest.mark.parametrize("cell", CELLS)
def test_the_tables_are_what_the_anatomy_prints(capsys, cell):
    rows = [re.split(r" \| ", row.strip("| ")) for row in read_rows(cell)]
    found = [re.split(r" \| ", render_row(entry).strip("| ")) for entry in print_anatomy(capsys, cell)]
    assert [row[:5] for row in rows] == [row[:5] for row in found]
    errors, found_errors = (np.array([row[5:] for row in each], float) for each in (rows, found))
    assert (errors[:, 0] < 1e-5).all()
    np.testing.assert_allclose(found_errors, errors, rtol=0.02, atol=1e-5)  # another machine rounds otherwise


@pytest.mark.thorough
@pytest.mark.parametrize("line", sorted(COMMANDS))
def test_a_command_of_the_page_runs(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(line.split()[1:]) == 0
    assert capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_examples_print_what_the_page_says():
    names: dict[str, Any] = {}
    assert len(EXAMPLES) > 3
    for number, example in enumerate(EXAMPLES):
        test = doctest.DocTestParser().get_doctest(example, names, f"example {number}", str(PAGE), 0)
        runner = doctest.DocTestRunner()
        messages: list[str] = []
        runner.run(test, out=messages.append, clear_globs=False)
        assert runner.failures == 0, "".join(messages)
        names = test.globs


def test_every_statement_about_a_method_is_backed_by_a_command():
    sections = re.split(r"^##+ ", TEXT, flags=re.MULTILINE)
    questions = [section.partition("\n")[::2] for section in sections if "?\n" in section.partition("\n\n")[0] + "\n"]
    assert len(questions) >= 8
    for question, answer in questions:
        assert "```sh" in answer or "```pycon" in answer, question


def test_the_picture_is_small_enough_to_commit():
    for name in ("anatomy.png", "anatomy-lstm.png"):
        assert (PAGE.parent / name).stat().st_size < 300_000
