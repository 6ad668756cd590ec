"""What can go wrong for a user: one line that names the thing, what was received, and what to do."""

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

LONGEST_VALUE = 80
_OPTION = re.compile("‹([a-z_]+)›")  # as no column of a user's file is called, `<time>` may be one


class RdropError(Exception):
    """A failure at run time; the command ends with exit code 1.

    The message is a single line fit for stderr: it names the thing, what was received, and what to do. Names in it may
    come from a stranger's files, so that what could steer a terminal is escaped.

    Attributes:
        problem: what is wrong, without the name of an option.
        field: the option that it is about, as the Python API names it: `val_stop`; may be empty.
        change: the options to change, named likewise; `("sentinels", "fill")` is an option with the value to give it.
    """

    exit_code = 1

    def __init__(
        self, problem: str, *, field: str = "", change: Sequence[str | tuple[str, str]] = (), show_field: bool = True
    ) -> None:
        self.problem, self.field, self.change, self._show_field = problem, field, tuple(change), show_field
        super().__init__(self.describe())

    def describe(self, name: Callable[[str, str], str] | None = None) -> str:
        """Return the message, with options as `name(field, value)` writes them; else as the Python API does."""
        write = name or (lambda field, value: f"{field}={value!r}" if value else field)
        where = f"{write(self.field, '')}: " if self.field and self._show_field else ""
        names = [write(item, "") if isinstance(item, str) else write(*item) for item in self.change]
        action = "change" if all(isinstance(item, str) for item in self.change) else "use"
        todo = f"; {action} {' or '.join(names)}" if names else ""
        return make_printable(name_options(f"{where}{self.problem}{todo}", write))


def name_options(text: str, write: Callable[[str, str], str]) -> str:
    """Return a text in which options, as `‹train_stop›`, are written as `write(field, "")` writes them."""
    return _OPTION.sub(lambda option: write(option[1], ""), text)


def make_printable(text: str) -> str:
    """Return a text as one line in which control characters, and what is no Unicode, stand as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def tell_extra(extra: str) -> str:
    """Return how to install an extra."""
    return f"pip install 'rdrop-cli[{extra}]'"


def describe_exception(error: Exception) -> str:
    """Render what a stranger's code raised: its type, and the first line of its message that says something.

    TensorFlow puts a traceback before the message of what fails in a graph, and Keras the name of a layer, in colours.
    """
    name = type(error).__name__
    lines = [line.strip() for line in re.sub(r"\x1b\[[\d;]*m", "", str(error)).splitlines() if line.strip()]
    if lines[:1] == ["in user code:"]:
        lines = lines[max((i for i, line in enumerate(lines) if line.startswith(f"{name}: ")), default=0) :]
    if len(lines) > 1 and "Exception encountered when calling " in lines[0]:
        lines = lines[1:]
    return f"{name}: {lines[0].removeprefix(f'{name}: ') if lines else 'no message'}"


class SchedulerLostError(RdropError):
    """The scheduler of a cluster is gone, or has dropped what was at work there; what has come home can be resumed."""


class UsageError(RdropError):
    """A command or an argument that cannot mean anything; the command ends with exit code 2."""

    exit_code = 2


class ValueRefusedError(UsageError):
    """An option's value that cannot be used: what was expected, and what was received.

    Attributes:
        value: as received.
        expected: in words.
    """

    def __init__(self, field: str, value: object, expected: str, hint: str = "") -> None:
        self.value, self.expected = value, expected
        received = f"expected {expected}, received {show_value(value)}"
        super().__init__(f"{received}; {hint}" if hint else received, field=field)


class DataError(RdropError):
    """Data that is not what it has to be: missing, damaged, or of another structure."""


def show_value(value: object) -> str:
    """Render a value as it was received, or its beginning."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits in decimals
        return "a number too long to show"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like this one; None where none is."""
    return next(iter(get_close_matches(name, list(known), n=1)), None)


def suggest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return `did you mean 'dropout'?` where a known name is near; else `otherwise`, or all the known names."""
    near = find_nearest(name, known)
    return f"did you mean {near!r}?" if near else otherwise or f"expected one of {', '.join(known) or 'none'}"
