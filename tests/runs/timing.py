"""Time what reads many runs: `python -m tests.runs.timing FOLDER…` prints a row for each folder of `tests.runs.many`.

Each figure is the median of three: seconds of processor time, and of wall time in brackets. The first command makes
the index, which is timed apart. A busy machine stretches both: the row begins with the seconds of an empty command.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

MOST_JUDGED = 20_000  # runs of one study; ten networks have no more seeds than a verdict looks at
SEARCH = """
import sys, time
from pathlib import Path
from rdrop_cli.runs.comparable import find_same_configurations
from rdrop_cli.runs.find import list_run_folders
runs_dir = Path(sys.argv[1])
configs = [folder.read_config() for folder in list_run_folders(runs_dir)[:5]]
assert len(find_same_configurations(configs, runs_dir)) == 5
"""
PROGRAM = ["-m", "rdrop_cli"]


def time_once(command: Sequence[str], **settings: str) -> tuple[float, float]:
    """Return the seconds of processor time and of wall time that a Python program takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    usual = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONUNBUFFERED": ""}  # with the first, each command compiles its modules
    environment = os.environ | usual | settings
    subprocess.run(
        [sys.executable, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.monotonic() - start


def time_thrice(command: Sequence[str], **settings: str) -> str:
    spent, wall = zip(*(time_once(command, **settings) for _ in range(3)), strict=True)
    return f"{median(spent):.2f} ({median(wall):.2f})"


def time_folder(runs_dir: Path, scratch: Path) -> list[str]:
    """Return the cells of a folder's row."""
    count, where = sum(path.is_dir() for path in runs_dir.iterdir()), ["--runs-dir", str(runs_dir)]
    line = {"COMP_WORDS": "rdrop show base", "COMP_CWORD": "2", "_RDROP_COMPLETE": "complete_bash"}
    report = scratch / "report.html"
    cells = [f"{count:,}", time_thrice([*PROGRAM, "--version"])]
    cells.append("{:.2f} ({:.2f})".format(*time_once([*PROGRAM, "runs", *where], RDROP_CACHE_DIR=str(scratch))))
    warm = {"RDROP_CACHE_DIR": str(scratch)}
    cells.append(time_thrice([*PROGRAM, "runs", *where], **warm))
    cells.append(time_thrice(PROGRAM, RDROP_RUNS_DIR=str(runs_dir), **line, **warm))
    time_once(["-c", SEARCH, str(runs_dir)], **warm)
    cells.append(time_thrice(["-c", SEARCH, str(runs_dir)], **warm))
    if count > MOST_JUDGED:
        return [*cells, "", "", "", ""]
    time_once([*PROGRAM, "verdict", *where], **warm)
    cells.append(time_thrice([*PROGRAM, "verdict", *where], **warm))
    cells.append(time_thrice([*PROGRAM, "report", "--output", str(report), *where], **warm))
    cells.append(f"{report.stat().st_size / 1e6:.2f} MB")
    cells.append(time_thrice([*PROGRAM, "plot", "--output", str(scratch / "plot.png"), *where], **warm))
    return cells


def main() -> None:
    heads = ["runs", "nothing", "`runs`, no index", "`runs`", "completion", "search of `--seeds`"]
    heads += ["`verdict`", "`report`", "size", "`plot`"]
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n| {' | '.join(heads)} |\n")
    sys.stdout.write("|---" * len(heads) + "|\n")
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as scratch:
            sys.stdout.write(f"| {' | '.join(time_folder(Path(name), Path(scratch)))} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
