"""Predictions that leave a core to what else their process does meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_THREAD = threading.local()


@contextmanager
def leaving_a_core() -> Iterator[None]:
    """Let predictions that this thread asks for use one thread less than there are cores, where they can.

    A runtime whose threads wait for each other at every layer loses more than that core when another thread has it:
    PyTorch with two threads on two cores, one of them busy, takes two to five times as long as with one thread.
    """
    _THREAD.most = max(1, (os.cpu_count() or 1) - 1)
    try:
        yield
    finally:
        _THREAD.most = None


def most_threads() -> int | None:
    """Return how many threads a prediction may use that this thread asks for; `None` for as many as it likes."""
    found: int | None = getattr(_THREAD, "most", None)
    return found
