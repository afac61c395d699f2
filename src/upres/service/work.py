"""A picture that is to be enlarged, as the server knows it: from its posting to its result."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from upres.service.parameters import Asked
from upres.service.problems import Problem


class State(enum.StrEnum):
    """How far it is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (State.DONE, State.FAILED, State.CANCELLED)
"""After these nothing changes any more."""


class Work:
    """One picture to be enlarged.

    Args:
        number: counted from 1 by whoever makes them.
        client: who asked.
        source: the file that was posted.
        name: what the file was called, without folders and suffix; empty when nobody said.
        asked: how it is to be enlarged.
        seconds: for how long it may be worked on.

    Attributes:
        state: how far it is.
        tiles: how many are done, and how many there are.
        facts: what the worker said when it had opened the picture, or `None`.
        result: the file that was made.
        done: what the worker said at the end, or nothing.
        problem: why there is no result.
        crashes: how often a worker ended while it worked on this.
        created, begun, ended: by the monotonic clock, in seconds; 0 for what has not happened.
    """

    def __init__(self, number: int, client: str, source: Path, name: str, asked: Asked, seconds: int) -> None:
        self.number = number
        self.client = client
        self.source = source
        self.name = name
        self.asked = asked
        self.seconds = seconds
        self.state = State.QUEUED
        self.tiles = (0, 0)
        self.facts: dict[str, Any] | None = None
        self.result: Path | None = None
        self.done: dict[str, Any] = {}
        self.problem: Problem | None = None
        self.crashes = 0
        self.created = time.monotonic()
        self.begun = self.ended = 0.0
        self._changed = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether nothing changes any more."""
        return self.state in ENDED

    def tell(self) -> None:
        """Wake whoever waits for a change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def change(self) -> Coroutine[Any, Any, object]:
        """Return what waits for the next change from now on, also when it is awaited only after that."""
        return self._changed.wait()

    async def settled(self, *, opened: bool = False) -> None:
        """Wait until it is over, or only until its picture has been opened."""
        while not (self.over or (opened and self.facts is not None)):
            await self.change()

    def end(self, state: State, problem: Problem | None = None) -> None:
        """Note that it is over."""
        self.state, self.problem = state, problem
        self.ended = time.monotonic()
        self.tell()
