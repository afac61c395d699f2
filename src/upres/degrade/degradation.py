"""The interface of every degradation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


class Degradation(ABC):
    """Makes the low-resolution partner of a picture."""

    config_type: ClassVar[type[Any]]

    @abstractmethod
    def __call__(self, hr: NDArray[np.uint8], *, scale: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return lr `h w c` of hr `s·h s·w c`; whatever is random comes from `rng`."""
