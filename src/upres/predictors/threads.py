"""Predictions that are asked for by several threads at once, each with one thread of its own."""

from __future__ import annotations

import threading

_THREAD = threading.local()


def predict_on_one_thread() -> None:
    """Let predictions that this thread asks for from now on use one thread, where they can.

    A runtime whose threads wait for each other at every layer loses more than a core when another thread has it:
    PyTorch with two threads on two cores, one of them busy, takes two to five times as long as with one thread.
    """
    _THREAD.most = 1


def most_threads() -> int | None:
    """Return how many threads a prediction may use that this thread asks for; `None` for as many as it likes."""
    found: int | None = getattr(_THREAD, "most", None)
    return found
