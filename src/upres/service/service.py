"""The service's state, and the way of a picture through it: received, queued, awaited."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from upres.config.limits import MAX_STREAMS
from upres.service.dispatch import Dispatch
from upres.service.jobs import Jobs
from upres.service.metrics import Metrics
from upres.service.parameters import Asked, read_asked
from upres.service.problems import refused
from upres.service.process import Mailbox, WorkerProcess
from upres.service.settings import ServeSettings
from upres.service.spool import Spool
from upres.service.uploads import Upload, check_length, receive
from upres.service.work import State, Work


class Service:
    """One service; it serves once `attach` has been called in a loop.

    Args:
        settings: what whoever starts it decides.
        mailbox: where workers' messages come in.
        worker: the first one, which begins already.

    Raises:
        ConfigError: the folder of its files cannot be made.
    """

    def __init__(self, settings: ServeSettings, mailbox: Mailbox, worker: WorkerProcess) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.spool = Spool(settings.folder, settings.max_spool)
        self.dispatch = Dispatch(settings, self.spool, self.metrics, self._over, mailbox, worker)
        self.jobs = Jobs(self.dispatch, self.spool, settings.keep_seconds)
        self.stopping = asyncio.Event()
        self._uploads = itertools.count(1)
        self._receiving = 0
        self._streams = 0
        self._awaited: set[Work] = set()

    def attach(self) -> None:
        """Begin, in the loop that runs."""
        self.dispatch.attach()

    def stop(self) -> None:
        """Take no more work, and end what nobody will ask about: jobs and event streams."""
        self.stopping.set()
        self.jobs.cancel_all()

    def close(self) -> None:
        """End the workers, and leave no file."""
        self.dispatch.close()
        self.spool.close()

    @property
    def trouble(self) -> str:
        """Why it takes no work just now; empty when it does."""
        if self.stopping.is_set():
            return "the service is being stopped"
        if self.dispatch.refusal:
            return self.dispatch.refusal
        if not self.dispatch.ready:
            return "the model is being loaded"
        return "the queue is full" if self._waiting >= self.settings.max_queue else ""

    @property
    def _waiting(self) -> int:
        return self._receiving + self.dispatch.waiting

    async def posted(self, request: Request) -> tuple[Upload, Asked]:
        """Receive a picture and what is to be made of it. The query is read before the body is.

        Raises:
            ProblemError: it is not taken.
            ClientDisconnect: the client has gone.
        """
        length = check_length(request, self.settings.max_body)
        query = list(QueryParams(request.scope["query_string"]).multi_items())
        read_asked(query)
        self._check_place(length)
        path = self.spool.folder / f"in-{next(self._uploads)}"
        self._receiving += 1
        try:
            upload = await receive(
                request, path, self.spool, most=self.settings.max_body, silent=self.settings.silent_seconds
            )
        finally:
            self._receiving -= 1
        try:
            asked = read_asked([*query, *upload.fields])
            self._check_place(0)
        except BaseException:
            self.spool.remove(path)
            raise
        return upload, asked

    def begin(self, request: Request, upload: Upload, asked: Asked, *, seconds: int) -> Work:
        """Queue what was posted."""
        client = request.client.host if request.client else ""
        return self.dispatch.begin(upload.path, client, upload.name, asked, seconds)

    @contextlib.contextmanager
    def awaiting(self, work: Work) -> Iterator[None]:
        """Somebody waits for this work: when nobody does any more and it is no job, it is cancelled and forgotten."""
        self._awaited.add(work)
        try:
            yield
        finally:
            self._awaited.discard(work)
            if not self.jobs.has(work):
                self.dispatch.cancel(work)
                self.forget(work)

    def forget(self, work: Work) -> None:
        """Remove a result that nobody will ask for."""
        if work.result is not None:
            self.spool.remove(work.result)

    @contextlib.contextmanager
    def stream(self) -> Iterator[None]:
        """One event stream is open.

        Raises:
            ProblemError: as many are as may be.
        """
        if self._streams >= MAX_STREAMS:
            raise refused("queue-full", f"{MAX_STREAMS} event streams are open already", retry_after=30)
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    def gauges(self) -> Mapping[str, tuple[str, float]]:
        """Return the numbers of this moment: name → meaning and value."""
        return {
            "queue_length": ("Requests that wait.", self.dispatch.waiting),
            "receiving": ("Requests whose body arrives.", self._receiving),
            "running": ("Pictures that are worked on.", self.dispatch.running),
            "jobs": ("Jobs that are known.", len(self.jobs)),
            "worker_memory_bytes": ("Memory of the worker processes.", self.dispatch.memory),
            "spool_bytes": ("Bytes of files on disk.", self.spool.used),
            "ready": ("Whether it takes work.", float(not self.trouble)),
        }

    async def tables(self, name: str) -> Any:
        """Return what the worker says of models or formats.

        Raises:
            ProblemError: it does not say so in time.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                while name not in self.dispatch.tables:
                    await self.dispatch.changed.wait()
        if name not in self.dispatch.tables:
            raise refused("not-ready", self.trouble or "the model is being loaded", retry_after=5)
        return self.dispatch.tables[name]

    def _check_place(self, length: int) -> None:
        if self.stopping.is_set():
            raise refused("stopping", "the service is being stopped; send the request again", retry_after=5)
        if self.dispatch.refusal:
            raise refused("not-ready", self.dispatch.refusal, retry_after=60)
        if self._waiting >= self.settings.max_queue:
            raise refused(
                "queue-full",
                f"{self._waiting} requests wait already; try again later",
                retry_after=self.dispatch.retry_after(),
                limit=self.settings.max_queue,
            )
        if not self.jobs.make_room(length):
            raise refused("no-room", "the disk has no room for another picture; try again later", retry_after=30)

    def _over(self, work: Work) -> None:
        if not self.dispatch.closed:  # after that, all files go
            self.jobs.ended(work)
        if work.state is State.DONE:
            self._count(work)
            if work not in self._awaited and not self.jobs.has(work):
                self.forget(work)

    def _count(self, work: Work) -> None:
        assert work.facts is not None
        height, width = work.facts["output"]
        self.metrics.enlarged(
            waited=work.begun - work.created,
            worked=time.monotonic() - work.begun,
            megapixels=height * width * work.facts["pages"] / 1e6,
        )
