"""The interface of everything that enlarges numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from upres.models.facts import Facts


class Predictor(ABC):
    """A loaded model that knows its facts and enlarges batches.

    Attributes:
        facts: what the model knows about itself; `facts.channels` is the `c` below, `facts.scale` the `s`.
        how: what runs it, where and in which numbers, in words.
    """

    facts: Facts
    how: str = ""

    @abstractmethod
    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """Enlarge a batch.

        Args:
            lr: `n c h w` in [0, 1], sides multiples of `facts.multiple`.

        Returns:
            `n c s·h s·w`, not clipped.

        Raises:
            FailedError: the runtime could not do it; `DeviceMemoryError` where a smaller input might do.
        """
