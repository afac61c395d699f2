"""A worker process as the server sees it: started, told, heard, ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from upres.service.messages import WorkerSettings, line, read

# NumPy's threads wait for each other by spinning: with all cores at work, that cost 40 ms of a small picture. glibc
# gives memory back at each turn and takes it again, page by page: 25 of 95 ms besides predicting; the worker gives it
# back when it is idle. Whoever starts the service may say otherwise.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "67108864",
}

Letter = tuple["WorkerProcess", dict[str, Any] | None]
"""A worker and what it said; `None` when it has ended."""


class Mailbox:
    """What workers say, until somebody reads it. Threads put letters in.

    Attributes:
        bell: called, in a worker's thread, after each letter; nothing as yet.
    """

    def __init__(self) -> None:
        self.bell: Callable[[], object] | None = None
        self._letters = SimpleQueue[Letter]()

    def put(self, letter: Letter) -> None:
        """Put a letter in, and ring."""
        self._letters.put(letter)
        if self.bell is not None:
            self.bell()

    def take(self) -> Iterator[Letter]:
        """Take what is in, the oldest first."""
        while not self._letters.empty():
            yield self._letters.get()


class WorkerProcess:
    """One worker process. It begins to load its model at once.

    Args:
        settings: what it is told first.
        mailbox: where its messages go.

    Attributes:
        memory: bytes of memory that it had when it last said so.
        ready: whether its model is loaded.
        code: its exit code, once it has ended.
    """

    def __init__(self, settings: WorkerSettings, mailbox: Mailbox) -> None:
        self.memory = 0
        self.ready = False
        self.code: int | None = None
        # -P: what lies in the folder in which the service is started is not imported.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "upres.service.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**_ENVIRONMENT, **os.environ},
        )
        self._mailbox = mailbox
        self.tell(settings)
        threading.Thread(target=self._hear, name="upres-hear", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def tell(self, message: object) -> None:
        """Send a message; a worker that has ended does not hear it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line(message))
            self._process.stdin.flush()

    def leave(self) -> None:
        """Let it end: whatever it does is dropped."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.wait()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for text in self._process.stdout:
                message = read(text)
                self.memory = message.get("memory", self.memory)
                self.ready = self.ready or "ready" in message
                self._mailbox.put((self, message))
        self._process.stdout.close()
        self.leave()
        self.code = self._process.wait()
        self._mailbox.put((self, None))
