"""The two interfaces of degradations: made once for a whole picture, or drawn anew at every training step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from upres.degrade.steps.draws import Draws


class Degradation(ABC):
    """Makes the low-resolution partner of a picture.

    A leaf declares its configuration class and is built as `Leaf(config)`. The configuration's repr is part of a
    cache's identity: whatever changes the pixels must stand in it.

    Attributes:
        config_type: the frozen configuration class (`upres.config.config`), declared right above the degradation.
    """

    config_type: ClassVar[type[Any]]

    @abstractmethod
    def __call__(self, hr: NDArray[np.uint8], *, scale: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return lr `h w c` of hr `s·h s·w c`; whatever is random comes from `rng`."""


class PerStep(Degradation):
    """A random degradation: training draws it anew for every patch of every step.

    Validation pictures are made once by the call that every degradation has, so that a score means the same
    after each epoch.

    Attributes:
        margin: lr pixels a training patch is larger while it is degraded. Its random cut then moves the grid of
            JPEG blocks against the patch, and spares it the borders that blur and resizing had to invent.
    """

    margin: int

    @abstractmethod
    def batch(self, hr: Tensor, *, scale: int, draws: Draws) -> Tensor:
        """Return lr `n c h w`, 8-bit levels in [0, 1], of hr `n c s·h s·w` in [0, 1], on the same device."""
