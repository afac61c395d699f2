"""Predictions of several pictures side by side.

Two predictions of half the threads each, at the same time, take less than one after the other with all of them: on two
cores a picture of 256² took 158 ms of processor time with one thread and 200 ms with two, the rest of which they wait
for each other.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from upres.predictors import Predictor
from upres.service.sharing import Share

AT_ONCE = 2
"""Predictions for which there are threads at the same time, where the runtime lets them."""

TURNS = AT_ONCE + 1
"""Pictures whose turn it is: one more, so that no core waits while a picture of one tile begins or ends."""


def threads_beside(threads: int | None) -> int:
    """Return how many threads a prediction gets beside another; `threads` is what it gets alone, `None` all cores."""
    return (threads or os.cpu_count() or 1) // AT_ONCE


def side_by_side(predictor: Predictor) -> bool:
    """Return whether predictions gain by running side by side, with the same pixels whatever the threads."""
    return predictor.how == "onnx cpu fp32"


class Running:
    """Which predictions run just now in this process, in the order in which they come.

    As many threads predict as there are for it, whoever's turn it is: three on two cores drive each other's pictures
    out of the caches, and took a tenth more of the processor's time.
    """

    def __init__(self) -> None:
        self._places = Share(AT_ONCE)
        self._lock = threading.Lock()
        self._count = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[bool]:
        """Wait for the threads of one more, and yield whether it has all of them, as no other is there."""
        with self._lock:
            self._count += 1
            alone = self._count == 1
        place = self._places.take(AT_ONCE if alone else 1)
        try:
            yield alone
        finally:
            place.give_back()
            with self._lock:
                self._count -= 1


class SharingPredictor(Predictor):
    """Predicts with all threads while there is no other prediction, and with its part of them beside others.

    Args:
        alone: with all threads.
        beside: opens the same model with fewer; called once, when it is first needed.
        running: what counts the predictions.
    """

    def __init__(self, alone: Predictor, beside: Callable[[], Predictor], running: Running) -> None:
        self.facts, self.how = alone.facts, alone.how
        self._alone = alone
        self._open_beside = beside
        self._running = running
        self._opening = threading.Lock()
        self._beside: Predictor | None = None

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`."""
        with self._running.one() as alone:
            return (self._alone if alone else self._opened()).predict(lr)

    def _opened(self) -> Predictor:
        with self._opening:
            if self._beside is None:
                self._beside = self._open_beside()
            return self._beside
