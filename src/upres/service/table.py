"""The table of routes: what is asked where, and which function answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from upres.service import about, job_routes, page, pictures

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Row:
    """One route.

    Attributes:
        method: how it is asked.
        path: where; what stands in braces differs.
        answer: the function.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    answer: Endpoint


ROUTES = (
    Row("POST", "/v1/upscale", pictures.upscale),
    Row("GET", "/v1/jobs/{job}", job_routes.state),
    Row("DELETE", "/v1/jobs/{job}", job_routes.remove),
    Row("GET", "/v1/jobs/{job}/result", job_routes.result),
    Row("GET", "/v1/jobs/{job}/events", job_routes.events),
    Row("GET", "/v1/events", job_routes.events),
    Row("GET", "/v1/models", about.models),
    Row("GET", "/v1/formats", about.formats),
    Row("GET", "/healthz", about.alive),
    Row("GET", "/readyz", about.ready),
    Row("GET", "/metrics", about.metrics),
    Row("GET", "/openapi.json", about.openapi),
    *(Row("GET", path, page.file) for path in page.FILES),
)
"""All routes. `docs/serving.md` and `/openapi.json` name the same ones; a test compares them."""
