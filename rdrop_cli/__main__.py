"""Run the command line: `rdrop`, or `python -m rdrop_cli`."""

import os
import sys

from rdrop_cli.cli.signals import INTERRUPTED, TERMINATED, Terminated, end_on_sigterm
from rdrop_cli.system import ignore_foreign_settings


def main() -> None:
    """Run the command given by the process's arguments and exit with its code."""
    ignore_foreign_settings()
    try:
        with end_on_sigterm():
            from rdrop_cli.cli.app import run_command
    except (KeyboardInterrupt, Terminated) as error:
        sys.exit(TERMINATED if isinstance(error, Terminated) else INTERRUPTED)
    code = run_command(sys.argv[1:])
    if code in (INTERRUPTED, TERMINATED):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # TensorFlow would take another second to come down
    sys.exit(code)


if __name__ == "__main__":
    main()
