"""A bucket on this machine: a server that speaks S3, behind a proxy that does what networks do."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

BUCKET = "pictures"
SECRET = "wJalrXUtnFEMI-never-printed"

Fault = Callable[[str, str], str]
"""Asked of every request by its method and its path; the answer is "" or the name of a fault."""


class Proxy:
    """Hands requests on to a server, or does something else with them.

    The faults: `503` and `500` are answered, as is `403`; `lost` does what was asked and breaks the connection before
    it answers; `cut` breaks it in the middle of the answer; `slow` sends the answer in pieces; `none` answers nothing.

    Args:
        port: of the server.
        delay: seconds that every request takes longer.
    """

    def __init__(self, port: int, delay: float = 0.0) -> None:
        self.fault: Fault = lambda method, path: ""
        self.delay = delay
        self.seen: list[tuple[str, str, str]] = []
        proxy, server = self, port

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                fault = proxy.fault(self.command, self.path)
                proxy.seen.append((self.command, self.path, fault))
                time.sleep(proxy.delay)
                if fault in ("503", "500", "403"):
                    self.answer(int(fault), b"<Error><Code>SlowDown</Code></Error>")
                    return
                connection = http.client.HTTPConnection("127.0.0.1", server, timeout=30)
                connection.request(self.command, self.path, body, {"Authorization": _CREDENTIALS, **self.headers})
                came = connection.getresponse()
                content = came.read()
                headers = {name: value for name, value in came.getheaders() if name.lower() not in _OWN}
                length = int(came.headers.get("Content-Length") or len(content))
                connection.close()
                if fault == "lost":
                    self.hang_up()
                    return
                self.send_response(came.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command == "HEAD":
                    return
                if fault == "cut":
                    self.wfile.write(content[: len(content) // 2])
                    self.wfile.flush()
                    self.hang_up()
                elif fault == "slow":
                    for start in range(0, len(content), 4096):
                        self.wfile.write(content[start : start + 4096])
                        self.wfile.flush()
                        time.sleep(0.005)
                else:
                    self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_request  # noqa: N815

            def answer(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def hang_up(self) -> None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


_CREDENTIALS = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/s3/aws4_request"
_OWN = {"content-length", "connection", "transfer-encoding", "date", "server"}


def environment(address: str) -> dict[str, str]:
    """Return what lets obstore find a server on this machine."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


class ObjectStore:
    """The server, its proxy, and what the bucket holds, asked behind the proxy's back."""

    def __init__(self, port: int, proxy: Proxy) -> None:
        self.proxy = proxy
        self._port = port

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection.request(method, path, body, {"Authorization": _CREDENTIALS})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def put(self, name: str, content: bytes) -> None:
        assert self.ask("PUT", f"/{BUCKET}/{quote(name)}", content)[0] == 200

    def get(self, name: str) -> bytes:
        status, content = self.ask("GET", f"/{BUCKET}/{quote(name)}")
        assert status == 200, name
        return content

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all objects below a prefix."""
        content = self.ask("GET", f"/{BUCKET}?list-type=2&prefix={prefix}&max-keys=1000")[1].decode()
        return re.findall(r"<Key>([^<]*)</Key>", content)

    def unfinished(self) -> int:
        """Return how many uploads in parts have been begun and neither completed nor given up."""
        return self.ask("GET", f"/{BUCKET}?uploads")[1].count(b"<Upload>")

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return the objects below a prefix, their manifests apart."""
        return {name: self.get(name) for name in self.names(prefix) if not name.endswith(".jsonl")}

    def empty(self) -> None:
        """Remove all objects."""
        for name in self.names():
            self.ask("DELETE", f"/{BUCKET}/{quote(name)}")


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run both in this process."""
    server_module = pytest.importorskip("moto.server", reason="moto, which plays the bucket, is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    proxy = Proxy(port)
    store = ObjectStore(port, proxy)
    try:
        assert store.ask("PUT", f"/{BUCKET}")[0] == 200
        yield store
    finally:
        proxy.close()
        server.stop()
