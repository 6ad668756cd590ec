"""Run the command line: `rdrop`, or `python -m rdrop_cli`."""

import sys


def main() -> None:
    """Run the command given by the process's arguments and exit with its code."""
    from rdrop_cli.cli.app import run_command

    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
