"""Work waits here for the worker, is given to it, and is given again where a worker ended under it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from upres.service.messages import IN_HAND
from upres.service.metrics import Metrics
from upres.service.parameters import Asked
from upres.service.problems import Problem
from upres.service.process import Mailbox, WorkerProcess
from upres.service.queue import FairQueue
from upres.service.settings import ServeSettings
from upres.service.spool import Spool
from upres.service.work import State, Work

# A worker that was told to stop some work and does not within this time hangs in a decoder.
_HANGS_SECONDS = 20
# Workers that end one after the other before they are ready: something is wrong that another start does not mend.
_STARTS = 3
_RESTART_SECONDS = 1.0
# Seconds of work that are remembered, for saying when to come again.
_REMEMBERED = 50


class Dispatch:
    """Gives work to a worker process in turn, and replaces the worker when it crashes, hangs or grows.

    Args:
        settings: the service's.
        spool: where the files lie.
        metrics: what is counted.
        over: called with each work that has ended.
        mailbox: where workers' messages come in.
        worker: the first one, which begins already.

    Attributes:
        tables: what the worker reads, writes and knows, once it has said so.
        refusal: why no worker starts, once that is known.
        closed: whether the workers have been ended.
    """

    def __init__(
        self,
        settings: ServeSettings,
        spool: Spool,
        metrics: Metrics,
        over: Callable[[Work], None],
        mailbox: Mailbox,
        worker: WorkerProcess,
    ) -> None:
        self.tables: dict[str, Any] = {}
        self.refusal = ""
        self._settings = settings
        self._spool = spool
        self._metrics = metrics
        self._over = over
        self._loop: asyncio.AbstractEventLoop | None = None
        self._numbers = itertools.count(1)
        self._queue = FairQueue[Work]()
        self._mailbox = mailbox
        self._worker = worker
        self._running: dict[WorkerProcess, dict[int, Work]] = {worker: {}}
        self._timers: dict[Work, asyncio.TimerHandle] = {}
        self._stopped: set[Work] = set()  # cancelled or too slow; the worker has yet to say so
        self._failures = 0
        self.closed = False
        self._taken: deque[float] = deque(maxlen=_REMEMBERED)
        self.changed = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether a worker has its model loaded."""
        return self._worker.ready and not self.closed

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """How many are worked on."""
        return sum(len(works) for works in self._running.values())

    @property
    def memory(self) -> int:
        """Bytes of memory of the workers."""
        return sum(worker.memory for worker in self._running)

    def attach(self) -> None:
        """Begin to hear the workers, in the loop that runs; what they said before is heard now."""
        loop = self._loop = asyncio.get_running_loop()

        def ring() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(self._take_letters)

        self._mailbox.bell = ring
        self._take_letters()

    def begin(self, source: Path, client: str, name: str, asked: Asked, seconds: int) -> Work:
        """Put a picture that was posted into the queue."""
        work = Work(next(self._numbers), client, source, name, asked, seconds)
        self._queue.add(client, work)
        self._pump()
        return work

    def cancel(self, work: Work, problem: Problem | None = None) -> None:
        """Stop some work, within a tile; it counts as cancelled, or as failed where a problem is given."""
        if work.over:
            return
        if self._queue.remove(work.client, work):
            self._end(work, State.CANCELLED if problem is None else State.FAILED, problem)
            return
        if work in self._stopped:
            return
        self._stopped.add(work)
        work.problem = problem
        for worker, works in self._running.items():
            if work.number in works:
                worker.tell({"cancel": work.number})
                self._timer(work, _HANGS_SECONDS, worker.kill)

    def allow(self, work: Work, seconds: int) -> None:
        """Let some work take so long, from now on."""
        work.seconds = seconds
        if work.state is State.RUNNING and work not in self._stopped:
            self._limit(work)

    def retry_after(self) -> int:
        """Return the seconds after which there is likely a place in the queue."""
        each = sum(self._taken) / len(self._taken) if self._taken else 1.0
        return max(1, min(120, round(each * (1 + self.waiting / 4))))

    def close(self) -> None:
        """End the workers; what is left of the work counts as cancelled."""
        if self.closed:
            return
        self.closed = True
        for worker in self._running:
            worker.kill()
        for worker in self._running:
            worker.wait()  # before the files go that it reads
        stopping = Problem("stopping", "the service was stopped; send the request again", retry_after=5)
        for timer in self._timers.values():
            timer.cancel()
        while len(self._queue):
            self._end(self._queue.take(), State.FAILED, stopping)
        for works in self._running.values():
            for work in works.values():
                self._end(work, State.FAILED, stopping)
            works.clear()

    def _started(self) -> WorkerProcess:
        worker = WorkerProcess(self._settings.for_worker, self._mailbox)
        self._running[worker] = {}
        return worker

    def _take_letters(self) -> None:
        for worker, message in self._mailbox.take():
            self._hear(worker, message)

    def _hear(self, worker: WorkerProcess, message: dict[str, Any] | None) -> None:
        if message is None:
            self._ended(worker)
        elif "refused" in message:
            self.refusal = message["refused"]
        elif "ready" in message:
            self._failures = 0
        elif "tables" in message:
            self.tables = message["tables"]
        else:
            self._of_work(worker, message)
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()
        self._pump()

    def _of_work(self, worker: WorkerProcess, message: dict[str, Any]) -> None:
        works = self._running[worker]
        work = works.get(message["work"])
        if work is None:
            return
        if "opened" in message:
            work.facts = message["opened"]
        elif "tiles" in message:
            done, total = message["tiles"]
            work.tiles = (done, total)
        else:
            del works[work.number]
            self._finish(work, message)
            self._retire(worker)
            return
        work.tell()

    def _finish(self, work: Work, message: dict[str, Any]) -> None:
        stopped = work in self._stopped
        if "done" in message:
            path = Path(message["done"].pop("path"))
            if stopped:
                path.unlink(missing_ok=True)
            else:
                work.result, work.done = path, message["done"]
                self._spool.count(path, work.done["bytes"])
                self._taken.append(work.done["seconds"])
                self._end(work, State.DONE)
                return
        if stopped:
            self._end(work, State.FAILED if work.problem is not None else State.CANCELLED, work.problem)
            return
        self._end(work, State.FAILED, Problem(**message["problem"]))

    def _end(self, work: Work, state: State, problem: Problem | None = None) -> None:
        timer = self._timers.pop(work, None)
        if timer is not None:
            timer.cancel()
        self._stopped.discard(work)
        self._spool.remove(work.source)
        work.end(state, problem)
        self._over(work)

    def _retire(self, worker: WorkerProcess) -> None:
        """Replace a worker that has grown; it ends when it has done what it has in hand."""
        if worker is self._worker and worker.memory > self._settings.renewed_at:
            self._metrics.restarted("memory")
            self._worker = self._started()
        if worker is not self._worker and not self._running[worker]:
            worker.leave()

    def _ended(self, worker: WorkerProcess) -> None:
        if self.closed:
            return
        works = self._running.pop(worker)
        self._spool.clear_unfinished(works)
        if worker is self._worker:
            self._failures = 0 if worker.ready else self._failures + 1
            if self._failures:
                self._metrics.restarted("start")
            else:
                self._metrics.restarted("crash")
            if self.refusal or self._failures >= _STARTS:
                self.refusal = self.refusal or "no worker process starts; see the service's log"
                self._refuse_all()
            elif self._failures:
                assert self._loop is not None
                self._loop.call_later(_RESTART_SECONDS, self._restart)
            else:
                self._worker = self._started()
        hung = any(work in self._stopped for work in works.values())  # and was ended by us: nobody else's fault
        alone = len(works) == 1
        for work in reversed(works.values()):
            work.crashes += not hung
            if work in self._stopped:
                self._end(work, State.FAILED if work.problem is not None else State.CANCELLED, work.problem)
            elif work.crashes > 1 or (work.crashes and alone and work.facts is not None):
                self._end(work, State.FAILED, _crashed(worker))
            else:  # which of them it was, or none, is found by doing one at a time
                work.state, work.facts, work.tiles = State.QUEUED, None, (0, 0)
                self._queue.add(work.client, work, first=True)

    def _restart(self) -> None:
        if not self.closed:
            self._worker = self._started()

    def _refuse_all(self) -> None:
        while len(self._queue):
            self._end(self._queue.take(), State.FAILED, Problem("not-ready", self.refusal, retry_after=60))

    def _pump(self) -> None:
        """Give the worker what it can take."""
        while len(self._queue) and self.ready:
            works = self._running.get(self._worker)
            if works is None or len(works) >= IN_HAND:
                return
            suspect = self._queue.peek().crashes > 0 or any(work.crashes for work in works.values())
            if suspect and works:
                return
            work = self._queue.take()
            works[work.number] = work
            work.state, work.begun = State.RUNNING, time.monotonic()
            self._worker.tell(
                {
                    "do": work.number,
                    "source": str(work.source),
                    "target": str(self._spool.target(work.number)),
                    "asked": work.asked.members(),
                }
            )
            self._limit(work)
            work.tell()

    def _limit(self, work: Work) -> None:
        said = f"the picture: not done within {work.seconds} s; make it smaller, or ask for a smaller scale"
        slow = Problem("too-slow", said, {"limit": work.seconds})
        self._timer(work, work.seconds, lambda: self.cancel(work, slow))

    def _timer(self, work: Work, seconds: float, do: Callable[[], object]) -> None:
        before = self._timers.pop(work, None)
        if before is not None:
            before.cancel()
        assert self._loop is not None
        self._timers[work] = self._loop.call_later(seconds, do)


def _crashed(worker: WorkerProcess) -> Problem:
    code = worker.code or 0
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    return Problem(
        "crashed", f"the picture: the process that worked on it ended {how}; try again, and report it when it recurs"
    )
