"""A real browser for pages: Chromium without a window, spoken to over two pipes. No client library is needed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 120.0  # a machine that is busy starts a browser slowly
_SWITCHES = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # containers have none to offer
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--mute-audio",
    "about:blank",
)


class Chromium:
    """One browser with one tab, by the Chrome DevTools Protocol.

    Attributes:
        requests: the addresses that the page asked for, but for those inside it.
        faults: what the page's console said that is an error or a warning, and exceptions.
    """

    def __init__(self) -> None:
        program = next(filter(None, map(shutil.which, _NAMES)), None)
        if program is None:
            pytest.skip("no Chromium on this machine: install the package chromium to look at pages")
        self._profile = tempfile.mkdtemp(prefix="upres-chromium-")
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        def attach() -> None:  # the browser reads its descriptor 3 and writes 4
            read, written = os.dup(to_browser), os.dup(from_browser)
            os.dup2(read, 3)
            os.dup2(written, 4)

        self._process = subprocess.Popen(
            [program, f"--user-data-dir={self._profile}", *_SWITCHES],
            preexec_fn=attach,  # noqa: PLW1509
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._profile},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.faults: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._heard(answer)

    def open(
        self, where: Path | str, *, width: int = 1200, height: int = 900, dark: bool = False, ratio: float = 1
    ) -> None:
        """Show a file or an address, in a window of this size in CSS pixels."""
        self.requests.clear()
        self.faults.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=ratio, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=where if isinstance(where, str) else where.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._heard(self._receive())
        self.run("Promise.all([...document.images].map((image) => image.decode().catch(() => 0)))")

    def run(self, script: str) -> Any:
        """Return what an expression in the page comes to; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, *, code: str = "", shift: bool = False) -> None:
        """Press a key and let it go."""
        text = {"text": key} if len(key) == 1 else {}
        windows = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9, "Enter": 13}
        number = {"windowsVirtualKeyCode": windows[key]} if key in windows else {}
        if key == "Enter":
            text = {"text": "\r"}
        options = {"key": key, "code": code or key, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **options, **text, **number)
        self.call("Input.dispatchKeyEvent", type="keyUp", **options, **number)

    def mouse(self, kind: str, x: float, y: float, *, wheel: float = 0) -> None:
        """Move, press, release or turn the wheel at a place of the window."""
        extra: dict[str, Any] = {"deltaX": 0, "deltaY": wheel} if kind == "mouseWheel" else {}
        button = "none" if kind == "mouseWheel" else "left"
        held = 1 if kind in ("mousePressed", "mouseMoved") else 0
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=held, clickCount=1, **extra)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Put fingers down (`touchStart`), move them (`touchMove`) or lift all (`touchEnd`)."""
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=places)

    def click(self, selector: str) -> None:
        """Click the middle of an element, after scrolling to it."""
        x, y = self.middle(selector)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def choose(self, selector: str, *files: Path) -> None:
        """Choose files for an input, as a person does in the system's window."""
        document = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def until(self, expression: str) -> None:
        """Wait until an expression in the page is true."""
        deadline = time.monotonic() + _SECONDS
        while not self.run(f"Boolean({expression})"):
            assert time.monotonic() < deadline, (expression, self.faults)
            time.sleep(0.05)

    def middle(self, selector: str) -> tuple[float, float]:
        """Scroll to an element and return its middle in the window."""
        script = (
            f"const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}}); "
            "const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]"
        )
        box = self.run(f"(() => {{ {script} }})()")
        return box[0], box[1]

    def screenshot(self, *, whole: bool = False) -> bytes:
        """Return what is seen, or the whole page, as a PNG."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def close(self) -> None:
        """End the browser."""
        os.close(self._out)
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _heard(self, message: dict[str, Any]) -> None:
        method, said = message.get("method", ""), message.get("params", {})
        if method:
            self.events.append(message)
        if method == "Network.requestWillBeSent" and not said["request"]["url"].startswith(("data:", "blob:")):
            self.requests.append(said["request"]["url"])
        if method == "Runtime.exceptionThrown":
            self.faults.append(str(said["exceptionDetails"]))
        if method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.faults.append(str(said["args"]))
        if method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.faults.append(said["entry"]["text"])

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            data = os.read(self._in, 1 << 20) if ready else b""
            assert data, "the browser has ended, or says nothing"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found
