"""Answers: problems, pictures that stream from their file, and events."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from upres.service.jobs import Job
from upres.service.problems import Problem

_PIECE_BYTES = 256_000
# A comment in a stream so often keeps proxies from closing it.
_COMMENT_SECONDS = 15
_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WebP": "image/webp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "JPEG XL": "image/jxl",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "PPM": "image/x-portable-pixmap",
}
_PROBLEM_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><link rel="stylesheet" href="/house.css"><link rel="stylesheet" href="/viewer.css">
<main><h1>{title}</h1><p role="alert">{detail}</p><p><a href="/">Back</a></p></main></html>
"""


def problem_answer(problem: Problem, headers: Mapping[str, str]) -> Response:
    """Return a problem as JSON, or as a page for a browser whose page has sent a form."""
    more: dict[str, str] = {}
    if problem.retry_after is not None:
        more["retry-after"] = str(problem.retry_after)
    if problem.kind == "unauthorised":
        more["www-authenticate"] = 'Basic realm="upres", charset="UTF-8", Bearer realm="upres"'
    if headers.get("accept", "").startswith("text/html"):
        page = _PROBLEM_PAGE.format(title=html.escape(problem.title), detail=html.escape(problem.detail))
        return Response(page, problem.status, more, "text/html")
    content = json.dumps(problem.members(), ensure_ascii=False)
    return Response(content, problem.status, more, "application/problem+json")


def picture_headers(facts: Mapping[str, Any], done: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return what the head of an answer says about a picture."""
    (height, width), (made_height, made_width) = facts["input"], facts["output"]
    stem = f"{name or 'picture'}_x{facts['scale']:.3g}"
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", stem)
    said = {
        "content-type": _TYPES[facts["format"]],
        "content-disposition": f'attachment; filename="{plain}{facts["suffix"]}"; '
        f"filename*=UTF-8''{quote(stem + facts['suffix'])}",
        "upres-model": facts["model"],
        "upres-scale": f"{facts['scale']:.6g}",
        "upres-denoise": f"{facts['denoise']:g}",
        "upres-detail": f"{facts['detail']:g}",
        "upres-input": f"{width}x{height}",
        "upres-output": f"{made_width}x{made_height}",
        "upres-seconds": f"{done['seconds']:.3f}",
    }
    if done["warnings"]:
        said["upres-warning"] = quote("; ".join(done["warnings"]), safe=" ();:,.'")
    return said


class PictureAnswer(Response):
    """A file, sent as the client takes it; one that takes nothing for long is left. It is opened at once.

    Args:
        path: the file.
        headers: what is said about it.
        silent: seconds in which a piece is taken.
    """

    def __init__(self, path: Path, headers: Mapping[str, str], silent: float) -> None:
        self._silent = silent
        self._file = path.open("rb")
        super().__init__(headers={**headers, "content-length": str(os.fstat(self._file.fileno()).st_size)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._file as file:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            left = int(self.headers["content-length"])
            while left:
                small = left < _PIECE_BYTES
                piece = file.read() if small else await asyncio.to_thread(file.read, _PIECE_BYTES)
                left -= len(piece)
                async with asyncio.timeout(self._silent):
                    await send({"type": "http.response.body", "body": piece, "more_body": left > 0})


class EventsAnswer(Response):
    """What becomes of jobs, as server-sent events: the state of each at once, then each change, until all are over.

    Args:
        jobs: the jobs.
        stopping: set when the service is being stopped.
        silent: seconds in which an event is taken.
    """

    media_type = "text/event-stream"

    def __init__(self, jobs: Sequence[Job], stopping: asyncio.Event, silent: float) -> None:
        self._silent = silent
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._jobs = jobs
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until all jobs are over, the client has gone, or the service stops."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.ensure_future(disconnected(receive))
        stopping = asyncio.ensure_future(self._stopping.wait())
        last: dict[str, str] = {}
        try:
            while True:
                changes = [asyncio.ensure_future(job.work.change()) for job in self._jobs if not job.work.over]
                try:
                    news = [(job, json.dumps(job.members())) for job in self._jobs]
                    text = "".join(_event(job, said) for job, said in news if last.get(job.name) != said)
                    last = {job.name: said for job, said in news}
                    async with asyncio.timeout(self._silent):
                        await send(
                            {"type": "http.response.body", "body": text.encode() or b": \n\n", "more_body": True}
                        )
                    if not changes or gone.done() or stopping.done():
                        break
                    await asyncio.wait(
                        [gone, stopping, *changes], timeout=_COMMENT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    for change in changes:
                        change.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            stopping.cancel()


def _event(job: Job, said: str) -> str:
    return f"event: {job.work.state}\ndata: {said}\n\n"


async def disconnected(receive: Receive) -> None:
    """Wait until the client has gone; what else it sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
