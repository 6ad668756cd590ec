"""What can go wrong for a user: one line that names the thing, what was received, and what to do."""


class RdropError(Exception):
    """A failure at run time; the command ends with exit code 1.

    The message is a single line fit for stderr: it names the thing, what was received, and what to do. Names in it may
    come from a stranger's files, so that what could steer a terminal is escaped.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(make_printable(message))


def make_printable(text: str) -> str:
    """Return a text as one line in which control characters, and what is no Unicode, stand as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class UsageError(RdropError):
    """A command or an argument that cannot mean anything; the command ends with exit code 2."""

    exit_code = 2


class DataError(RdropError):
    """Data that is not what it has to be: missing, damaged, or of another structure."""
