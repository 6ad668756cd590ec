"""Run the command line: `rdrop`, or `python -m rdrop_cli`."""

import gc
import os
import signal
import sys


def main() -> None:
    """Run the command in the process's arguments and exit with its code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # before and after the command, Ctrl-C ends without a traceback
    _open_closed_streams()
    from rdrop_cli.cache import house_libraries
    from rdrop_cli.cli.signals import INTERRUPTED, TERMINATED, Terminated, end_on_signals
    from rdrop_cli.system import collect_seldom, ignore_foreign_settings

    collect_seldom()
    ignore_foreign_settings()
    house_libraries()
    try:
        with end_on_signals():
            from rdrop_cli.cli.app import run_command
    except (KeyboardInterrupt, Terminated) as error:
        code = TERMINATED if isinstance(error, Terminated) else INTERRUPTED
    else:
        code = run_command(sys.argv[1:])
    gc.freeze()  # else Python searches all objects for garbage before it ends: a tenth of the time of `rdrop runs`
    if code not in (INTERRUPTED, TERMINATED):
        sys.exit(code)
    sys.stderr.flush()
    os._exit(code)  # TensorFlow would take another second to shut down


def _open_closed_streams() -> None:
    """Connect missing standard streams to the null device; some daemons start programs without them.

    Otherwise, the next file to be opened would get the stream's number, and output would be written into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest free number, which is this one
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()
