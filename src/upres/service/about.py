"""What the service tells of itself: models, formats, health, numbers, and its description."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from upres.service.openapi import description
from upres.service.problems import refused
from upres.service.service import Service


async def models(request: Request) -> Response:
    """Tell which models there are."""
    service: Service = request.app.state.service
    return JSONResponse({"default": service.settings.model, "models": await service.tables("models")})


async def formats(request: Request) -> Response:
    """Tell which formats are read and written."""
    service: Service = request.app.state.service
    return JSONResponse({"formats": await service.tables("formats")})


async def alive(request: Request) -> Response:
    """Say that the process is there."""
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """Say whether it takes work."""
    service: Service = request.app.state.service
    if service.trouble:
        raise refused("not-ready", service.trouble, retry_after=1)
    return PlainTextResponse("ready\n")


async def metrics(request: Request) -> Response:
    """Tell what was counted, as Prometheus reads it."""
    service: Service = request.app.state.service
    return PlainTextResponse(
        service.metrics.text(service.gauges()), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


async def openapi(request: Request) -> Response:
    """Describe all of this."""
    return JSONResponse(description())
