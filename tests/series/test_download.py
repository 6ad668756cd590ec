"""Fetching a file from servers that are slow, wrong, broken or hostile."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.series.download import fetch
from tests.series.limits import largest_file
from tests.series.servers import Answer, offer, say, serve

BODY = os.urandom(200_000)
OLD = b"what was there before"
PAGE = b"<!doctype html><title>Please log in</title>"

fetch_fast = partial(fetch, max_bytes=1_000_000, timeout_seconds=5, wait_seconds=0.001)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "file.zip"
    path.write_bytes(OLD)
    return path


def refuse_others(path: Path) -> None:
    if path.read_bytes() != BODY:
        raise DataError("not the expected file")


def fail_to_fetch(urls: list[str], target: Path, **how: object) -> str:
    """Return the message of a fetch that must fail, in one line, and leave the old file."""
    with pytest.raises(DataError) as caught:
        fetch_fast(urls, target, **how)  # type: ignore[arg-type]
    assert target.read_bytes() == OLD
    message = str(caught.value)
    assert message.isprintable()
    assert "name another source" in message
    return message


def test_a_file_arrives_whole_and_leaves_no_part(target: Path) -> None:
    with serve(offer(BODY)) as server:
        assert fetch_fast([server.url], target) == server.url
        assert server.requests[0]["Accept-Encoding"] == "identity"
    assert target.read_bytes() == BODY
    assert [path.name for path in target.parent.iterdir() if ".part" in path.name] == []


def test_progress_rises_to_the_total(target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with serve(offer(BODY)) as server:
        fetch_fast([server.url], target, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, len(BODY)), (len(BODY), len(BODY)))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_unannounced_length_arrives(target: Path, chunked: bool) -> None:
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    with serve(say(200, framed if chunked else BODY, headers=headers, length="")) as server:
        fetch_fast([server.url], target)
    assert target.read_bytes() == BODY


def test_a_redirect_is_followed(target: Path) -> None:
    with serve(offer(BODY)) as there, serve(say(302, headers={"Location": there.url})) as here:
        assert fetch_fast([here.url], target) == here.url
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_server_without_the_file_is_asked_once_and_the_next_serves(target: Path, status: int) -> None:
    with serve(say(status)) as without, serve(offer(BODY)) as mirror:
        assert fetch_fast([without.url, mirror.url], target) == mirror.url
        assert len(without.requests) == 1
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(target: Path, status: int) -> None:
    with serve(say(status), say(status, headers={"Content-Encoding": "gzip"}), offer(BODY)) as server:
        fetch_fast([server.url], target)
    assert target.read_bytes() == BODY


def test_a_server_that_stays_busy_is_given_up_and_every_address_named(target: Path) -> None:
    with serve(say(503)) as busy, serve(say(404)) as without:
        message = fail_to_fetch([busy.url, without.url], target, tries=4)
        assert len(busy.requests) == 4
        assert f"{busy.url}: 503 Service Unavailable" in message
        assert f"{without.url}: 404 Not Found" in message


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(say(200, BODY, length=len(BODY) + 9), "9 more expected", id="length too long"),
        pytest.param(say(200, BODY, length=len(BODY) - 9), "not the expected file", id="length too short"),
        pytest.param(say(200, BODY, length="5, 6"), "multiple", id="two lengths"),
        pytest.param(say(200, b"FFFFFF\r\nnot so much", headers={"Transfer-Encoding": "chunked"}), "", id="chunk cut"),
        pytest.param(say(200, PAGE), "not the expected file", id="a web page"),
        pytest.param(say(200, b""), "the answer is empty", id="nothing"),
        pytest.param(say(204), "204 No Content", id="no content"),
        pytest.param(say(206, BODY), "206 Partial Content", id="a part nobody asked for"),
        pytest.param(say(200, BODY, headers={"Content-Encoding": "gzip"}), "'gzip'", id="encoded unasked"),
        pytest.param(say(302, headers={"Location": "/again"}), "redirects", id="redirects in a ring"),
        pytest.param(
            say(302, headers={"Location": "file:///etc/passwd"}), "file:///etc/passwd", id="redirect to a file"
        ),
        pytest.param(say(302, headers={"Location": "http://[::1/"}), "IPv6", id="redirect to nonsense"),
        pytest.param(say(302, headers={"Location": "http://a..b/"}), "label", id="redirect to no host"),
        pytest.param(
            say(302, PAGE, endless=True, length="", headers={"Location": "ftp://x"}), "ftp", id="redirect, endless"
        ),
        pytest.param(say(raw=b""), "closed connection without response", id="hung up"),
        pytest.param(say(raw=b"\x1b]0;gotcha\x07 220 ftp\r\n"), "?]0;gotcha? 220 ftp", id="not HTTP, steers terminals"),
        pytest.param(say(stall_after=-1), "nothing came for 0.3 s", id="no answer"),
        pytest.param(say(200, BODY, stall_after=50_000), "nothing came for 0.3 s", id="a stall midway"),
        pytest.param(say(200, BODY, endless=True, length=""), "more than the limit", id="no end"),
        pytest.param(say(200, BODY, endless=True, length=10**12), "more than the limit", id="too large"),
    ],
)
def test_a_bad_answer_leaves_the_old_file_and_the_next_address_serves(
    target: Path, answer: Answer, reason: str
) -> None:
    with serve(answer) as bad, serve(offer(BODY)) as good:
        how = {"check": refuse_others, "tries": 2, "timeout_seconds": 0.3}
        assert reason in fail_to_fetch([bad.url], target, **how)
        assert fetch_fast([bad.url, good.url], target, **how) == good.url
    assert target.read_bytes() == BODY


def test_a_whole_file_that_is_not_the_expected_one_is_fetched_once(target: Path) -> None:
    with serve(say(200, PAGE)) as server:
        fail_to_fetch([server.url], target, check=refuse_others, tries=3)
        assert len(server.requests) == 1


def test_a_file_announced_too_large_is_not_begun(target: Path) -> None:
    with serve(say(200, BODY)) as server:
        assert "200000 bytes are more than the limit of 199999" in fail_to_fetch(
            [server.url], target, max_bytes=199_999
        )
        fetch_fast([server.url], target, max_bytes=200_000)


def test_a_slow_server_that_goes_on_is_waited_for(target: Path) -> None:
    body = BODY[:40_960]  # ten slices: half a second, longer than the timeout
    with serve(offer(body, pause_seconds=0.05)) as server:
        fetch_fast([server.url], target, timeout_seconds=0.3)
        assert len(server.requests) == 1
    assert target.read_bytes() == body


def test_a_port_where_nobody_listens_is_named(target: Path) -> None:
    with serve(offer(BODY)) as server:
        url = server.url
    assert f"{url}: [Errno 111] Connection refused" in fail_to_fetch([url], target)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file.zip", "file.zip", "http://", "http://[::1", ""])
def test_an_address_that_is_not_http_is_wrong_usage_before_anything_is_asked(target: Path, url: str) -> None:
    with serve(offer(BODY)) as server, pytest.raises(UsageError, match=r"^expected an address"):
        fetch_fast([server.url, url], target)
    assert server.requests == []


def test_a_full_disk_is_told_in_one_line_and_the_rest_comes_later(target: Path) -> None:
    with serve(offer(BODY)) as server:
        with (
            largest_file(50_000),
            pytest.raises(RdropError, match=r"file\.zip\.part: cannot be written: File too large"),
        ):
            fetch_fast([server.url], target)
        assert target.read_bytes() == OLD
        fetch_fast([server.url], target)
        assert server.requests[1]["Range"] == "bytes=50000-"
    assert target.read_bytes() == BODY


def test_a_folder_that_cannot_be_written_is_named(target: Path) -> None:
    with serve(offer(BODY)) as server, pytest.raises(RdropError, match=r"file\.zip: cannot be written: "):
        fetch_fast([server.url], target / "below a file")
    assert target.read_bytes() == OLD


def test_requests_is_imported_only_to_fetch() -> None:
    code = "import sys, rdrop_cli.series.download; sys.exit('requests' in sys.modules or 'filelock' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
