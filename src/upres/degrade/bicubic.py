"""Bicubic reduction: the task on which the papers report."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from upres.config import config
from upres.degrade.degradation import Degradation
from upres.image.resize import imresize


@config
class BicubicConfig:
    """`antialias: true` is MATLAB's imresize; false is what OpenCV's and old TensorFlow's resize did."""

    antialias: bool = True


class Bicubic(Degradation):
    """MATLAB's imresize to 1 / scale."""

    config_type = BicubicConfig

    def __init__(self, config: BicubicConfig) -> None:
        self._antialias = config.antialias

    def __call__(self, hr: NDArray[np.uint8], *, scale: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Reduce hr; nothing is random."""
        return imresize(hr, 1 / scale, antialias=self._antialias)
