"""Every question of the page for a class is answered by its commands with the lines that it shows."""

import re
import shlex
from pathlib import Path

import pytest

from rdrop_cli.cli.app import run_command
from tests.test_docs import ROOT

PAGE = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
QUESTIONS = {title: text for title, _, text in (part.partition("\n") for part in PAGE.split("\n## ")[1:])}
ANSWERS: dict[str, str] = {}  # of commands that several questions share and that change nothing


def list_blocks(text: str, kind: str) -> list[str]:
    return [line for block in re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()]


def ask(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command prints, its spaces and line breaks as one space each."""
    if command not in ANSWERS:
        assert run_command(shlex.split(command)[1:]) == 0, capsys.readouterr().err
        ANSWERS[command] = " ".join(capsys.readouterr().out.split())
    return ANSWERS[command]


@pytest.mark.thorough
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered(
    question: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    warm_processes: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = QUESTIONS[question]
    commands, lines = list_blocks(text, "sh"), list_blocks(text, "text")
    assert commands
    assert lines
    said = " ".join(ask(command, capsys) for command in commands)
    for line in lines:
        assert " ".join(line.split()) in said, line


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_an_exercise_and_its_solution(question: str) -> None:
    assert question.endswith("?")
    exercise, _, solution = QUESTIONS[question].partition("**Exercise.** ")[2].partition("**Solution.** ")
    assert exercise.strip()
    assert solution.strip()
