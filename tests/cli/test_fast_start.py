"""What a user waits for often imports nothing that takes long, and ends at once."""

import os
import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "pandas", "scipy", "matplotlib")
PROBE = f"""
import atexit, sys
atexit.register(lambda: print("HEAVY", [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr))
from rdrop_cli.cli.app import run_command
sys.exit(run_command(sys.argv[1:]))
"""


def probe(arguments, **environment):
    """Run a command in a process of its own that tells at its end which heavy packages it has imported."""
    command = [sys.executable, "-c", PROBE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["--help", "--version", "train --help", "runs", "runs --json", "show baseline"])
def test_nothing_heavy_is_imported(trained, command):
    options = ["--runs-dir", str(trained)] if "runs" in command or "show" in command else []
    result = probe([*command.split(), *options])
    assert result.returncode == 0, result.stderr
    assert "HEAVY []" in result.stderr


def test_completion_offers_variants_and_imports_nothing_heavy():
    result = probe([], _RDROP_COMPLETE="complete_bash", COMP_WORDS="rdrop train ", COMP_CWORD="2")
    assert "baseline" in result.stdout
    assert "HEAVY []" in result.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["no-such-command"]])
def test_nothing_is_searched_for_garbage_at_the_end(arguments):
    """Python collects garbage once more as it ends; what is frozen is left out."""
    code = (
        "import atexit, gc, sys; atexit.register(lambda: print('LEFT', len(gc.get_objects()), file=sys.stderr));"
        "from rdrop_cli.__main__ import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert int(ended.stderr.split()[-1]) < 1000, ended.stderr
