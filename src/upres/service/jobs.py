"""Jobs: work that outlives its request, known by an address that nobody guesses, for a stated time."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Any

from upres.config.limits import MAX_JOBS
from upres.service.dispatch import Dispatch
from upres.service.problems import refused
from upres.service.spool import Spool
from upres.service.work import State, Work


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        name: the last part of its address.
        work: what is done.
    """

    name: str
    work: Work

    @property
    def address(self) -> str:
        """Where it is asked about."""
        return f"/v1/jobs/{self.name}"

    def members(self) -> dict[str, Any]:
        """Return what is told about it."""
        work = self.work
        done, total = work.tiles
        told: dict[str, Any] = {
            "id": self.name,
            "state": str(work.state),
            "progress": 1.0 if work.state is State.DONE else round(done / total, 4) if total else 0.0,
            "tiles": {"done": done, "total": total},
            "address": self.address,
            "events": f"{self.address}/events",
        }
        if work.facts is not None:
            told |= facts_members(work.facts)
        if work.state is State.DONE:
            told |= {"result": f"{self.address}/result", "bytes": work.done["bytes"], "seconds": work.done["seconds"]}
        if work.problem is not None:
            told["problem"] = work.problem.members()
        return told


def facts_members(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is told about a picture that the worker has opened."""
    (height, width), (made_height, made_width) = facts["input"], facts["output"]
    return {
        "input": {"width": width, "height": height, "format": facts["source_format"], "pages": facts["pages"]},
        "output": {"width": made_width, "height": made_height, "format": facts["format"]},
        "model": facts["model"],
        "scale": facts["scale"],
        "denoise": facts["denoise"],
        "detail": facts["detail"],
        "changes": facts["changes"],
    }


class Jobs:
    """The jobs that are known.

    Args:
        dispatch: where their work is done.
        spool: where their results lie.
        keep_seconds: for how long what has ended is known.
    """

    def __init__(self, dispatch: Dispatch, spool: Spool, keep_seconds: int) -> None:
        self._dispatch = dispatch
        self._spool = spool
        self._keep_seconds = keep_seconds
        self._jobs: dict[str, Job] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def check_place(self) -> None:
        """Forget the job that ended first where there are as many as may be.

        Raises:
            ProblemError: all of them are still to be done.
        """
        if len(self._jobs) >= MAX_JOBS and not self._forget_first():
            raise refused(
                "queue-full",
                f"{len(self._jobs)} jobs are to be done already; try again later",
                retry_after=self._dispatch.retry_after(),
                limit=MAX_JOBS,
            )

    def add(self, work: Work) -> Job:
        """Make a job of some work.

        Raises:
            ProblemError: as `check_place`.
        """
        self.check_place()
        job = Job(secrets.token_urlsafe(16), work)
        self._jobs[job.name] = job
        if work.over:
            self.ended(work)
        return job

    def get(self, name: str) -> Job:
        """Return a job.

        Raises:
            ProblemError: there is none of that name.
        """
        if name not in self._jobs:
            raise refused("not-found", f"no such job, or it ended more than {self._keep_seconds} s ago")
        return self._jobs[name]

    def remove(self, job: Job) -> None:
        """Cancel a job, or forget it and its result."""
        self._dispatch.cancel(job.work)
        if self._jobs.pop(job.name, None) is not None and job.work.result is not None:
            self._spool.remove(job.work.result)

    def has(self, work: Work) -> bool:
        """Return whether some work is that of a job."""
        return any(job.work is work for job in self._jobs.values())

    def ended(self, work: Work) -> None:
        """Begin to forget the job of which this was the work."""
        for job in self._jobs.values():
            if job.work is work:
                asyncio.get_running_loop().call_later(self._keep_seconds, self.remove, job)

    def make_room(self, wanted: int) -> bool:
        """Forget results, the one that ended first before the others, until so many bytes find room."""
        while not self._spool.has_room(wanted):
            if not self._forget_first():
                return False
        return True

    def cancel_all(self) -> None:
        """Cancel all that is to be done."""
        for job in self._jobs.values():
            self._dispatch.cancel(job.work)

    def _forget_first(self) -> bool:
        ended = [job for job in self._jobs.values() if job.work.over]
        if not ended:
            return False
        self.remove(min(ended, key=lambda job: job.work.ended))
        return True


def since(moment: float) -> float:
    """Return the seconds since a moment of the monotonic clock."""
    return time.monotonic() - moment
