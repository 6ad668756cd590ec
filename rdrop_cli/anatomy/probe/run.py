"""Answer a request: call each requested layer and write the outputs."""

import importlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set, Tuple

import numpy as np

from .calls import GATES, Array, RefusedError, design_calls
from .dropout_layers import DropoutSubject
from .find import Rates, Subject, find_subjects, list_libraries, list_settings

FACTS = ("name", "cell", "units", "reset_after", "activation", "gate_activation", "backwards", "rates", "trainable")
NAMED = ("keras", "tf_keras", "tensorflow", "torch", "jax")


def run_calls(subject: Subject, thorough: bool) -> Tuple[Dict[str, Any], Dict[str, Array]]:
    """Return facts about a subject, and its outputs by name of call."""
    if isinstance(subject, DropoutSubject):
        return subject.run_calls()
    calls = design_calls(subject.cell, subject.units, subject.reset_after, thorough)
    outputs = {name: subject.call(*call, calls=2 if name == "next" else 1) for name, call in calls.items()}
    facts = {fact: getattr(subject, fact) for fact in FACTS}
    return {**facts, "fused": subject.find_fused(*calls["random"][:2])}, outputs


def list_versions() -> Dict[str, str]:
    """Return the versions of the libraries that were imported, and Keras's backend."""
    versions = {name: sys.modules[name].__version__ for name in NAMED if hasattr(sys.modules.get(name), "__version__")}
    if "keras" in versions:
        versions["backend"] = str(sys.modules["keras"].backend.backend())
    elif hasattr(sys.modules.get("tensorflow"), "keras"):
        versions["tf.keras"] = str(sys.modules["tensorflow"].keras.__version__)
    return {"python": "{}.{}".format(*sys.version_info[:2]), **versions}


def describe_error(error: Exception) -> str:
    """Return an error in one line: a refusal's message, else the type and the start of the message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no message"]
    # Keras writes first where the error occurred, then what it was.
    message = lines[lines[0].startswith("Exception encountered") and len(lines) > 1]
    return message if isinstance(error, RefusedError) else f"{type(error).__name__}: {message}"


def examine_subjects(
    wanted: Dict[str, str], settings: List[Rates], thorough: bool
) -> Iterator[Tuple[Dict[str, Any], Dict[str, Array]]]:
    """Yield facts about each requested layer and its outputs, or its error, once for all rates."""
    rates: Rates = {}
    failed: Set[str] = set()
    try:
        for rates in list_settings(wanted, settings):
            for name, start in find_subjects(wanted, rates):
                if name in failed:
                    continue
                try:
                    subject = start()
                    facts, outputs = run_calls(subject, thorough)
                except Exception as error:  # the layers after it are still examined
                    failed.add(name)
                    yield {"name": name, "asked": rates, "error": describe_error(error)}, {}
                    continue
                own = not rates or isinstance(subject, DropoutSubject)
                yield {"asked": facts["rates"] if own else rates, **facts}, outputs
    except Exception as error:  # report whatever the user's code raises
        yield {"asked": rates, "error": describe_error(error)}, {}


def answer(request: Dict[str, Any]) -> Tuple[Dict[str, Any], Dict[str, Array]]:
    """Return the header and the arrays that answer a request."""
    entries: List[Dict[str, Any]] = []
    arrays: Dict[str, Array] = {}
    for name in request["imports"]:
        importlib.import_module(name)
    every = [{"kind": "library", "name": library, "cell": cell} for library in list_libraries() for cell in GATES]
    for wanted in request["subjects"] or every:
        for known, outputs in examine_subjects(wanted, request["rates"], request["thorough"]):
            arrays.update({f"{len(entries)}/{name}": array for name, array in outputs.items()})
            entries.append({"wanted": wanted, **known})
    return {"versions": list_versions(), "entries": entries}, arrays


def main(request_path: str, answer_path: str) -> None:
    """Read a request, call the layers, and write the answer."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    sys.path[:0] = request["path"]
    header, arrays = answer(request)
    with Path(answer_path).open("wb") as file:
        np.savez(file, header=json.dumps(header), **arrays)
