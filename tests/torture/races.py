"""Processes at work on one runs folder at once, with pauses wherever they lock, look, open, rename and remove.

`python -m tests.torture.races SEED ROUNDS FOLDER` plays rounds: in each, several processes do what was drawn from the
seed, at the same time and often to the same runs. After each round every run has to be where the answers of the
processes put it, whole and with the bits of a run that was alone; a process that fails has to name what it failed on.
The first thing that is not so is printed, and the exit code is 1.
"""

import fcntl
import hashlib
import io
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

import rdrop_cli.jobs.task
import rdrop_cli.plots.loss
import rdrop_cli.report.html
from rdrop_cli.analysis.looks import LEDGER, LOCK
from rdrop_cli.cli.app import run_command
from rdrop_cli.errors import RdropError
from rdrop_cli.jobs.launch import Execution, TrainingPlan, make_task, read_if_complete, run_plan
from rdrop_cli.runs import index
from rdrop_cli.runs.comparable import find_same_configurations
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.many import read_all_metrics
from rdrop_cli.runs.verify import verify_run
from rdrop_cli.series.load import load_file
from rdrop_cli.study.reading import Reading
from rdrop_cli.training.loop import Callback
from tests.standin import CONFIG, make_folder, run
from tests.torture.crash_points import draw_nothing

PROCESSES = 4
MOST_SECONDS, SHARE = 0.02, 0.3  # of a pause, and of the calls that have one
Answer = dict[str, Any]


class World:
    """What is in a folder, by the answers that processes gave so far."""

    def __init__(self, folder: Path) -> None:
        self.runs_dir, self.data_dir, self.csv = folder / "runs", folder / "data", folder / "series.csv"
        self.runs_dir.mkdir(parents=True)
        self.runs: set[str] = set()
        write_series(self.csv, 0)


def write_series(path: Path, level: int) -> None:
    """Put another series in the place of the one that is there; its values tell which it is."""
    lines = [f"2020-01-01 {hour:02}:{minute:02}:00,{level}.{minute % 7}" for hour in range(24) for minute in range(60)]
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text("\n".join(["time,value", *lines]) + "\n")
    beside.replace(path)


def pause_everywhere(rng: random.Random, folder: Path) -> None:
    """Let every call of the operating system that two processes could come between take its time."""

    def slow_down(call: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any, **options: Any) -> Any:
            if rng.random() < SHARE:
                time.sleep(rng.uniform(0, MOST_SECONDS))
            return call(*arguments, **options)

        return slow

    for module, names in (
        (os, ("open", "rename", "replace", "unlink", "rmdir", "mkdir", "scandir", "listdir", "fsync")),
        (io, ("open",)),
        (fcntl, ("flock",)),
    ):
        for name in names:
            setattr(module, name, slow_down(getattr(module, name)))


def train(world: World, name: str) -> Answer:
    folder = make_folder(world.runs_dir)
    with folder.lock():
        run(folder)
    return {"made": folder.run_id}


def resume(world: World, name: str) -> Answer:
    folder = RunFolder(world.runs_dir / name)
    with folder.lock():
        run(folder)
    return {}


def sweep(world: World, name: str) -> Answer:
    """Skip, resume or start a configuration, as `rdrop sweep` does; the stand-in is what it trains."""
    execution = Execution(world.runs_dir, world.data_dir, jobs=1)
    found = find_same_configurations([CONFIG], world.runs_dir).get(CONFIG)
    if found and read_if_complete(found):
        return {}
    series: Any = object()  # which the stand-in does not look at
    plan = TrainingPlan([CONFIG], series, {}, [make_task(CONFIG, execution, found)])
    (outcome,) = run_plan(plan, execution, lambda task: Callback())
    if outcome.metrics is None:
        return {"failed": str(outcome.failure)}
    return {} if found else {"made": outcome.metrics.run_id}


def train_standin(config: object, series: object, make_folder: Callable[[], RunFolder], *rest: object) -> Any:
    """Train as `train_run` does, without a network."""
    folder = make_folder()
    with folder.lock():
        return run(folder)


def report(world: World, name: str) -> Answer:
    """Write a report, which has to be whole, and to list no run twice."""
    path = world.csv.with_name(f"report-{os.getpid()}.html")
    answer = _command("report", "--output", str(path), "--runs-dir", str(world.runs_dir))
    if not answer:
        text = path.read_text()
        assert text.rstrip().endswith("</html>"), "half a report"
        path.unlink()
    return answer


def remove(world: World, name: str) -> Answer:
    return _command("rm", name, "--yes", "--runs-dir", str(world.runs_dir)) | {"removed": name}


def rename(world: World, name: str) -> Answer:
    """Rename a run, as a user does, with no look at locks."""
    new = f"renamed-{os.getpid()}"
    (world.runs_dir / name).rename(world.runs_dir / new)
    return {"removed": name, "made": new}


def show_all(world: World, name: str) -> Answer:
    out = io.StringIO()
    answer = _command("runs", "--json", "--runs-dir", str(world.runs_dir), out=out)
    json.loads(out.getvalue())
    return answer


def export(world: World, name: str) -> Answer:
    return _command("export", "--csv", "--runs-dir", str(world.runs_dir))


def search(world: World, name: str) -> Answer:
    configs = [folder.read_config() for folder in list_run_folders(world.runs_dir)[:1]]
    find_same_configurations(configs, world.runs_dir)
    return {}


def rewrite(world: World, name: str) -> Answer:
    write_series(world.csv, os.getpid())
    return {}


