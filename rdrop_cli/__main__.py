"""Run the command line: `rdrop`, or `python -m rdrop_cli`."""

import os
import signal
import sys


def main() -> None:
    """Run the command given by the process's arguments and exit with its code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # before and after the command, Ctrl-C ends without a traceback
    _open_standard_streams()
    from rdrop_cli.cli.signals import INTERRUPTED, TERMINATED, Terminated, end_on_signals
    from rdrop_cli.system import ignore_foreign_settings

    ignore_foreign_settings()
    try:
        with end_on_signals():
            from rdrop_cli.cli.app import run_command
    except (KeyboardInterrupt, Terminated) as error:
        code = TERMINATED if isinstance(error, Terminated) else INTERRUPTED
    else:
        code = run_command(sys.argv[1:])
    if code not in (INTERRUPTED, TERMINATED):
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # TensorFlow would take another second to come down


def _open_standard_streams() -> None:
    """Open the standard streams that are closed, so that no other file gets their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


if __name__ == "__main__":
    main()
