"""`POST /v1/upscale`: a picture in, a larger picture out, or a job."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from upres.config.limits import MAX_AWAITED_PIXELS
from upres.service.answers import PictureAnswer, disconnected, picture_headers
from upres.service.guard import FACTS
from upres.service.problems import ProblemError
from upres.service.service import Service
from upres.service.work import State, Work


class Preferences:
    """What a `Prefer` header says (RFC 7240).

    Args:
        header: its value.

    Attributes:
        respond_async: whether the answer may be a job's address.
        wait: seconds for which the client waits for the picture before that.
    """

    def __init__(self, header: str) -> None:
        words = [word.strip().lower() for word in re.split("[,;]", header)]
        self.respond_async = "respond-async" in words
        waits = [word.removeprefix("wait=") for word in words if re.fullmatch(r"wait=\d{1,6}", word)]
        self.wait = int(waits[0]) if waits else 0


async def upscale(request: Request) -> Response:
    """Enlarge the picture of a request."""
    service: Service = request.app.state.service
    prefer = Preferences(request.headers.get("prefer", ""))
    try:
        upload, asked = await service.posted(request)
    except ClientDisconnect:
        return Response(status_code=499)  # told to nobody
    if prefer.respond_async:
        try:
            service.jobs.check_place()
        except ProblemError:
            service.spool.remove(upload.path)
            raise
    settings = service.settings
    seconds = settings.max_job_seconds if prefer.respond_async else settings.max_seconds
    work = service.begin(request, upload, asked, seconds=seconds)
    if prefer.respond_async and not prefer.wait:
        return job_answer(service, work, request)
    with service.awaiting(work):
        gone = asyncio.ensure_future(disconnected(request.receive))
        try:
            if prefer.respond_async:
                await _first(gone, work.settled(), seconds=prefer.wait)
            else:
                await _first(gone, work.settled(opened=True))
                if work.facts is not None and _pixels(work.facts) <= MAX_AWAITED_PIXELS:
                    await _first(gone, work.settled())
            if gone.done():
                return Response(status_code=499)
        finally:
            gone.cancel()
        if not work.over:
            service.dispatch.allow(work, settings.max_job_seconds)
            return job_answer(service, work, request)
        return picture_answer(service, work, request)


def picture_answer(service: Service, work: Work, request: Request) -> Response:
    """Return the result of some work that is over, and forget it once it was sent.

    Raises:
        ProblemError: there is none.
    """
    facts = request.scope[FACTS]
    facts |= log_facts(work)
    if work.problem is not None:
        raise ProblemError(work.problem)
    assert work.state is State.DONE and work.result is not None and work.facts is not None
    waited, worked = work.begun - work.created, work.ended - work.begun
    headers = picture_headers(work.facts, work.done, work.name)
    headers["server-timing"] = f"queue;dur={1000 * waited:.1f}, work;dur={1000 * worked:.1f}"
    answer = PictureAnswer(work.result, headers, service.settings.silent_seconds)
    service.spool.remove(work.result)  # it stays readable while the answer holds it open
    work.result = None
    return answer


def job_answer(service: Service, work: Work, request: Request) -> Response:
    """Return the address of a job that is made of some work."""
    try:
        job = service.jobs.add(work)
    except ProblemError:
        service.dispatch.cancel(work)
        raise
    request.scope[FACTS]["job"] = job.name
    headers = {"location": job.address, "retry-after": "1"}
    if "respond-async" in request.headers.get("prefer", "").lower():
        headers["preference-applied"] = "respond-async"
    return JSONResponse(job.members(), 202, headers)


def log_facts(work: Work) -> dict[str, Any]:
    """Return what the log says of some work: numbers and names of models, nothing of the picture."""
    if work.facts is None:
        return {}
    told = work.facts
    return {
        "model": told["model"],
        "scale": told["scale"],
        "input": f"{told['input'][1]}x{told['input'][0]}",
        "output": f"{told['output'][1]}x{told['output'][0]}",
        "queue_ms": round(1000 * (work.begun - work.created), 1),
        "work_ms": round(1000 * ((work.ended or time.monotonic()) - work.begun), 1),
    }


def _pixels(facts: Mapping[str, Any]) -> int:
    height, width = facts["output"]
    return int(height * width * facts["pages"])


async def _first(gone: asyncio.Future[None], wanted: Awaitable[None], *, seconds: float | None = None) -> None:
    """Wait for what is wanted, until the client has gone or the time is over."""
    waiting = asyncio.ensure_future(wanted)
    try:
        await asyncio.wait([gone, waiting], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
