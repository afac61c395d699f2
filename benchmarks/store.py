"""A bucket on this machine for measuring and for killing: objects are files, requests are slow or fail as asked.

python -m benchmarks.store FOLDER [--port 0] [--delay 0.05] [--rate 8] [--faults 0.2] [--names 10000000]

It speaks as much of S3 as obstore asks for, to anybody, and prints its port. What it holds outlives it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import secrets
import shutil
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from benchmarks.common import argument_parser

_PAGE = 1000


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Store

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.server.delay)
        self.server.passed(len(body))
        fault = self.server.fault()
        if fault == "busy":
            self.reply(503, b"<Error><Code>SlowDown</Code></Error>")
        elif fault == "broken":
            self.reply(500, b"<Error><Code>InternalError</Code></Error>")
        elif fault == "hung up":
            self.hang_up()
        else:
            self.cut = fault == "cut"
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            bucket, _, name = unquote(parts.path).lstrip("/").partition("/")
            if fault == "lost":
                self.silent = True
            getattr(self, f"on_{self.command.lower()}")(bucket, name, query, body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815
    cut = silent = False

    def on_get(self, bucket: str, name: str, query: dict[str, str], body: bytes) -> None:
        if not name:
            self.listed(bucket, query)
            return
        path = self.server.path(bucket, name)
        if path is None or not path.is_file():
            self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        content = path.read_bytes()
        tag = _tag(content)
        if self.headers.get("If-Match") not in (None, tag):
            self.reply(412)
            return
        first, status, headers = 0, 200, {"ETag": tag, "Last-Modified": _DATE}
        if spec := self.headers.get("Range"):
            first = int(spec.removeprefix("bytes=").partition("-")[0])
            status, headers["Content-Range"] = 206, f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.reply(status, content[first:], headers)

    on_head = on_get

    def on_put(self, bucket: str, name: str, query: dict[str, str], body: bytes) -> None:
        if "uploadId" in query:
            part = self.server.uploads / query["uploadId"] / f"{int(query['partNumber']):05}"
            _write(part, body)
            self.reply(200, headers={"ETag": _tag(body)})
            return
        path = self.server.path(bucket, name)
        assert path is not None
        with self.server.putting:
            if self.headers.get("If-None-Match") == "*" and path.exists():
                self.reply(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            self.server.keep(path, body)
        self.reply(200, headers={"ETag": _tag(body)})

    def on_post(self, bucket: str, name: str, query: dict[str, str], body: bytes) -> None:
        if "uploads" in query:
            upload = secrets.token_hex(8)
            (self.server.uploads / upload).mkdir(parents=True)
            text = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            self.reply(200, text.encode())
            return
        folder, path = self.server.uploads / query["uploadId"], self.server.path(bucket, name)
        assert path is not None
        with self.server.putting:
            if folder.is_dir():
                content = b"".join(part.read_bytes() for part in sorted(folder.iterdir()) if part.suffix != ".part")
                self.server.keep(path, content)
                shutil.rmtree(folder)
        self.reply(200, b'<CompleteMultipartUploadResult><ETag>"0"</ETag></CompleteMultipartUploadResult>')

    def on_delete(self, bucket: str, name: str, query: dict[str, str], body: bytes) -> None:
        if "uploadId" in query:
            shutil.rmtree(self.server.uploads / query["uploadId"], ignore_errors=True)
        self.reply(204)

    def listed(self, bucket: str, query: dict[str, str]) -> None:
        after = max(query.get("start-after", ""), query.get("continuation-token", ""))
        names, more = self.server.names(bucket, query.get("prefix", ""), after)
        rows = "".join(
            f"<Contents><Key>{escape(quote(name, safe='/') if query.get('encoding-type') else name)}</Key>"
            f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>{size}</Size></Contents>"
            for name, size in names
        )
        token = f"<NextContinuationToken>{escape(names[-1][0])}</NextContinuationToken>" if more else ""
        text = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>"
        self.reply(200, text.encode())

    def reply(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        if self.silent:
            self.silent = False
            self.hang_up()
            return
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.server.passed(len(content))
        with contextlib.suppress(OSError):
            self.wfile.write(content[: len(content) // 2] if self.cut else content)
        if self.cut:
            self.cut = False
            self.hang_up()

    def hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        pass


class Store(ThreadingHTTPServer):
    """The server.

    Args:
        folder: what it holds; `many` is a bucket of `names` names that all lead to one picture, `picture`.
        port: where it listens; 0 for a free one.
        delay: seconds that each request takes longer.
        rate: bytes a second that pass in both directions together; 0 for as many as there are.
        faults: the share of requests that go wrong.
        names: as said.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        *,
        delay: float = 0.0,
        rate: float = 0.0,
        faults: float = 0.0,
        names: int = 0,
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder, self.delay, self._faults, self._names = folder, delay, faults, names
        self.uploads = folder / ".uploads"
        self.putting = threading.Lock()
        self._rate, self._passing, self._free = rate, threading.Lock(), 0.0
        self._random = random.Random(os.getpid())

    def passed(self, count: int) -> None:
        """Wait until so many bytes have passed behind those before them, on a line that all connections share."""
        if not self._rate:
            return
        with self._passing:
            self._free = max(self._free, time.monotonic()) + count / self._rate
            until = self._free
        time.sleep(max(0.0, until - time.monotonic()))

    def fault(self) -> str:
        if self._random.random() >= self._faults:
            return ""
        return self._random.choice(("busy", "broken", "hung up", "lost", "cut"))

    def path(self, bucket: str, name: str) -> Path | None:
        return self.folder / "picture" if bucket == "many" and name.startswith("in/") else self.folder / bucket / name

    def keep(self, path: Path, content: bytes) -> None:
        """Write an object, and a line that says so: two lines with different digests would be a fault."""
        _write(path, content)
        with (self.folder / "puts").open("a") as file:
            file.write(f"{hashlib.sha256(content).hexdigest()} {path.relative_to(self.folder)}\n")

    def names(self, bucket: str, prefix: str, after: str) -> tuple[list[tuple[str, int]], bool]:
        if bucket == "many" and prefix.startswith("in/"):
            first = int(after[3:11]) + 1 if after[3:11].isdigit() else 0
            last = min(first + _PAGE, self._names)
            return [(f"in/{number:08}.png", 1000) for number in range(first, last)], last < self._names
        root = self.folder / bucket
        found = sorted(
            path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.suffix != ".part"
        )
        found = [name for name in found if name.startswith(prefix) and name > after]
        return [(name, (root / name).stat().st_size) for name in found[:_PAGE]], len(found) > _PAGE

    def handle_error(self, *_: Any) -> None:
        pass


_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    temporary.write_bytes(content)
    temporary.replace(path)


def environment(port: int) -> dict[str, str]:
    """Return what lets upres find it."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
    }


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that each request takes longer")
    parser.add_argument("--rate", type=float, default=0.0, help="megabytes a second of all requests together")
    parser.add_argument("--faults", type=float, default=0.0, help="the share of requests that go wrong")
    parser.add_argument("--names", type=int, default=0, help="of the bucket many")
    given = parser.parse_args()
    store = Store(
        given.folder,
        given.port,
        delay=given.delay,
        rate=given.rate * 1e6,
        faults=given.faults,
        names=given.names,
    )
    print(store.server_port, flush=True)
    store.serve_forever(0.05)


if __name__ == "__main__":
    main()
