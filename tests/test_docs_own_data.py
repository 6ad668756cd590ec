"""Every command of the page on own data is typed in its order; training is made small by options at its end."""

import shlex
from pathlib import Path

import pytest

from rdrop_cli.cli.app import run_command
from tests.test_docs import ROOT, list_shell_lines

LINES = list_shell_lines(ROOT / "docs" / "own-data.md")
SMALL = ["--epochs", "1", "--steps-per-epoch", "2", "--batch-size", "8", "--units", "2", "--seeds", "0"]


@pytest.mark.thorough
def test_the_page_can_be_typed_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert any(line.startswith("rdrop train ") for line in LINES)
    for line in LINES:
        words = shlex.split(line)[1:]
        code = run_command([*words, *(SMALL if words[0] == "train" else [])])
        said = capsys.readouterr()
        assert code == 0, (line, said.err)
        assert "cannot be trained on" not in said.out, (line, said.out)
    page = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
    run_command(["inspect", "load.csv", "--target", "load_MW"])
    shown = capsys.readouterr().out
    for line in page.partition("```text\n")[2].partition("```")[0].splitlines():
        assert line in shown
