"""Nothing is written but to the runs, the data, the cache and the output that is named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analysis.made_runs import save_made_study

WATCH = """
import json, os, sys
def hear(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and isinstance(path, (str, bytes, os.PathLike)):
            note(os.fsdecode(path))
    elif event in ("os.mkdir", "os.rename", "shutil.move"):
        note(os.fsdecode(arguments[1] if event != "os.mkdir" else arguments[0]))
def note(path):
    os.write(log, (json.dumps(os.path.realpath(path)) + "\\n").encode())
log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.set_inheritable(log, True)
sys.addaudithook(hear)
"""


class Place:
    """A user's home, temporary folder and folder of work, and what a command has written, wherever it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.allowed = [folder / "work" / name for name in ("runs", "data")] + [folder / "cache"]
        for name in ("home", "tmp", "work", "cache", "hooks"):
            (folder / name).mkdir()
        (folder / "hooks" / "sitecustomize.py").write_text(WATCH)

    def run(self, *command: str, out: str = "") -> None:
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        environment |= {
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "RDROP_CACHE_DIR": str(self.folder / "cache"),
            "WATCH_LOG": str(log),
            "PYTHONPATH": os.pathsep.join([str(self.folder / "hooks"), str(Path(__file__).parents[2])]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        ended = subprocess.run(
            [sys.executable, "-m", "rdrop_cli", *command],
            cwd=self.folder / "work", env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        written = {Path(json.loads(line)) for line in log.read_text().splitlines()}
        allowed = [path.resolve() for path in (*self.allowed, self.folder / "tmp", Path(os.devnull))]
        allowed += [(self.folder / "work" / out).resolve()] if out else []
        strays = [path for path in written if not any(path == each or each in path.parents for each in allowed)]
        temporary = f".{Path(out).stem}." if out else "\0"  # beside the output that it becomes
        assert [path for path in strays if not path.name.startswith(temporary)] == []
        assert list((self.folder / "home").iterdir()) == []
        assert list((self.folder / "tmp").iterdir()) == []
        left = {path.name for path in (self.folder / "work").iterdir()}
        assert left <= {"runs", "data", "series.csv", *([out] if out else [])}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("command", "out"),
    [
        (("runs",), ""),
        (("verdict",), ""),
        (("plot", "--output", "curves.png"), "curves.png"),
        (("report", "--output", "study.html"), "study.html"),
        (("export", "--csv", "--output", "runs.csv"), "runs.csv"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_what_reads_runs_writes_only_what_is_named(place: Place, command: tuple[str, ...], out: str) -> None:
    save_made_study(place.folder / "work" / "runs", range(2))
    place.run(*command, out=out)


@pytest.mark.parametrize(
    "command",
    [
        "forecast -o",
        "plot -o",
        "report -o",
        "export --csv -o",
        "export --archive",
        "anatomy -o",
        "inspect -o",
        "bench --growth",
    ],
)
def test_a_folder_that_is_missing_is_named_before_the_work(rdrop, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    result = rdrop(*command.split(), "nowhere/file.png")
    assert (result.code, result.out, result.err) == (1, "", "rdrop: nowhere: no such folder\n")


def test_an_output_on_a_link_is_written_to_its_target(rdrop, tmp_path):
    (tmp_path / "latest.csv").symlink_to("table.csv")
    result = rdrop("export", "--csv", "-o", tmp_path / "latest.csv", "--runs-dir", tmp_path)
    assert (result.code, result.out) == (0, f"{tmp_path / 'table.csv'}\n")
    assert (tmp_path / "latest.csv").is_symlink()
    assert (tmp_path / "table.csv").read_text().startswith("run_id,")


@pytest.mark.slow  # imports TensorFlow twice
def test_training_writes_only_runs_data_and_cache(place: Place, weather_csv: Path) -> None:
    (place.folder / "work" / "series.csv").write_bytes(weather_csv.read_bytes())
    lengths = ("--lookback", "5h", "--every", "1h", "--horizon", "2h", "--train-stop", "400", "--val-stop", "600")
    sizes = ("--protocol", "demo", "--batch-size", "8", "--steps-per-epoch", "4", "--units", "4", "--epochs", "2")
    place.run("train", "baseline", "dropout", "--jobs", "2", "--dataset", "series.csv", *lengths, *sizes)
