"""A headless Chromium, spoken to by its debugging protocol over a pipe: no driver and no port."""

import base64
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-pipe"
)


class Chromium:
    """One browser with one page; every request that the page makes and every complaint about it is kept.

    Attributes:
        requests: the addresses that were asked for.
        complaints: what the browser logged: refusals by the content security policy, errors.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last_id = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []

    def __enter__(self) -> "Chromium":
        reads_commands, self._commands = os.pipe()
        self._answers, writes_answers = os.pipe()
        # The protocol wants file descriptors 3 and 4.
        command = f'exec "$0" {SWITCHES} --user-data-dir="$1" 3<&{reads_commands} 4>&{writes_answers}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, str(PROGRAM), str(self._folder / "profile")],
            pass_fds=(reads_commands, writes_answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reads_commands)
        os.close(writes_answers)
        self._received = b""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._commands)
        os.close(self._answers)
        os.killpg(self._process.pid, signal.SIGTERM)  # its own session: this browser and nothing else
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def open(self, path: Path, width: int, height: int, dark: bool = False) -> None:
        """Show a file in a window of this size, and wait until it is loaded with its pictures."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.as_uri())
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, script: str) -> Any:
        """Return the value of a script in the page; the debugger may do what the page's policy forbids the page."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"]["value"]

    def take_picture(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        session = {"sessionId": self._session} if self._session else {}
        os.write(self._commands, json.dumps(message | session).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._last_id:
            pass
        assert "error" not in answer, answer["error"]
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        """Return the next message; requests and complaints are noted on the way."""
        while b"\0" not in self._received:
            chunk = os.read(self._answers, 1 << 20)
            assert chunk, "the browser has ended"
            self._received += chunk
        text, self._received = self._received.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") == "Log.entryAdded":
            self.complaints.append(message["params"]["entry"]["text"])
        return message
