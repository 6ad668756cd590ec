"""Read a TOML file of options: its tables, the line of each key, and values in the types of the options."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.study.protocol import LENGTHS
from rdrop_cli.system import expand_home

MAX_BYTES = 1 << 20
LARGEST_INTEGER = 2**53
WORDS = {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class TomlFile:
    """A parsed TOML file.

    Attributes:
        content: its tables and keys.
    """

    path: Path
    text: str
    content: dict[str, Any]

    @cached_property
    def _lines(self) -> dict[tuple[str, ...], int]:
        return find_lines(self.text)

    def find_line(self, *keys: str) -> int | None:
        """Return the line of a table or a key, counted from 1, or None if the file does not have it."""
        return self._lines.get(keys)


def read_toml(path: Path) -> TomlFile:
    """Read a TOML file.

    Raises:
        UsageError: it is not a regular file, too large, not UTF-8 or not TOML, or cannot be read.
    """
    try:
        if not path.exists():
            what = f"links to {path.readlink()}, where no file is" if path.is_symlink() else "no such file"
            raise UsageError(f"{path}: {what}")
        if not path.is_file():  # reading a pipe could block forever
            raise UsageError(f"{path}: not a regular file; expected a TOML file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); fix or remove the file") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path}: larger than {MAX_BYTES >> 20} MiB; expected a TOML file")
    try:
        text = content.decode("utf-8-sig")
        return TomlFile(path, text, tomllib.loads(text))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except (ValueError, RecursionError) as error:  # from tomllib, or from int() for too many digits
        raise UsageError(f"{path}: invalid TOML: {error}; fix or remove the file") from error


def read_value(field: str, value: Any, kinds: Sequence[type], is_path: bool = False) -> Any:
    """Return a value as an option of one of these types expects it.

    Lengths may be numbers or dates, and become texts; a path may begin with `~/`, as in a shell.

    Raises:
        ValueRefusedError: the value has another type, or is too large a number.
    """
    if field in LENGTHS and (type(value) in (int, float) or isinstance(value, date)):
        value = str(value)
    if type(value) not in kinds:
        raise ValueRefusedError(field, value, " or ".join(WORDS[kind] for kind in kinds))
    if type(value) is int and abs(value) > LARGEST_INTEGER:
        raise ValueRefusedError(field, value, f"a number of at most {LARGEST_INTEGER}")
    if is_path and value.startswith("~/"):
        return str(expand_home(Path(value)))
    return value


# Tokens that can contain brackets or line ends, longest first, and the brackets and line ends themselves.
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
        Lines by (table,) and (table, key), or by (key,) for a key outside any table.
    """
    lines: dict[tuple[str, ...], int] = {}
    header = ""
    for number, statement in _split_statements(text):
        is_header = statement.lstrip().startswith("[")
        header = statement if is_header else header
        # A statement below its table's header is a valid document: tomllib reads its key, whether quoted or not.
        content = tomllib.loads(header if is_header else header + statement)
        for name, value in content.items():
            lines.setdefault((name,), number)
            for key in value if isinstance(value, dict) else ():
                lines.setdefault((name, key), number)
    return lines


def _split_statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each header, and each key with its value (on one or several lines), with the line it begins on."""
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
