"""Names that come from files reach a shell, a terminal, HTML, Markdown, TeX and CSV as text, and as nothing else."""

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rdrop_cli.export.tidy import FORMULA_STARTS
from rdrop_cli.runs.folder import RunFolder
from tests.analysis.made_runs import save_made_run, save_made_study

HTML = "<img src=x onerror=alert(1)>"
TEX = r"\input{/etc/passwd}$^_&%#~"
SHELL = "$(touch${IFS}PWN);`touch PWN`\\|'\"&"
NASTY = f"{HTML}{TEX}{SHELL}"
STARTS = [*FORMULA_STARTS, "\t=", "\r="]


@pytest.fixture
def runs_dir(tmp_path) -> Path:
    """Runs of a study whose free texts are as nasty as a reader lets them be."""
    free = {"name": NASTY, "note": NASTY, "tags": [NASTY], "unit": NASTY}
    save_made_study(tmp_path / "runs", range(3), dataset=NASTY.replace("/", ""), document=free)
    return tmp_path / "runs"


COMMANDS = [
    ["runs"],
    ["runs", "--json"],
    ["show", "baseline-s0"],
    ["verdict"],
    ["verdict", "--explain"],
    ["verdict", "--format", "markdown"],
    ["verdict", "--format", "latex"],
    ["verdict", "--json"],
    ["export", "--csv"],
    ["rm", "--status", "completed", "--dry-run"],
    ["verify"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_writes_what_steers_a_terminal(rdrop, tmp_path, command):
    """Such characters are refused in documents; in the name of a folder nobody can refuse them."""
    save_made_study(tmp_path, range(2))
    folder = next(tmp_path.glob("baseline-*"))
    folder.rename(tmp_path / "baseline-s0\x1b[2J\u202e\r\n")
    result = rdrop(*command, "--runs-dir", tmp_path)
    assert all(character.isprintable() or character == "\n" for character in result.out + result.err)


def test_markdown_holds_no_html_and_every_row_has_its_cells(rdrop, runs_dir):
    text = rdrop("verdict", "--format", "markdown", "--runs-dir", runs_dir).out
    assert "touch" in text
    assert "<" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", line)) for line in tables} == {7, 8}


def test_tex_holds_no_command_of_a_name(rdrop, runs_dir):
    text = rdrop("verdict", "--format", "latex", "--runs-dir", runs_dir).out
    assert "textbackslash" in text
    assert r"\input" not in text
    caption = text.partition(r"\caption{")[2].rpartition("}\n\\end{table}")[0]
    known = r"\\(text(backslash|asciitilde|asciicircum|degree|less|greater|bar)\{\}|ensuremath\{\\alpha\}|[&%#_${}])"
    assert not set(re.sub(known, "", caption)) & set("\\&%#_${}~^")


@pytest.mark.parametrize("start", STARTS)
def test_no_cell_of_a_table_begins_a_formula(rdrop, tmp_path, start):
    name = f"{start}HYPERLINK(1)"
    dataset = name if name.isprintable() else "jena"
    folder = save_made_run(tmp_path, "run", dataset=dataset)
    folder.path.rename(tmp_path / name)
    document = json.loads((tmp_path / name / "metrics.json").read_text())
    printable = name if name.isprintable() else "run"
    (tmp_path / name / "metrics.json").write_text(json.dumps(document | {"run_id": printable, "variant": printable}))
    out = rdrop("export", "--csv", "--runs-dir", tmp_path).out
    cells = {cell for row in list(csv.reader(io.StringIO(out)))[1:] for cell in row}
    texts = [cell for cell in cells if not re.fullmatch(r"-?[\d.e-]+", cell)]
    assert texts
    assert not [cell for cell in texts if cell.startswith((*FORMULA_STARTS, "\t", "\r"))]


def test_the_line_that_says_how_to_resume_is_one_word_for_each_name_in_a_shell(tmp_path):
    from rdrop_cli.cli.training import _name_folders
    from rdrop_cli.jobs.launch import Execution

    place = tmp_path / SHELL.replace("/", "")
    line = f"printf '%s\\n'{_name_folders(Execution(place / 'runs', place / 'data'))}"
    said = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["--runs-dir", str(place / "runs"), "--data-dir", str(place / "data")]
    assert not list(tmp_path.glob("PWN"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_offers_no_name_that_a_shell_would_run(tmp_path, shell):
    save_made_run(tmp_path, "baseline-s0")
    for name in ("baseline-$(touch${IFS}PWN)", "baseline-`touch PWN`", "baseline-;touch PWN", "baseline-'\"&|"):
        save_made_run(tmp_path, "new").path.rename(tmp_path / name)
    words = f"rdrop show --runs-dir {shlex.quote(str(tmp_path))} base"
    environment = {**os.environ, "_RDROP_COMPLETE": f"complete_{shell}", "COMP_WORDS": words, "COMP_CWORD": "4"}
    environment |= {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    code = "import sys; sys.argv = ['rdrop']; from rdrop_cli.__main__ import main; main()"
    offered = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "baseline-s0" in offered.stdout
    assert "touch" not in offered.stdout
    assert RunFolder(tmp_path / "baseline-s0").path.is_dir()
