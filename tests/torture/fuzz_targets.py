"""What guided search tries inputs on: the readers of files that may come from others, and those of options' values."""

import csv
import hashlib
import io
import json
import math
import re
import zipfile
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path

import numpy as np

from rdrop_cli.analysis.run import COLUMNS as DAILY_COLUMNS
from rdrop_cli.analysis.run import read_daily_errors
from rdrop_cli.cli.show import show
from rdrop_cli.files import sha256_of_file
from rdrop_cli.runs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import Epoch, History
from rdrop_cli.runs.metrics import build_metrics
from rdrop_cli.runs.schema import write_config, write_metrics
from rdrop_cli.series.archive import extract_csv
from rdrop_cli.series.jena import CSV_NAME, load_jena
from rdrop_cli.study.config import RunConfig
from tests.series.csv.test_read_made_files import check as check_csv
from tests.standin import PROTOCOL, SETTING
from tests.torture import planted
from tests.torture.fuzz_options import assert_trainable, target_plan, target_rows, target_seeds
from tests.torture.fuzz_target import Target, read_or_refuse
from tests.torture.mutate import PIECES

CREATED_AT = "2026-01-01T00:00:00+00:00"
MAX_CSV_BYTES = 1 << 20
CSV = b"Date Time,T (degC),p (mbar)\n01.01.2009 00:10:00,-8.5,990.5\n01.01.2009 00:20:00,-8.25,1e3\n"
DAILY = b"day,windows,val_mae\n2009-01-01,144,0.25\n2009-01-02,7,1e-3\n"


def assert_sound(metrics: Metrics) -> None:
    """What is accepted has curves of finite numbers, of one length, and names that can be printed."""
    curves = [getattr(metrics.history, name) for name in ("loss", "val_loss", "train_mae")]
    assert len({len(curve) for curve in curves}) == 1
    assert all(type(value) in (int, float) and math.isfinite(value) for curve in curves for value in curve)
    assert all(getattr(metrics, name).isprintable() for name in ("run_id", "variant", "status"))
    assert type(metrics.seed) is int


def make_run(runs_dir: Path) -> RunFolder:
    """Leave a complete run of two epochs: the same bytes each time, so that the same seed makes the same inputs."""
    config = RunConfig("baseline", 0, 0.0, 0.0, 2, PROTOCOL, SETTING.source.name, SETTING.source.sha256)
    history = History([Epoch(number, 0.3, 0.26 + number / 100, 0.25, 2.0, 3.0) for number in (1, 2)])
    folder = RunFolder(runs_dir / "run")
    folder.path.mkdir()
    write_config(folder.config_path, config, CREATED_AT)
    write_metrics(folder.metrics_path, build_metrics("run", CREATED_AT, config, SETTING, history, "completed", 0.27))
    weights = {"weights": np.zeros(4, np.float32)}
    save_checkpoint(folder.checkpoints_path, Checkpoint(weights, weights, history))
    return folder


def list_keys(document: object) -> set[bytes]:
    """Return the names of a document's fields as they stand in JSON."""
    return {f'"{key}":'.encode() for key in re.findall(r'"(\w+)":', json.dumps(document))}


def target_csv(scratch: Path) -> Target:
    return Target(check_csv, [CSV, CSV.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + CSV], PIECES)


def target_metrics(scratch: Path) -> Target:
    folder = make_run(scratch)

    def read(content: bytes) -> None:
        folder.metrics_path.write_bytes(content)
        metrics = read_or_refuse(folder.read_metrics)
        with redirect_stdout(io.StringIO()) as shown:
            read_or_refuse(lambda: show(str(folder.path), folder.path.parent))
        assert bool(metrics) == bool(shown.getvalue())
        assert all(character.isprintable() or character == "\n" for character in shown.getvalue())
        if metrics:
            assert_sound(metrics)

    good = folder.metrics_path.read_bytes()
    return Target(read, [good], list_keys(json.loads(good)), is_json=True)


def target_config(scratch: Path) -> Target:
    folder = make_run(scratch)

    def read(content: bytes) -> None:
        folder.config_path.write_bytes(content)
        config = read_or_refuse(folder.read_config)
        if config:
            assert_trainable(config)

    good = folder.config_path.read_bytes()
    return Target(read, [good], list_keys(json.loads(good)), is_json=True)


def target_checkpoint(scratch: Path) -> Target:
    """A checkpoint's archive, under a right SHA-256 and with whatever checksum its members have."""
    ignore_checksums()
    seed = max(make_run(scratch).checkpoints_path.iterdir()).read_bytes()[32:]
    words = [b"history.npy", b"state/weights.npy", b"'descr': '|O'", b"'<f4'", b"(4,)", b"\x93NUMPY", b"PK\x01\x02"]
    return Target(lambda payload: load_payload(scratch, payload), [seed], words)


