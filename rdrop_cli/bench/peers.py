"""The peers of rdrop, and the environment of each, which pip makes once."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rdrop_cli.errors import RdropError, ValueRefusedError
from rdrop_cli.files import make_folder, write_text
from rdrop_cli.locks import hold_lock
from rdrop_cli.system import clean_environment

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # wheels without the gigabytes of GPU libraries


@dataclass(frozen=True)
class Peer:
    """Another way to train recurrent networks, to compare rdrop with.

    Attributes:
        name: the name that users type.
        label: heading of its column.
        summary: one line.
        requirements: of its environment, pinned; empty if it runs in rdrop's own, which has TensorFlow.
        index: package index that pip uses in addition to the usual one; may be empty.
        megabytes: to download for its environment.
        compares_methods: whether it computes rdrop's Keras layers, and so also the methods that Keras lacks.
    """

    name: str
    label: str
    summary: str
    requirements: tuple[str, ...] = ()
    index: str = ""
    megabytes: int = 0
    compares_methods: bool = False


def _pin(*packages: str) -> tuple[str, ...]:
    """Return requirements with the versions that rdrop itself uses."""
    return tuple(f"{package}=={version(package)}" for package in packages)


PEERS = {
    peer.name: peer
    for peer in (
        Peer("keras", "Keras", "TensorFlow, every setting of Keras its default", compares_methods=True),
        Peer("xla", "XLA", "TensorFlow, compiled: jit_compile=True", compares_methods=True),
        Peer("jax", "JAX", "Keras on JAX", ("jax==0.10.2", "jaxlib==0.10.2", *_pin("keras", "numpy")), megabytes=130),
        Peer(
            "torch",
            "PyTorch",
            "nn.GRU and nn.LSTM of PyTorch, which have no recurrent dropout",
            ("torch==2.13.0+cpu" if sys.platform == "linux" else "torch==2.13.0", *_pin("numpy")),
            index=TORCH_CPU_INDEX,
            megabytes=220,
        ),
    )
}


def find_peers(names: Sequence[str]) -> list[Peer]:
    """Return the peers with these names, or all if no name is given, in the order of `PEERS`.

    Raises:
        ValueRefusedError: there is no such peer.
    """
    for name in names:
        if name not in PEERS:
            raise ValueRefusedError("peers", name, f"one of {', '.join(PEERS)}")
    return [peer for peer in PEERS.values() if not names or peer.name in names]


def make_environment(peer: Peer, folder: Path, note: Callable[[str], None]) -> Path:
    """Return the Python of a peer's environment; make the environment in `folder` unless it exists with these versions.

    Raises:
        RdropError: the environment cannot be made; the message contains the last line of the output.
        OSError: the folder cannot be written.
    """
    place = folder / peer.name
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made, wanted = place / "requirements.txt", "\n".join((*peer.requirements, f"# Python {sys.version.split()[0]}", ""))
    make_folder(folder)
    with hold_lock(folder / f"{peer.name}.lock", timeout_s=-1):
        if not (made.is_file() and made.read_text(encoding="utf-8") == wanted):
            note(
                f"{peer.label}: making an environment in {place}: {', '.join(peer.requirements)}; "
                f"{peer.megabytes} MB to download, one to three minutes, once"
            )
            index = ["--extra-index-url", peer.index] if peer.index else []
            pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run(peer, [sys.executable, "-m", "venv", "--clear", str(place)])
            _run(peer, [*pip, "--retries", "1", "--only-binary", ":all:", *index, *peer.requirements])
            write_text(made, wanted)
    return python


def _run(peer: Peer, command: list[str]) -> None:
    result = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    if result.returncode:
        lines = (result.stderr + result.stdout).strip().splitlines()
        raise RdropError(
            f"{peer.label}: no environment: {lines[-1] if lines else 'no message'} ({Path(command[0]).name} ended with "
            f"code {result.returncode}); install what is missing, or choose others with ‹peers›"
        )
