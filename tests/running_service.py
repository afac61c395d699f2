"""`upres serve` as a process of its own, and somebody who talks to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.commands import UPRES

_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def members(self) -> dict[str, Any]:
        """The members of its JSON object."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def kind(self) -> str:
        """The kind of its problem."""
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.members["status"] == self.status
        return str(self.members["type"]).removeprefix("urn:upres:problem:")


class RunningService:
    """A service on a free port of the loopback.

    Args:
        folder: where its files lie.
        arguments: more of the command's.

    Attributes:
        port: where it listens.
        patience: seconds for which an answer is waited for.
        log: what it has logged.
        noise: what else it has written to standard error.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.port = 0
        self.patience = _SECONDS
        self.log: list[dict[str, Any]] = []
        self.noise: list[str] = []
        command = [*UPRES, "serve", "--port", "0", "--log", "json", "--folder", str(folder), *arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._listening.wait(_SECONDS) and self.port, self.noise
        self.until(lambda: self.get("/readyz").status == 200)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                facts = json.loads(line)
            except ValueError:
                self.noise.append(line)
                continue
            self.log.append(facts)
            if facts.get("event") == "listening":
                found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/", facts["address"])
                assert found is not None
                self.port = int(found[1])
                self._listening.set()
        self._listening.set()

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience)

    def socket(self) -> socket.socket:
        """Return a plain socket that is connected to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send a request, and return the whole answer; `content_type` is the header Content-Type."""
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            found = {name.lower(): text for name, text in answer.getheaders()}
            return Answer(answer.status, found, answer.read())

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for something."""
        return self.ask("GET", path, **headers)

    def post(self, body: bytes, query: str = "", **headers: str) -> Answer:
        """Have a picture enlarged."""
        return self.ask("POST", f"/v1/upscale?{query}", body, **headers)

    def job(self, body: bytes, query: str = "") -> str:
        """Begin a job, and return its address."""
        answer = self.post(body, query, prefer="respond-async")
        assert answer.status == 202, answer
        return answer.headers["location"]

    def number(self, name: str) -> float:
        """Return one of its metrics."""
        text = self.get("/metrics").body.decode()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"upres_{name}"))

    def files(self) -> list[str]:
        """Return what lies in its folder, but for what says whose it is."""
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file() and path.name != ".lock")

    def worker(self) -> int:
        """Return the number of its worker process."""
        found = [number for number, parent in processes() if parent == self.process.pid]
        assert len(found) == 1, found
        return found[0]

    def until(self, true: Any) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + _SECONDS
        while not true():
            assert time.monotonic() < deadline, (self.log[-5:], self.noise)
            assert self.process.poll() is None, self.noise
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end, and return the exit code."""
        try:
            self.process.wait(_SECONDS)
        finally:
            self.process.kill()
        self._reader.join(_SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return self.process.returncode


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[RunningService]:
    """Run a service; it ends well, and leaves nothing."""
    service = RunningService(folder, *arguments)
    try:
        yield service
    finally:
        code = service.stop()
    assert code == 0 and not service.noise, "".join(service.noise)
    assert list(folder.iterdir()) == []


def processes() -> Iterator[tuple[int, int]]:
    """Yield each process of this machine and its parent."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            yield int(entry.name), int(text.rpartition(")")[2].split()[1])


def form(*parts: tuple[str, str | None, bytes], boundary: str = "b0undary") -> tuple[bytes, str]:
    """Return a form, each part with its name, its file's name if it is one, and its content; and its type."""
    lines = []
    for name, file, content in parts:
        said = f'; filename="{file}"' if file is not None else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{said}\r\n\r\n'
        lines.append(head.encode() + content + b"\r\n")
    return b"".join([*lines, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def alive(number: int) -> bool:
    """Return whether a process is there."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
