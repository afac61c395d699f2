"""A bounded queue between two threads on which a failure of either end reaches the other."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

from upres.errors import FailedError

Item = TypeVar("Item")

LONGEST_WAIT = 0.2
"""Seconds after which a thread that waits looks up: Ctrl-C that comes right before a wait begins does not end it, and
what another thread was given does not either."""


class StoppedError(Exception):
    """Nothing is taken from this queue any more."""


class BoundedQueue(Generic[Item]):
    """Carries items from one thread to another, at most `length` of them waiting."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._waiting: deque[Item] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None

    def put(self, item: Item) -> None:
        """Put an item on; wait while it is full.

        Raises:
            StoppedError: nobody takes any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < self._length or self._stopped)
            if self._stopped:
                raise StoppedError
            self._waiting.append(item)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Say that nothing follows, or why; the taker raises `error` at once, before what is waiting."""
        with self._changed:
            self._ended = True
            if not self._stopped:  # or what it was raised in, a decoder for one, would be kept by its traceback
                self._error = self._error or error
            self._changed.notify_all()

    def stop(self) -> None:
        """Say that nothing will be taken any more."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        """Yield the items until the end.

        Raises:
            BaseException: what `end` was given.
            StoppedError: a third thread has stopped it.
        """
        while True:
            with self._changed:
                while not self._changed.wait_for(lambda: self._waiting or self._ended or self._stopped, LONGEST_WAIT):
                    pass
                if self._error is not None:
                    raise self._error
                if self._stopped:
                    raise StoppedError
                if not self._waiting:
                    return
                item = self._waiting.popleft()
                self._changed.notify_all()
            yield item


class Prefetch(Generic[Item]):
    """Takes items from an iterable in a thread of its own, a few more than have been asked for.

    What the iterable raises is raised where the items are taken. `close`, or the end of a `with`, ends the thread.
    """

    def __init__(self, items: Iterable[Item], length: int) -> None:
        self._process = os.getpid()
        self._queue: BoundedQueue[Item] = BoundedQueue(length)
        self._thread = threading.Thread(target=self._run, args=(items,), name="upres-prefetch", daemon=True)
        self._thread.start()

    def _run(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                self._queue.put(item)
            self._queue.end()
        except BaseException as error:  # also that a queue farther up was stopped
            self._queue.end(error)
        finally:
            # Left to the garbage collector it may end in any thread, and wait there for threads of its own.
            if isinstance(items, Generator):
                items.close()

    def __iter__(self) -> Iterator[Item]:
        """Yield the items until the end.

        Raises:
            FailedError: this process was forked while the work was under way, and its thread stayed behind.
        """
        if self._process != os.getpid():
            raise FailedError("this work was begun before the process was forked; begin it in the process that ends it")
        return iter(self._queue)

    def __enter__(self) -> Prefetch[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more, and wait until the iterable has been left."""
        if self._process != os.getpid():
            return  # the thread is not in this process
        self._queue.stop()
        self._thread.join()
