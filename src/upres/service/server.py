"""The server process: it listens, hears signals, watches connections, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import uvicorn

from upres.config.limits import MAX_CONNECTIONS
from upres.errors import ConfigError
from upres.service.app import make_app
from upres.service.guard import Log
from upres.service.service import Service
from upres.service.settings import ServeSettings

_BACKLOG = 512
# Between the end of the grace time, at which what still runs is answered with 503, and the end of all connections.
_LAST_SECONDS = 3
_WATCHED_SECONDS = 1.0
_SOON_SECONDS = 1


def listen(settings: ServeSettings) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigError: the address is not this machine's, or the port is taken.
    """
    where = f"{settings.host}:{settings.port}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(f"cannot listen ({error.strerror})", where=where, settings=("host", "port")) from error


def address(bound: socket.socket) -> str:
    """Return the address of a socket as a browser takes it."""
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def run(service: Service, bound: socket.socket, log: Log) -> int:
    """Serve until a signal comes; return its number. The socket and the service are closed.

    SIGTERM lets requests end in the time that the settings give; Ctrl-C, or a second signal, does not.
    """
    for name in ("uvicorn", "uvicorn.error", "python_multipart"):  # what strangers send is no line on the terminal
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        return asyncio.run(_Serving(service, bound, log).run())
    finally:
        service.close()


class _Server(uvicorn.Server):
    """uvicorn's, which leaves signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Serving:
    """One run of the server."""

    def __init__(self, service: Service, bound: socket.socket, log: Log) -> None:
        self._service = service
        self._bound = bound
        self._log = log
        self._signal = 0
        settings = service.settings
        self._server = _Server(
            uvicorn.Config(
                make_app(service, log),
                http="h11",
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.proxies),
                forwarded_allow_ips=list(settings.proxies),
                limit_concurrency=MAX_CONNECTIONS,
                timeout_keep_alive=settings.header_seconds,
                timeout_graceful_shutdown=settings.grace_seconds + _LAST_SECONDS,
                backlog=_BACKLOG,
            )
        )

    async def run(self) -> int:
        """Serve until a signal comes."""
        loop = asyncio.get_running_loop()
        before = {}

        def hear(number: int, _: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._stop, number)

        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                before[number] = signal.signal(number, hear)
        self._service.attach()
        watching = asyncio.ensure_future(self._watch())
        try:
            self._log({"event": "listening", "address": address(self._bound)})
            await self._server.serve(sockets=[self._bound])
        finally:
            watching.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)
        self._log({"event": "stopped", "signal": signal.Signals(self._signal).name if self._signal else ""})
        return self._signal

    def _stop(self, number: int) -> None:
        again = bool(self._signal)
        self._signal = self._signal or number
        settings = self._service.settings
        at_once = again or number == signal.SIGINT
        if at_once:
            self._server.config.timeout_graceful_shutdown = _SOON_SECONDS
        self._log({"event": "stopping", "signal": signal.Signals(number).name})
        self._service.stop()
        if at_once:
            self._service.dispatch.close()
        else:
            asyncio.get_running_loop().call_later(settings.grace_seconds, self._service.dispatch.close)
        self._server.should_exit = True

    async def _watch(self) -> None:
        """Close connections on which no request arrives: uvicorn waits for heads, and for bodies nobody reads."""
        limit = self._service.settings.header_seconds
        since: dict[Any, tuple[object, bool, float]] = {}
        while True:
            await asyncio.sleep(_WATCHED_SECONDS)
            now, seen = time.monotonic(), since
            since = {}
            for connection in list(self._server.server_state.connections):
                cycle = getattr(connection, "cycle", None)
                idle = cycle is None or cycle.response_complete
                before = seen.get(connection)
                same = before is not None and before[0] is cycle and before[1] == idle
                since[connection] = (cycle, idle, before[2] if same and before is not None else now)
                if idle and now - since[connection][2] > limit and connection.transport is not None:
                    connection.transport.close()
