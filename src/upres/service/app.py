"""The ASGI app: the routes, with the guard around them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from upres.service.answers import problem_answer
from upres.service.guard import FACTS, Guard, Log
from upres.service.problems import Problem, ProblemError
from upres.service.service import Service
from upres.service.table import ROUTES

_KINDS = {404: "not-found", 405: "method-not-allowed"}


def make_app(service: Service, log: Log) -> ASGIApp:
    """Return the app of a service; `service.attach` is to be called in the loop that runs it."""
    methods: dict[str, dict[str, Route]] = {}
    for row in ROUTES:
        methods.setdefault(row.path, {})[row.method] = Route(row.path, row.answer, methods=[row.method])
    app = Starlette(
        routes=[route for by_method in methods.values() for route in by_method.values()],
        exception_handlers={ProblemError: _problem, HTTPException: _refused, Exception: _bug},
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return Guard(app, service.settings, service.metrics, log)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    request.scope[FACTS]["problem"] = error.problem.kind
    return problem_answer(error.problem, request.headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _KINDS.get(error.status_code, "bad-request")
    request.scope[FACTS]["problem"] = kind
    said = {"not-found": "there is nothing here; /openapi.json tells what there is"}
    problem = Problem(kind, said.get(kind, f"{request.method} is not what this address takes"))
    answer = problem_answer(problem, request.headers)
    answer.headers.update(error.headers or {})
    return answer


async def _bug(request: Request, error: Exception) -> Response:
    problem = Problem("failed", f"a bug in upres: {type(error).__name__}; please report it")
    return problem_answer(problem, request.headers)
