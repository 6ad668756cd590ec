"""On which line of a TOML text a key is written, which `tomllib` does not tell."""

import re
import tomllib
from collections.abc import Iterator

# What can hide a bracket or a line's end, longest first, and the brackets and line ends themselves.
_TOKENS = re.compile(
    r'''
      """(?:\\.|[^\\])*?"""(?:"{0,2})     # text over several lines; it may end in two quotes of its own
    | \'\'\'.*?\'\'\'(?:'{0,2})
    | "(?:\\.|[^"\\\n])*"
    | '[^'\n]*'
    | \#[^\n]*
    | [][{}\n]
    ''',
    re.DOTALL | re.VERBOSE,
)


def find_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line, counted from 1, on which each table and each key of a table is first written.

    Args:
        text: valid TOML.

    Returns:
        Lines by (table,) and (table, key); a key outside any table stands as (key,).
    """
    lines: dict[tuple[str, ...], int] = {}
    header = ""
    for number, statement in _split_statements(text):
        is_header = statement.lstrip().startswith("[")
        header = statement if is_header else header
        # A statement below its table's header is a whole document: tomllib reads its key, however it is quoted.
        content = tomllib.loads(header if is_header else header + statement)
        for name, value in content.items():
            lines.setdefault((name,), number)
            for key in value if isinstance(value, dict) else ():
                lines.setdefault((name, key), number)
    return lines


def _split_statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each header and each key with its value, which may go over several lines, and the line it begins on."""
    text += "\n"
    start, number, depth = 0, 1, 0
    for token in _TOKENS.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth == 0:
            statement = text[start : token.end()]
            if statement.strip():
                yield number, statement
            number += statement.count("\n")
            start = token.end()
