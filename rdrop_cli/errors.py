"""What can go wrong for a user: one line that names the thing, what was received, and what to do."""


class RdropError(Exception):
    """A failure at run time; the command ends with exit code 1.

    The message is a single line fit for stderr: it names the thing, what was received, and what to do.
    """

    exit_code = 1


class UsageError(RdropError):
    """A command or an argument that cannot mean anything; the command ends with exit code 2."""

    exit_code = 2


class DataError(RdropError):
    """Data that is not what it has to be: missing, damaged, or of another structure."""
