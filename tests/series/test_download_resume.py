"""Downloads that break off and go on: in the next try, the next call, or the next process."""

import os
import signal
import subprocess
import sys
import time
from email.utils import formatdate
from functools import partial
from pathlib import Path

import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.series.download import fetch
from tests.series.servers import Answer, Reply, Server, offer, say, serve

BODY = os.urandom(200_000)
OTHER = os.urandom(180_000)
CUT = 80_000  # bytes of the first answer that arrive
LONG_AGO = formatdate(time.time() - 3600, usegmt=True)
NOW = formatdate(time.time(), usegmt=True)

fetch_fast = partial(fetch, max_bytes=1_000_000, timeout_seconds=5, wait_seconds=0.001)

CHILD = """
import sys
from pathlib import Path
from rdrop_cli.series.download import fetch
fetch([sys.argv[1]], Path(sys.argv[2]), max_bytes=1_000_000)
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.zip"


def start_child(server: Server, target: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", CHILD, server.url, str(target)])


def part_size(target: Path) -> int:
    part = target.with_name("file.zip.part")
    return part.stat().st_size if part.exists() else 0


def break_off(server: Server, target: Path) -> None:
    """Let a first call end with the first answer, and leave its part."""
    with pytest.raises(DataError):
        fetch_fast([server.url], target, tries=1)
    assert not target.exists()
    assert part_size(target) == CUT


def test_a_cut_connection_is_resumed_and_no_byte_fetched_twice(target: Path) -> None:
    with serve(offer(BODY, cut_after=CUT), offer(BODY)) as server:
        fetch_fast([server.url], target)
        assert server.requests[1]["Range"] == f"bytes={CUT}-"
        assert server.requests[1]["If-Range"] == '"1"'
        assert server.sent_bytes == len(BODY)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("cut_after", [0, 1, 16_384, len(BODY) - 1])
def test_a_connection_cut_at_any_stage_is_mended(target: Path, cut_after: int) -> None:
    with serve(offer(BODY, cut_after=cut_after), offer(BODY)) as server:
        fetch_fast([server.url], target)
        assert server.sent_bytes == len(BODY)
    assert target.read_bytes() == BODY


def test_a_connection_that_is_cut_again_and_again_is_no_failure_while_it_gets_further(target: Path) -> None:
    with serve(offer(BODY, cut_after=30_000)) as server:
        fetch_fast([server.url], target, tries=2)
        assert len(server.requests) == 7
    assert target.read_bytes() == BODY


def test_a_later_call_goes_on_where_an_earlier_one_broke_off(target: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    with serve(offer(BODY, cut_after=CUT), offer(BODY)) as server:
        break_off(server, target)
        fetch_fast([server.url], target, on_progress=lambda done, total: progress.append((done, total)))
        assert server.sent_bytes == len(BODY)
    assert progress[0] == (CUT, len(BODY))
    assert target.read_bytes() == BODY


def test_ctrl_c_leaves_the_part_for_the_next_call(target: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done >= CUT:
            signal.raise_signal(signal.SIGINT)

    with serve(offer(BODY)) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch_fast([server.url], target, on_progress=interrupt)
        assert not target.exists()
        kept = part_size(target)
        assert CUT <= kept < len(BODY)
        fetch_fast([server.url], target)
        assert server.requests[1]["Range"] == f"bytes={kept}-"
    assert target.read_bytes() == BODY


def test_a_killed_process_is_succeeded_by_one_that_goes_on(target: Path) -> None:
    with serve(offer(BODY, pause_seconds=0.02), offer(BODY)) as server:
        child = start_child(server, target)
        while part_size(target) < 20_000:
            assert child.poll() is None
            time.sleep(0.01)
        child.kill()
        assert child.wait() == -signal.SIGKILL
        kept = part_size(target)
        assert not target.exists()
        fetch_fast([server.url], target)
        assert server.requests[1]["Range"] == f"bytes={kept}-"
    assert target.read_bytes() == BODY


def test_two_processes_take_turns(target: Path) -> None:
    with serve(offer(BODY, pause_seconds=0.01)) as server:
        children = [start_child(server, target) for _ in range(2)]
        assert [child.wait() for child in children] == [0, 0]
        assert len(server.requests) == 2
        assert server.most_at_once == 1
    assert target.read_bytes() == BODY


def lie_about_range(**headers: str) -> Answer:
    """Answer a request for the rest with a 206 that is not the rest."""
    return lambda request: Reply(206, OTHER[CUT:], headers) if "Range" in request else Reply(200, BODY)


@pytest.mark.parametrize(
    ("second", "requests"),
    [
        pytest.param(say(200, BODY), 2, id="ranges ignored"),
        pytest.param(offer(BODY, etag='"2"'), 2, id="another file by now"),
        pytest.param(lambda request: Reply(416 if "Range" in request else 200, BODY), 3, id="range refused"),
        pytest.param(lie_about_range(), 3, id="no Content-Range"),
        pytest.param(lie_about_range(**{"Content-Range": "bytes 0-9/180000"}), 3, id="another range"),
        pytest.param(lie_about_range(**{"Content-Range": "bytes 80000-x/*"}), 3, id="an unreadable range"),
        pytest.param(
            lie_about_range(**{"Content-Range": "bytes 80000-179999/180000", "ETag": '"2"'}),
            3,
            id="rest of another file",
        ),
    ],
)
def test_what_cannot_be_resumed_is_begun_again_at_once(target: Path, second: Answer, requests: int) -> None:
    with serve(offer(OTHER, cut_after=CUT), second) as server:
        break_off(server, target)
        fetch_fast([server.url], target, tries=1)
        assert server.requests[1]["Range"] == f"bytes={CUT}-"
        assert len(server.requests) == requests
    assert target.read_bytes() == BODY


def test_a_part_longer_than_announced_is_dropped(target: Path) -> None:
    rest = Reply(206, BODY[CUT:] + b"more", {"Content-Range": f"bytes {CUT}-199999/200000"})
    with serve(offer(BODY, cut_after=CUT), lambda request: rest, offer(BODY)) as server:
        fetch_fast([server.url], target)
        assert [request["Range"] for request in server.requests] == [None, f"bytes={CUT}-", None]
    assert target.read_bytes() == BODY


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        pytest.param({"ETag": '"1"', "Last-Modified": LONG_AGO, "Date": NOW}, '"1"', id="ETag"),
        pytest.param({"Last-Modified": LONG_AGO, "Date": NOW}, LONG_AGO, id="old date"),
        pytest.param({"Last-Modified": NOW, "Date": NOW}, None, id="date too new"),
        pytest.param({"Last-Modified": LONG_AGO}, None, id="date with nothing to compare"),
        pytest.param({"Last-Modified": "yesterday", "Date": NOW}, None, id="unreadable date"),
        pytest.param({"ETag": 'W/"1"', "Last-Modified": LONG_AGO, "Date": NOW}, None, id="weak ETag"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_only_what_identifies_the_bytes_is_trusted_to_resume(
    target: Path, headers: dict[str, str], validator: str | None
) -> None:
    with serve(say(200, BODY, headers=headers, cut_after=CUT), say(200, BODY)) as server:
        fetch_fast([server.url], target)
        assert server.requests[1]["If-Range"] == validator
        assert ("Range" in server.requests[1]) == (validator is not None)
    assert target.read_bytes() == BODY


def test_a_part_from_one_address_is_not_continued_from_another(target: Path) -> None:
    with serve(offer(OTHER, cut_after=CUT), say(503)) as first, serve(offer(BODY)) as second:
        fetch_fast([first.url, second.url], target)
        assert "Range" not in second.requests[0]
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("note", ["", "{", "[]", "null", '{"url": 1}', '{"url": "URL", "validator": 7}', "\udcff"])
def test_a_part_without_a_readable_note_is_begun_again(target: Path, note: str) -> None:
    with serve(offer(BODY, cut_after=CUT), offer(BODY)) as server:
        break_off(server, target)
        text = note.replace("URL", server.url)
        target.with_name("file.zip.part.json").write_bytes(text.encode(errors="surrogateescape"))
        fetch_fast([server.url], target)
        assert "Range" not in server.requests[1]
    assert target.read_bytes() == BODY


def test_a_part_that_was_damaged_on_disk_is_found_out_and_fetched_whole(target: Path) -> None:
    def check(path: Path) -> None:
        if path.read_bytes() != BODY:
            raise DataError("damaged")

    with serve(offer(BODY, cut_after=CUT), offer(BODY)) as server:
        break_off(server, target)
        with target.with_name("file.zip.part").open("r+b") as file:
            file.write(bytes(1000))
        fetch_fast([server.url], target, check=check)
        assert [("Range" in request) for request in server.requests] == [False, True, False]
    assert target.read_bytes() == BODY
