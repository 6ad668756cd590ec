"""Start rdrop in processes that need not import TensorFlow: forked from a server that has imported it and no more.

A forked process is as real as another: a child of this process with a pid, pipes, signals and an exit code of its own.
`WarmPopen` is a `subprocess.Popen` for `python -m MODULE` and `python -c CODE`; nothing is computed in the server, so
that TensorFlow has no threads there which a fork would lose.
"""

import array
import ctypes
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
PR_SET_CHILD_SUBREAPER = 36
MAX_ORDER_BYTES = 1 << 20


class ForkServer:
    """A process that forks others, which become children of the one that holds this object."""

    def __init__(self, connection: socket.socket, process: "subprocess.Popen[bytes] | None" = None) -> None:
        # A forked process loses its parent at once; the kernel then gives it to the nearest such ancestor.
        assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        self._connection, self._process, self._lock = connection, process, threading.Lock()

    @classmethod
    def start(cls) -> "ForkServer":
        """Start a server that imports TensorFlow. It ends when its connection is closed, that is, with this process."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = f"from tests.processes import serve; serve({theirs.fileno()})"
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, pass_fds=[theirs.fileno()])
        theirs.close()
        return cls(ours, process)

    @classmethod
    def fork_off(cls) -> "ForkServer":
        """Let a copy of this process, in which TensorFlow has not computed yet, be the server."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork():
            theirs.close()
            return cls(ours)
        ours.close()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):  # whoever reads from the other end waits for the end of this process, too
            os.dup2(nowhere, standard)
        serve(theirs.detach())
        sys.exit()

    def close(self) -> None:
        self._connection.close()
        if self._process:
            self._process.wait()

    def fork(self, order: dict[str, Any], descriptors: list[int]) -> int:
        """Start a process with the descriptors 0, 1 and 2; return its pid."""
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        with self._lock:
            self._connection.sendmsg([json.dumps(order).encode()], [rights])
            return int(self._connection.recv(16))


class WarmPopen(subprocess.Popen):  # type: ignore[type-arg]
    """A `subprocess.Popen` whose process is forked from `server`."""

    server: ForkServer | None = None

    def _execute_child(
        self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell,
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, restore_signals, gid, gids, uid, umask,
        start_new_session, process_group,
    ) -> None:  # fmt: skip
        program = _read_program(args)
        if not self.server or not program:
            super()._execute_child(
                args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell,
                p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, restore_signals, gid, gids, uid, umask,
                start_new_session, process_group,
            )  # fmt: skip
            return
        order = {
            "arguments": program,
            "cwd": str(cwd or Path.cwd()),
            "environment": dict(os.environ if env is None else env),
            "session": start_new_session,
        }
        pipes = [p2cread, c2pwrite, errwrite]
        ends = [number if pipe == -1 else pipe for number, pipe in enumerate(pipes)]
        self.pid = self.server.fork(order, ends)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)


def _read_program(args: Any) -> list[str] | None:
    """Return what a command gives to Python, where the server can do it: rdrop, or a program that is given as code."""
    if not isinstance(args, list) or args[0] != sys.executable:
        return None
    program = [str(argument) for argument in args[1:] if argument != "-P"]
    is_known = program[0] == "-c" or (program[0] == "-m" and program[1].startswith("rdrop_cli"))
    return program if is_known else None


def serve(descriptor: int) -> None:
    """Import what rdrop needs, then fork a process for each order, until nobody can give one any more."""
    import rdrop_cli.cli.training
    import rdrop_cli.nn.trainer
    import rdrop_cli.plots.loss  # noqa: F401

    connection = socket.socket(fileno=descriptor)
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, MAX_ORDER_BYTES, 3)
        if not message:
            return
        hearing, telling = os.pipe()
        middle = os.fork()
        if not middle:
            child = os.fork()
            if not child:
                connection.close()
                _become(json.loads(message), descriptors)
            os.write(telling, str(child).encode())
            os._exit(0)
        os.waitpid(middle, 0)  # from here on the child is one of the client's
        connection.send(os.read(hearing, 16))
        for used in (hearing, telling, *descriptors):
            os.close(used)


def _become(order: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Be the process that was ordered; its end is that of the program."""
    if order["session"]:
        os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 64)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    what, program, *arguments = order["arguments"]
    if program != "rdrop_cli.jobs.worker":  # which starts nothing itself
        WarmPopen.server = ForkServer.fork_off()
        subprocess.Popen = WarmPopen  # type: ignore[misc]
    sys.argv = [what, *arguments]
    code: Any = 0
    try:
        if what == "-m":
            sys.modules.pop(f"{program}.__main__", None)
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))  # TensorFlow takes a second to come down