def target_history(scratch: Path) -> Target:
    """A checkpoint's history, in an archive that is whole."""
    checkpoint, _ = load_checkpoint(make_run(scratch).checkpoints_path)
    assert checkpoint

    def read(content: bytes) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, history=np.frombuffer(content, np.uint8))
        load_payload(scratch, buffer.getvalue())

    good = checkpoint.history.to_json()
    return Target(read, [json.dumps(good[:2]).encode()], list_keys(good), is_json=True)


MAY_LACK = ("val_mse", "val_pinball")  # of an older version, and of a network without quantiles


def load_payload(scratch: Path, payload: bytes) -> None:
    (scratch / "epoch-0001.ckpt").write_bytes(hashlib.sha256(payload).digest() + payload)
    loaded = read_or_refuse(lambda: load_checkpoint(scratch)[0])
    if loaded:
        figures = [
            figure
            for epoch in loaded.history.to_json()
            for name, value in epoch.items()
            if name not in MAY_LACK or value is not None
            for figure in (value if isinstance(value, list | tuple) else [value])
        ]
        assert all(type(figure) in (int, float) and math.isfinite(figure) for figure in figures)
        arrays = (*loaded.state.values(), *loaded.best.values())
        assert all(isinstance(array, np.ndarray) and not array.dtype.hasobject for array in arrays)


def target_daily(scratch: Path) -> Target:
    path = scratch / "daily_errors.csv"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        errors = read_or_refuse(lambda: read_daily_errors(path))
        if errors:
            header, *rows = csv.reader(content.decode().splitlines())
            assert header == [*DAILY_COLUMNS, "val_mae"]
            assert list(errors.days) == [date.fromisoformat(row[0]).isoformat() for row in rows]
            assert list(errors.days) == sorted(set(errors.days))
            assert errors.windows.tolist() == [int(row[1]) for row in rows]
            assert errors.mae.tolist() == [float(row[2]) for row in rows]
            assert np.isfinite(errors.windows).all()
            assert np.isfinite(errors.mae).all()

    return Target(read, [DAILY], [*PIECES, b"2009-01-01,144,0.25\n", b"20090101", b"2009-W01-1"])


def target_record(scratch: Path) -> Target:
    """The record of how the Jena file came, beside a file that fits it."""
    csv_path, record_path = scratch / CSV_NAME, scratch / f"{Path(CSV_NAME).stem}.json"
    csv_path.write_bytes(CSV)
    good = {"name": "jena", "origin": "x", "sha256": sha256_of_file(csv_path), "rows": 2, "verified": False}

    def read(content: bytes) -> None:
        record_path.write_bytes(content)
        series = read_or_refuse(lambda: load_jena(scratch))
        if series:
            source = series.source
            assert all(isinstance(text, str) and text.isprintable() for text in (source.name, source.origin))
            assert source.sha256 == good["sha256"]
            assert type(source.rows) is int
            assert source.verified is None or type(source.verified) is bool

    return Target(read, [json.dumps(good).encode()], list_keys(good), is_json=True)


def target_archive(scratch: Path) -> Target:
    ignore_checksums()
    archive, unpacked = scratch / "in" / "fetched.zip", scratch / "out" / "unpacked.csv"
    archive.parent.mkdir()
    unpacked.parent.mkdir()

    def read(content: bytes) -> None:
        archive.write_bytes(content)
        unpacked.unlink(missing_ok=True)
        read_or_refuse(lambda: extract_csv(archive, unpacked, max_bytes=MAX_CSV_BYTES))
        assert list(archive.parent.iterdir()) == [archive]
        assert list(unpacked.parent.iterdir()) in ([], [unpacked])
        assert not unpacked.exists() or unpacked.stat().st_size <= MAX_CSV_BYTES

    members = {"a.csv": CSV, "__MACOSX/a.csv": b"", "folder/": b""}
    seeds = [pack(members, method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
    words = [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"../", b"/", b"\0", b".csv"]
    return Target(read, [*seeds, pack({"a.csv": b""}, zipfile.ZIP_STORED)], words)


def pack(members: dict[str, bytes], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return buffer.getvalue()


def ignore_checksums() -> None:
    """Let zipfile take any CRC-32: a search would hardly ever come past it, and a stranger writes the right one."""
    zipfile.ZipExtFile._update_crc = lambda self, data: None  # type: ignore[attr-defined]


def target_planted(scratch: Path) -> Target:
    return Target(planted.read, [b"good"], [b"study"])


TARGETS = {
    "csv": target_csv,
    "metrics": target_metrics,
    "config": target_config,
    "checkpoint": target_checkpoint,
    "history": target_history,
    "daily": target_daily,
    "record": target_record,
    "archive": target_archive,
    "seeds": target_seeds,
    "rows": target_rows,
    "plan": target_plan,
    "planted": target_planted,
}
READERS = [name for name in TARGETS if name != "planted"]
