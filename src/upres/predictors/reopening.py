"""A predictor that can go where its runtime cannot: into forked and spawned processes."""

from __future__ import annotations

import functools
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.predictors.base import Predictor

# What is open in this process. In one that is forked off it, a session's threads are missing, and whoever takes the
# session down waits for them: Python does when it ends. So there each is given a reference that nobody gives back.
_OPEN: weakref.WeakSet[Predictor] = weakref.WeakSet()


@functools.cache
def _watch_forks() -> None:
    if sys.platform != "win32":  # where nothing forks
        os.register_at_fork(after_in_child=_keep_for_ever)


def _keep_for_ever() -> None:
    import ctypes

    for predictor in _OPEN:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(predictor))
    _OPEN.clear()


class ReopeningPredictor(Predictor):
    """Opens its model again in every process that it comes to; in one process, once.

    Args:
        opens: opens the model. It travels when this is pickled, so it is a function of a module with its arguments.

    Raises:
        UpresError: what `opens` raises, here or at the first prediction in another process.
    """

    def __init__(self, opens: Callable[[], Predictor]) -> None:
        self._opens = opens
        self._opening = threading.Lock()
        self._open()
        self.facts = self._opened.facts
        self.how = self._opened.how

    def __reduce__(self) -> tuple[Any, ...]:
        return ReopeningPredictor, (self._opens,), {"how": self.how}

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`."""
        if self._process != os.getpid():
            self._open_here()
        return self._opened.predict(lr)

    def _open_here(self) -> None:
        with self._opening:
            if self._process == os.getpid():
                return  # another thread was faster
            self._open()

    def _open(self) -> None:
        _watch_forks()
        self._opened = self._opens()
        self._process = os.getpid()
        _OPEN.add(self._opened)