def load(world: World, name: str) -> Answer:
    """Load the series, which has to be the one whose checksum it says."""
    series = load_file(str(world.csv), world.data_dir, Reading())
    level = int(series.values[0, 0])
    scratch = world.csv.with_name(f"expected-{os.getpid()}")
    write_series(scratch, level)
    expected = hashlib.sha256(scratch.read_bytes()).hexdigest()
    scratch.unlink()
    assert series.source.sha256 == expected, f"values of {level} under the checksum of another series"
    assert (np.floor(series.values) == level).all(), "two series in one"
    return {}


ACTIONS = (train, resume, sweep, remove, rename, show_all, report, export, search, rewrite, load)
ANY_RUN = re.compile(r"\b(baseline-s0-\d{8}-\d{6}-[0-9a-f]{4}|renamed-\d+)\b")
WEIGHTS = (3, 4, 2, 3, 1, 1, 1, 1, 1, 1, 2)


def _command(*arguments: str, out: io.StringIO | None = None) -> Answer:
    with redirect_stdout(out or io.StringIO()):
        code = run_command(list(arguments))
    return {} if code == 0 else {"failed": f"exit code {code}"}


def act(world: World, action: Callable[[World, str], Answer], name: str, seed: int) -> Answer:
    """Do something in this process, and say what came of it; an error has to name what it is about."""
    pause_everywhere(random.Random(seed), world.runs_dir)
    errors = io.StringIO()
    sys.stderr = errors
    try:
        answer = action(world, name)
    except (RdropError, OSError) as error:
        answer = {"failed": str(error) if isinstance(error, RdropError) else f"{error} {error.filename}"}
    if "failed" in answer:
        told = f"{answer['failed']} {errors.getvalue()}"
        assert "Traceback" not in told, told
        named = name in told or (action is sweep and ANY_RUN.search(told))  # a sweep takes the run that it finds
        assert named or str(world.runs_dir) in told, f"an error that names nothing: {told}"
        return {"failed": told}
    return answer


def play_round(world: World, rng: random.Random) -> list[tuple[str, str, Answer]]:
    """Let processes act at once, and return what each says of itself."""
    targets = sorted(world.runs)
    if len(targets) > 1:
        targets = rng.sample(targets, 2)  # few, so that they meet
    started = []
    for _ in range(PROCESSES):
        (action,) = rng.choices(ACTIONS, WEIGHTS)
        name = rng.choice(targets) if targets else "none"
        seed = rng.randrange(2**32)
        hearing, telling = os.pipe()
        child = os.fork()
        if not child:
            os.write(telling, json.dumps(_answer(world, action, name, seed)).encode())
            os._exit(0)
        os.close(telling)
        started.append((action.__name__, name, child, hearing))
    answers = []
    for what, name, child, hearing in started:
        with os.fdopen(hearing) as told:
            answers.append((what, name, json.loads(told.read() or '{"broken": "it said nothing"}')))
        os.waitpid(child, 0)
    return answers


def _answer(world: World, action: Callable[[World, str], Answer], name: str, seed: int) -> Answer:
    try:
        return act(world, action, name, seed)
    except BaseException as error:  # what nobody expects
        return {"broken": f"{type(error).__name__}: {error}"}


def find_wrong(world: World, answers: list[tuple[str, str, Answer]], expected: list[float]) -> Iterator[str]:
    """Yield what is not as the answers say, or not as a run that was alone leaves it."""
    yield from (f"{what} {name}: {answer['broken']}" for what, name, answer in answers if "broken" in answer)
    done = [answer for _, _, answer in answers if "failed" not in answer]
    removed = Counter(answer["removed"] for answer in done if "removed" in answer)
    yield from (f"{name} was removed or renamed {times} times" for name, times in removed.items() if times > 1)
    made = {answer["made"] for answer in done if "made" in answer}
    there = {path.name for path in world.runs_dir.iterdir()} - {LEDGER, LOCK}
    begun = {name for name in there if name.startswith("baseline-")} - world.runs - made  # and then disturbed
    world.runs = (world.runs - removed.keys()) | made | begun
    yield from (f"{name} is lost" for name in world.runs - there)
    yield from (f"{name} is there, and nobody made it" for name in there - world.runs)
    folders = list_run_folders(world.runs_dir)
    yield from (f"{name} is no run" for name in there - {folder.run_id for folder in folders})
    for folder, metrics in zip(folders, read_all_metrics(folders), strict=True):
        yield from (f"{folder.run_id}: {fault}" for fault in verify_run(folder).faults)
        if not isinstance(metrics, Exception):
            if metrics != folder.read_metrics():
                yield f"{folder.run_id}: the index says something else than the run"
            if metrics.history.val_loss != expected[: len(metrics.history.val_loss)]:
                yield f"{folder.run_id}: has other bits than a run that was alone"


def main() -> None:
    seed, rounds, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    os.environ["RDROP_CACHE_DIR"] = str(folder / "cache")
    index.FEWEST_RUNS, index.SETTLED_NS = 2, 0
    rdrop_cli.plots.loss.draw_run = draw_nothing
    rdrop_cli.report.html._embed = lambda draw: ""  # drawing takes a second, and no lock
    rdrop_cli.jobs.task.train_run = train_standin
    alone = make_folder(folder / "alone")
    with alone.lock():
        expected = run(alone).history.val_loss
    world, rng = World(folder / "world"), random.Random(seed)
    counts: Counter[str] = Counter()
    for number in range(rounds):
        answers = play_round(world, rng)
        for what, _, answer in answers:
            counts[f"{what}, refused" if "failed" in answer else what] += 1
        for wrong in find_wrong(world, answers, expected):
            sys.stdout.write(f"seed {seed}, round {number}: {wrong}\n{json.dumps(answers, indent=1)}\n")
            sys.exit(1)
    sys.stdout.write(json.dumps(dict(sorted(counts.items()))) + "\n")


if __name__ == "__main__":
    main()
