"""The worked example of a network of one's own is typed as it stands; training is made small by options at its end."""

import re
import shlex
from pathlib import Path

import pytest

from rdrop_cli.cli.app import run_command
from tests.test_docs import ROOT, list_shell_lines

PAGE = ROOT / "docs" / "own-layers.md"
SMALL = {
    "train": ["--epochs", "10", "--steps-per-epoch", "1", "--batch-size", "8", "--units", "2", "--seeds", "0-1",
              "--engine", "keras", "--lookback", "5h", "--train-stop", "2000", "--val-stop", "2500"],
}  # fmt: skip


@pytest.mark.slow
def test_the_example_can_be_typed_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], warm_processes: None
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(code.splitlines()) <= 20
    (tmp_path / "my_network.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lines = list_shell_lines(PAGE)
    lines = lines[next(i for i, line in enumerate(lines) if "my_network" in line) :]
    shown = {}
    for line in lines:
        words = shlex.split(line)[1:]
        code_of_exit = run_command([*words, *SMALL.get(words[0], [])])
        said = capsys.readouterr()
        assert code_of_exit == 0, (line, said.err)
        shown[words[0]] = said
    assert "gru dropout=0.2 recurrent_dropout=0.2, gru: follows gal" in shown["anatomy"].out
    assert "my_network.make_network-s1-" in shown["train"].out
    assert "has random state" not in shown["train"].err
    assert "my_network:make_network" in shown["verdict"].out
    assert "my_network:make_network" in next(tmp_path.rglob("*.html")).read_text(encoding="utf-8")
