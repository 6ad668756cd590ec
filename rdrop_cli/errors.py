"""Errors with one line for the user: it names the thing, what was received, and what to do."""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

LONGEST_VALUE = 80
_OPTION = re.compile("‹([a-z_]+)›")  # not `<…>`: a user's column may be named `<time>`


class RdropError(Exception):
    """A failure at run time; the command ends with exit code 1.

    The message is a single line for stderr: it names the thing, what was received, and what to do. Names in it may come
    from a stranger's files, so control characters are escaped.

    Attributes:
        problem: what is wrong, without the name of the option.
        field: the option that caused the error, by its name in the Python API, such as `val_stop`; may be empty.
        change: the options to change, by the same names; `("sentinels", "fill")` is an option with its new value.
    """

    exit_code = 1

    def __init__(
        self, problem: str, *, field: str = "", change: Sequence[str | tuple[str, str]] = (), show_field: bool = True
    ) -> None:
        self.problem, self.field, self.change, self._show_field = problem, field, tuple(change), show_field
        super().__init__(self.describe())

    def describe(self, name: Callable[[str, str], str] | None = None) -> str:
        """Return the message, with options as `name(field, value)` writes them, or else as in the Python API."""
        write = name or (lambda field, value: f"{field}={value!r}" if value else field)
        where = f"{write(self.field, '')}: " if self.field and self._show_field else ""
        names = [write(item, "") if isinstance(item, str) else write(*item) for item in self.change]
        action = "change" if all(isinstance(item, str) for item in self.change) else "use"
        todo = f"; {action} {' or '.join(names)}" if names else ""
        return make_printable(name_options(f"{where}{self.problem}{todo}", write))


def name_options(text: str, write: Callable[[str, str], str]) -> str:
    """Return a text with each option, such as `‹train_stop›`, replaced by `write(field, "")`."""
    return _OPTION.sub(lambda option: write(option[1], ""), text)


def make_printable(text: str) -> str:
    """Return a text as one line, with unprintable characters (control characters, lone surrogates) as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def tell_extra(extra: str) -> str:
    """Return the command that installs the packages of an extra.

    It does not name rdrop itself, which is not on the package index: anybody could publish a package of its name there.
    """
    from importlib.metadata import PackageNotFoundError, requires

    try:
        requirements = [text.partition(";") for text in requires("rdrop-cli") or ()]
    except PackageNotFoundError:  # run from its sources
        return f"pip install '.[{extra}]' in the folder of its sources"
    packages = [name.strip() for name, _, marker in requirements if re.search(rf"extra == ['\"]{extra}['\"]", marker)]
    return f"pip install {' '.join(map(shlex.quote, packages))}"


def describe_exception(error: Exception) -> str:
    """Render an exception from a library or a user's code: its type, and the first useful line of its message.

    For errors in a graph, TensorFlow puts a traceback before the message; Keras puts a layer's name there, in colours.
    """
    name = type(error).__name__
    lines = [line.strip() for line in re.sub(r"\x1b\[[\d;]*m", "", str(error)).splitlines() if line.strip()]
    if lines[:1] == ["in user code:"]:
        lines = lines[max((i for i, line in enumerate(lines) if line.startswith(f"{name}: ")), default=0) :]
    if len(lines) > 1 and "Exception encountered when calling " in lines[0]:
        lines = lines[1:]
    return f"{name}: {lines[0].removeprefix(f'{name}: ') if lines else 'no message'}"


class SchedulerLostError(RdropError):
    """A cluster's scheduler is lost or has dropped running tasks; the runs received from it can be resumed."""


class UsageError(RdropError):
    """An invalid command or argument; the command ends with exit code 2."""

    exit_code = 2


class ValueRefusedError(UsageError):
    """An option has a value that cannot be used; the message says what was expected and received.

    Attributes:
        value: the received value.
        expected: a description of valid values.
    """

    def __init__(self, field: str, value: object, expected: str, hint: str = "") -> None:
        self.value, self.expected = value, expected
        received = f"expected {expected}, received {show_value(value)}"
        super().__init__(f"{received}; {hint}" if hint else received, field=field)


class DataError(RdropError):
    """Data is missing, damaged or has an unexpected structure."""


def show_value(value: object) -> str:
    """Render a value as it was received; a long one is cut."""
    try:
        text = repr(value)
    except ValueError:  # Python converts no integer of more than 4300 digits to decimals
        return "a number too long to show"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar to this one; None if none is similar."""
    return next(iter(get_close_matches(name, list(known), n=1)), None)


def suggest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return `did you mean 'dropout'?` if a known name is similar; else `otherwise`, or a list of the known names."""
    near = find_nearest(name, known)
    return f"did you mean {near!r}?" if near else otherwise or f"expected one of {', '.join(known) or 'none'}"
