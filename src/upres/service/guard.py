"""What every request meets first and every answer passes last: names, origins, the token, headers, the log.

It speaks ASGI itself: starlette's base class for middleware hides from a handler that its client has gone.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upres import __version__
from upres.service.answers import problem_answer
from upres.service.metrics import Metrics
from upres.service.problems import ProblemError, refused
from upres.service.settings import ServeSettings

Log = Callable[[Mapping[str, Any]], None]
"""Called with what is known about a request once it has been answered."""

FACTS = "upres.facts"
"""Where in a request's scope handlers put what the log should know."""

_HEALTH = ("/healthz", "/readyz")
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With no-referrer browsers would send `Origin: null` with a form of our own page.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "upres-version": __version__,
}
_EXPOSED = "content-disposition, location, retry-after, server-timing"


class Guard:
    """Stands around the app.

    Args:
        app: what answers.
        settings: whom it answers.
        metrics: what is counted.
        log: what is told about each request.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics, log: Log) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        facts: dict[str, Any] = {}
        scope[FACTS] = facts
        status, size = 0, 0
        origin = headers.get("origin", "")
        allowed = origin in self._settings.origins

        async def passed(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
                answer.setdefault("cache-control", "no-store")
                if allowed:
                    answer["access-control-allow-origin"] = origin
                    answer["access-control-expose-headers"] = _EXPOSED
                    answer.add_vary_header("Origin")
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        try:
            if allowed and scope["method"] == "OPTIONS":
                await _preflight()(scope, receive, passed)
            else:
                self._check(scope, headers, allowed=allowed)
                await self._app(scope, receive, passed)
        except ProblemError as error:
            facts["problem"] = error.problem.kind
            await problem_answer(error.problem, headers)(scope, receive, passed)
        except Exception as error:  # the app has answered it already
            traceback.print_exception(error)
            facts["problem"] = "failed"
        finally:
            self._note(scope, status, size, time.perf_counter() - began)

    def _check(self, scope: Scope, headers: Headers, *, allowed: bool) -> None:
        """Refuse whom the service does not answer.

        Raises:
            ProblemError: it was called by another name, from another host's page, or without the token.
        """
        if scope["path"] in _HEALTH:
            return
        host = headers.get("host", "")
        if not self._known(host):
            raise refused("foreign-host", "this service is not called so; call it by its address, or allow the name")
        origin = headers.get("origin")
        if origin is not None and not allowed and urlsplit(origin).netloc.lower() != host.lower():
            raise refused("foreign-origin", "pages of other hosts may not call this service; allow their origin")
        token = self._settings.token
        if token is not None and not hmac.compare_digest(_token(headers), token.encode()):
            raise refused("unauthorised", "the token is missing or wrong; send Authorization: Bearer TOKEN")

    def _known(self, host: str) -> bool:
        """Return whether a Host header names this service: pages reach local servers by names of their own."""
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".") if host else ""
        if name in self._settings.hosts:
            return True
        if not self._settings.loopback:
            return not self._settings.hosts
        if name == "localhost":
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def _note(self, scope: Scope, status: int, size: int, seconds: float) -> None:
        facts = scope[FACTS]
        route = route_of(scope, status)
        self._metrics.request(scope["method"] if route != "other" else "other", route, status)
        if "problem" in facts:
            self._metrics.refusal(facts["problem"])
        client = scope.get("client")
        self._log(
            {
                "method": scope["method"],
                "route": route,
                "status": status,
                "ms": round(1000 * seconds, 1),
                "bytes": size,
                "client": client[0] if client else None,
                **facts,
            }
        )


def route_of(scope: Scope, status: int) -> str:
    """Return a request's path with names in the place of what differs; nothing that a stranger chose."""
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(str(value), f"{{{name}}}")
    return path if "endpoint" in scope else "other"


def _token(headers: Headers) -> bytes:
    """Return the token that a request brings: as a bearer, or as the password that a browser asks for."""
    way, _, value = headers.get("authorization", "").partition(" ")
    if way.lower() == "bearer":
        return value.strip().encode()
    if way.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""


def _preflight() -> Response:
    return Response(
        status_code=204,
        headers={
            "access-control-allow-methods": "GET, POST, DELETE",
            "access-control-allow-headers": "authorization, content-type, prefer",
            "access-control-max-age": "600",
        },
    )
