"""Bicubic reduction: the task on which the papers report."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from upres.config import config
from upres.degrade.degradation import Degradation
from upres.image.library_resize import Library, antialias_of, reduced


@config
class BicubicConfig:
    """Attributes:

    kernel: whose bicubic: `matlab`, on which the papers report, `pillow`, `opencv` or `tensorflow`.
    antialias: whether the kernel is widened by the reduction; unless said, as the library does: MATLAB and Pillow
        yes, OpenCV and TensorFlow no.
    """

    kernel: Library = "matlab"
    antialias: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "antialias", antialias_of(self.kernel, self.antialias))

    def __repr__(self) -> str:
        """Name no kernel where it is MATLAB's: caches of before there were others are found by these words."""
        kernel = "" if self.kernel == "matlab" else f"kernel={self.kernel!r}, "
        return f"BicubicConfig({kernel}antialias={self.antialias!r})"


class Bicubic(Degradation):
    """A library's bicubic to 1 / scale; MATLAB's imresize unless told otherwise."""

    config_type = BicubicConfig

    def __init__(self, config: BicubicConfig) -> None:
        self._kernel = config.kernel
        self._antialias = config.antialias

    def __call__(self, hr: NDArray[np.uint8], *, scale: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Reduce hr; nothing is random."""
        return reduced(hr, scale, self._kernel, antialias=self._antialias)
