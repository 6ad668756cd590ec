"""Search targets' inputs by the branches that they reach (libFuzzer, through atheris).

Run as `python -m tests.torture.guided FOLDER TARGET,TARGET [-runs=1000] [-seed=1] [any option of libFuzzer]`: each
target has a process, forked from this one so that nothing is imported twice, and a new folder FOLDER/TARGET with its
corpus, its log, and the inputs that a fault comes of. A line is printed for each: its name, and the exit status, which
libFuzzer makes 0 after the last run and 77 at an exception. With BLIND in the environment no branches are watched.
"""

import json
import os
import random
import sys
from contextlib import nullcontext
from pathlib import Path

import atheris

with nullcontext() if "BLIND" in os.environ else atheris.instrument_imports(include=["rdrop_cli"]):
    from tests.torture.fuzz_target import Target
    from tests.torture.fuzz_targets import TARGETS

from tests.torture import planted
from tests.torture.mutate import mutate_json

if "BLIND" not in os.environ:
    atheris.instrument_func(planted.read)
LIMITS = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=2500", "-len_control=0"]


def mutate(content: bytes, max_size: int, seed: int) -> bytes:
    """Change JSON as JSON half of the time: guided by branches alone, bytes hardly ever stay JSON."""
    if seed % 2:
        try:
            changed = mutate_json(json.loads(content), random.Random(seed))
        except (ValueError, RecursionError, IndexError):
            changed = b""
        if 0 < len(changed) <= max_size:
            return changed
    return atheris.Mutate(content, max_size)


def lay_out(target: Target, folder: Path) -> list[str]:
    """Write the good inputs and the words, and return libFuzzer's options for them."""
    corpus, words = folder / "corpus", folder / "words"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    escaped = ["".join(f"\\x{byte:02x}" for byte in word) for word in target.words if word]
    words.write_text("".join(f'"{word}"\n' for word in escaped))
    return [str(corpus), f"-dict={words}", f"-artifact_prefix={folder}/"]


def search(name: str, folder: Path, options: list[str]) -> None:
    """Give this process to libFuzzer, which ends it."""
    (scratch := folder / "scratch").mkdir(parents=True)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    target = TARGETS[name](scratch)
    custom = {"custom_mutator": mutate} if target.is_json else {}
    atheris.Setup([name, *LIMITS, *options, *lay_out(target, folder)], target.read, **custom)
    atheris.Fuzz()


def main() -> None:
    folder, names, *options = sys.argv[1:]
    for name in names.split(","):
        child = os.fork()
        if not child:
            search(name, Path(folder) / name, options)
        print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
