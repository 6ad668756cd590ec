"""Run the probe in a separate Python process, with the libraries of this environment or of another."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rdrop_cli.anatomy import probe
from rdrop_cli.anatomy.dropout_layer import DropoutLayer, examine_dropout
from rdrop_cli.anatomy.examine import MEMORY_MASKED, WEIGHTS_MASKED, Examination, examine
from rdrop_cli.errors import RdropError, UsageError

RATES = ({"dropout": 0.25, "recurrent_dropout": 0.0}, {"dropout": 0.0, "recurrent_dropout": 0.4})
BOTH = {"dropout": 0.25, "recurrent_dropout": 0.4}  # different, to detect swapped rates
SECONDS = 600

Found = Examination | DropoutLayer | str  # the last is why a layer could not be examined

# Imports the probe from its folder, removes the folder from the path, and passes the paths of request and answer.
START = "import sys; sys.path.insert(0, sys.argv[1]); from probe.run import main; del sys.path[0]; main(*sys.argv[2:])"
# One thread: the calls are tiny, and threads that wait for each other would take cores from other processes.
THREADS = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


class StoppedError(RdropError):
    """The probe took too long or was killed, which says nothing about the layers."""


def examine_elsewhere(
    subjects: Sequence[Mapping[str, str]],
    python: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> tuple[dict[str, str], list[tuple[dict[str, Any], Found]]]:
    """Examine layers in a separate process; return its versions, and for each layer the result or the error.

    A layer that masks single weights, or its two states separately, is called again in more ways, to see each mask.

    Args:
        subjects: in the probe's format; empty for the layers of all installed libraries.
        python: of another environment; None for this one.
        environment: variables to set.
        seconds: time limit of the probe.

    Raises:
        UsageError: there is no such Python.
        RdropError: the probe fails there; StoppedError: it took too long or was killed.
    """
    versions, found = _ask(subjects, python, environment or {}, seconds, thorough=False)
    hiding = {_key(entry): entry["wanted"] for entry, each in found if _hides_masks(each)}
    if hiding:
        wanted = [json.loads(text) for text in dict.fromkeys(map(json.dumps, hiding.values()))]
        shown = {
            _key(entry): each for entry, each in _ask(wanted, python, environment or {}, seconds, thorough=True)[1]
        }
        found = [(entry, shown[_key(entry)] if _key(entry) in hiding else each) for entry, each in found]
    return versions, found


def _key(entry: Mapping[str, Any]) -> str:
    """Return a key that identifies a layer: the request, its name, and its rates."""
    return json.dumps([entry["wanted"], entry.get("name"), entry["asked"]])


def _hides_masks(found: Found) -> bool:
    """Whether only a thorough probe shows the masks of a layer."""
    if not isinstance(found, Examination):
        return False
    return WEIGHTS_MASKED["h"] in found.unread or (found.anatomy.cell == "lstm" and MEMORY_MASKED in found.unread)


def _ask(
    subjects: Sequence[Mapping[str, str]],
    python: Path | None,
    environment: Mapping[str, str],
    seconds: float,
    thorough: bool,
) -> tuple[dict[str, str], list[tuple[dict[str, Any], Found]]]:
    """Run the probe once."""
    request = {
        "subjects": list(subjects),
        "rates": [*RATES, BOTH],
        "thorough": thorough,
        "imports": [] if python else ["rdrop_cli"],
        "path": [str(Path.cwd())] if any(each["kind"] == "object" for each in subjects) else [],
    }
    with TemporaryDirectory() as folder:
        question, answer = Path(folder) / "request.json", Path(folder) / "answer.npz"
        question.write_text(json.dumps(request), encoding="utf-8")
        folder_of_probe = str(Path(probe.__file__).parents[1])
        command = [str(python or sys.executable), "-c", START, folder_of_probe, str(question), str(answer)]
        _run(command, environment, seconds)
        with np.load(answer) as arrays:
            header = json.loads(str(arrays["header"]))
            found = []
            for i, entry in enumerate(header["entries"]):
                outputs = {name.partition("/")[2]: arrays[name] for name in arrays if name.startswith(f"{i}/")}
                found.append((entry, _examine(entry, outputs)))
    return header["versions"], found


def _examine(entry: Mapping[str, Any], outputs: Mapping[str, Any]) -> Found:
    if "error" in entry:
        return str(entry["error"])
    if "dropout_layer" in entry:
        return examine_dropout(entry, outputs)
    try:
        return examine(entry, outputs)
    except ValueError as error:
        return str(error)


def _run(command: list[str], environment: Mapping[str, str], seconds: float) -> None:
    """Run the probe.

    Raises:
        UsageError: there is no such Python.
        StoppedError: the probe took too long or was killed.
        RdropError: the probe failed; the message has the last line that it wrote.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **THREADS, **environment},
            check=False,
        )
    except OSError as error:
        raise UsageError(f"cannot run {command[0]}: {error.strerror}", field="python") from error
    except subprocess.TimeoutExpired as error:
        raise StoppedError(f"{command[0]}: the probe did not end within {seconds:g} seconds") from error
    if done.returncode < 0:
        raise StoppedError(f"{command[0]}: the probe was ended by signal {-done.returncode}")
    if done.returncode:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise RdropError(f"{command[0]}: the probe failed there: {last}")
