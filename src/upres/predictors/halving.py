"""A predictor that halves its input when the device's memory does not hold it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from upres.errors import DeviceMemoryError
from upres.predictors.base import Predictor


class HalvingPredictor(Predictor):
    """Gives what the predictor within gives, in parts where it must; the parts overlap by the model's radius.

    A size that did not fit once is not tried again.

    Args:
        whole: the predictor that may raise `DeviceMemoryError`.
    """

    def __init__(self, whole: Predictor) -> None:
        self.facts = whole.facts
        self.how = whole.how
        self._whole = whole
        self._too_large = math.inf  # values of an input that did not fit

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`.

        Raises:
            DeviceMemoryError: halving is of no use any more, or the model looks at the whole input.
        """
        if lr.size >= self._too_large:
            return self._halves(lr, None)
        try:
            return self._whole.predict(lr)
        except DeviceMemoryError as error:
            self._too_large = lr.size
            # Without its traceback, which holds the tensors that filled the memory.
            failure = error.with_traceback(None)
        return self._halves(lr, failure)

    def _halves(self, lr: NDArray[np.float32], failure: DeviceMemoryError | None) -> NDArray[np.float32]:
        facts = self.facts
        axis = 2 if lr.shape[2] >= lr.shape[3] else 3
        length = lr.shape[axis]
        middle = length // 2 // facts.multiple * facts.multiple
        halo = length if facts.radius is None else -(-facts.radius // facts.multiple) * facts.multiple
        if middle + halo >= length or middle - halo <= 0:
            raise failure or DeviceMemoryError(
                f"model {facts.name}: the device's memory does not hold an input of {lr.shape}; use device cpu"
            )
        first = self.predict(np.ascontiguousarray(lr[_along(axis, 0, middle + halo)]))
        second = self.predict(np.ascontiguousarray(lr[_along(axis, middle - halo, length)]))
        parts = first[_along(axis, 0, middle * facts.scale)], second[_along(axis, halo * facts.scale, None)]
        return np.concatenate(parts, axis=axis)


def _along(axis: int, start: int, stop: int | None) -> tuple[slice, ...]:
    return tuple(slice(start, stop) if at == axis else slice(None) for at in range(4))
