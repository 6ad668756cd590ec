"""Settings of the documentation site; `make docs` builds it. Sphinx reads the names below."""

import os
import subprocess
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.highlighting import lexers

import rdrop_cli
from rdrop_cli.cli.app import GROUPS

DOCS = Path(__file__).parent

project = "rdrop"
author = "The rdrop contributors"
project_copyright = "2026, the rdrop contributors"
version = release = rdrop_cli.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
default_role = "literal"  # docstrings write code between single backquotes
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88

lexers["csv"] = TextLexer()  # Pygments has none for CSV

html_theme = "furo"
html_title = f"rdrop {version}"


def write_cli_reference(app: Sphinx) -> None:
    """Write `generated/cli.md`: what `--help` prints, for every command in its group."""
    page = DOCS / "generated" / "cli.md"
    page.parent.mkdir(exist_ok=True)
    parts = ["# Command line reference", show_help(page.parent)]
    for group, commands in GROUPS.items():
        parts.append(f"## {group}")
        for name in commands:
            parts += [f"### rdrop {name}", show_help(page.parent, name)]
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def show_help(folder: Path, *command: str) -> str:
    """Return a help text as a block of 88 columns; no file of defaults changes it."""
    environment = {**os.environ, "COLUMNS": "88", "XDG_CONFIG_HOME": str(folder)}
    line = [sys.executable, "-m", "rdrop_cli", *command, "--help"]
    result = subprocess.run(line, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return f"```text\n{result.stdout.strip()}\n```"


def setup(app: Sphinx) -> None:
    """Write the generated page before Sphinx looks for pages."""
    app.connect("builder-inited", write_cli_reference)
