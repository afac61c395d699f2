"""What is asked about jobs: their state, their events, their results; and cancelling them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from upres.service.answers import EventsAnswer, PictureAnswer, picture_headers
from upres.service.guard import FACTS
from upres.service.pictures import log_facts
from upres.service.problems import ProblemError, refused
from upres.service.service import Service
from upres.service.work import State

_MOST_JOBS = 100


async def state(request: Request) -> Response:
    """Tell how far a job is."""
    service: Service = request.app.state.service
    job = service.jobs.get(request.path_params["job"])
    return JSONResponse(job.members(), headers={} if job.work.over else {"retry-after": "1"})


async def result(request: Request) -> Response:
    """Send a job's picture."""
    service: Service = request.app.state.service
    job = service.jobs.get(request.path_params["job"])
    work = job.work
    if work.problem is not None:
        raise ProblemError(work.problem)
    if work.state is not State.DONE:
        raise refused("not-ready-yet", f"the job is {work.state}; ask {job.address} how far it is", retry_after=1)
    assert work.result is not None and work.facts is not None
    request.scope[FACTS].update(log_facts(work))
    headers = picture_headers(work.facts, work.done, work.name)
    return PictureAnswer(work.result, headers, service.settings.silent_seconds)


async def remove(request: Request) -> Response:
    """Cancel a job, or forget one that has ended."""
    service: Service = request.app.state.service
    service.jobs.remove(service.jobs.get(request.path_params["job"]))
    return Response(status_code=204)


async def events(request: Request) -> Response:
    """Tell what becomes of one job, or of all that the query names."""
    service: Service = request.app.state.service
    named = [request.path_params["job"]] if request.path_params else request.query_params.getlist("job")
    if not 1 <= len(named) <= _MOST_JOBS:
        raise refused("bad-request", f"name from 1 to {_MOST_JOBS} jobs, as job=ID&job=ID")
    jobs = [service.jobs.get(name) for name in dict.fromkeys(named)]
    return _Counted(service, EventsAnswer(jobs, service.stopping, service.settings.silent_seconds))


class _Counted(Response):
    """Counts an event stream while it is open."""

    def __init__(self, service: Service, answer: EventsAnswer) -> None:
        super().__init__()
        self._service = service
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._service.stream():
            await self._answer(scope, receive, send)
