"""A predictor in reduced precision that never gives a pixel float32 would not: the second line of defence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.predictors.base import Predictor


class GuardedPredictor(Predictor):
    """A fast predictor, and the float32 one that recomputes what the fast one could not represent.

    fp16 ends at 65,504 and int8 models may divide by a scale of nothing; whatever is not finite is computed
    again. What is finite and wrong is caught before, by the probe (`upres.predictors.probing`).

    Args:
        fast: the predictor in reduced precision.
        open_reference: opens the same model in float32; called when it is first needed. It
            travels when this is pickled.
    """

    def __init__(self, fast: Predictor, open_reference: Callable[[], Predictor]) -> None:
        self.facts = fast.facts
        self.how = fast.how
        self.recomputed = 0
        self._fast = fast
        self._open_reference = open_reference
        self._opened: Predictor | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return GuardedPredictor, (self._fast, self._open_reference)

    @property
    def reference(self) -> Predictor:
        """The same model in float32."""
        if self._opened is None:
            self._opened = self._open_reference()
        return self._opened

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`; `recomputed` counts the batches that float32 had to do again."""
        sr = self._fast.predict(lr)
        if np.isfinite(sr).all():
            return sr
        self.recomputed += 1
        return self.reference.predict(lr)
