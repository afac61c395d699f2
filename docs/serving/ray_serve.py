"""The service on several machines: Ray Serve starts one on each node, and passes requests on to a free one.

pip install "upres[serve]" "ray[serve]"
cd docs/serving
serve run ray_serve:app

It listens on 127.0.0.1:8000. A job is known to the replica that took it: ask for pictures here, and for jobs of one
machine. Called by another name than the loopback's, it needs `--allow-host` among the arguments below.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import subprocess
import sys
import time

from ray import serve
from starlette.requests import Request
from starlette.responses import Response

_ARGUMENTS = ("--log", "off")
_SECONDS = 400
_MOST_BYTES = 64_000_000
# What belongs to a connection and not to a request. Host and Origin are passed on: they tell who asks.
_HOP = {"connection", "content-length", "transfer-encoding", "date"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@serve.deployment(num_replicas=1, max_ongoing_requests=8, ray_actor_options={"num_cpus": 1})
class Upres:
    """One `upres serve` on the loopback of its node, with its own worker process and its own limits."""

    def __init__(self) -> None:
        self._port = _free_port()
        command = [sys.executable, "-m", "upres", "serve", "--port", str(self._port), *_ARGUMENTS]
        self._process = subprocess.Popen(command)
        self._wait()

    def __del__(self) -> None:
        self._process.terminate()

    def check_health(self) -> None:
        """Tell Ray whether the process is there; it starts another replica where it is not."""
        if self._process.poll() is not None:
            raise RuntimeError(f"upres serve ended with {self._process.returncode}")

    async def __call__(self, request: Request) -> Response:
        """Pass a request on, and its answer back."""
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > _MOST_BYTES:
                return Response(status_code=413)
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {name: text for name, text in request.headers.items() if name not in _HOP}
        return await asyncio.to_thread(self._ask, request.method, request.url.path + query, bytes(body), headers)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            kept = {name: text for name, text in answer.getheaders() if name.lower() not in _HOP}
            return Response(answer.read(), answer.status, kept)

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self._ask("GET", "/readyz", b"", {}).status_code == 200:
                    return
            self.check_health()
            time.sleep(0.1)
        raise RuntimeError("upres serve was not ready within 60 s")


app = Upres.bind()
