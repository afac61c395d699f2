"""Bicubic enlargement as a predictor, so that every table has its baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from upres.errors import ModelError
from upres.image.resize import imresize
from upres.models.facts import Facts
from upres.models.shipped import BICUBIC
from upres.predictors.base import Predictor


class BicubicPredictor(Predictor):
    """MATLAB's bicubic `imresize` in floating point, for any number of channels.

    Args:
        scale: output side ÷ input side, a whole number from 2.

    Raises:
        ModelError: the scale is below 2.
    """

    def __init__(self, scale: int) -> None:
        if scale < 2:
            raise ModelError(f"bicubic: scale = {scale}: should be a whole number from 2")
        self.facts = Facts(
            name=BICUBIC,
            scale=scale,
            radius=2,  # four taps, the nearest two on either side of a point between -½ and ½
            arch={"name": "bicubic"},
            trained_on="nothing",
        )

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """`n c h w` → `n c s·h s·w`."""
        n, c, h, w = lr.shape
        planes = lr.reshape(n * c, h, w).transpose(1, 2, 0)
        sr = imresize(planes, self.facts.scale)
        return np.ascontiguousarray(sr.transpose(2, 0, 1)).reshape(n, c, *sr.shape[:2])
