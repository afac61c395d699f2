"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from upres.metrics.metric import Metric
from upres.metrics.mse import mse


def psnr(sr: NDArray[Any], hr: NDArray[Any], *, peak: float | None = None) -> float:
    """Return the PSNR of two pictures in dB, over all pixels and channels at once; infinite when equal.

    `10 log10(peak² / MSE)`, the MSE in float64.

    Args:
        sr, hr: `h w` or `h w c`, of the same shape; uint8, uint16, or floats in [0, 1].
        peak: the number that means white; by default from the dtype: 255, 65535 or 1.

    Raises:
        DataError: the arrays cannot be compared.

    >>> import numpy as np
    >>> psnr(np.full((4, 4), 100, np.uint8), np.full((4, 4), 101, np.uint8))
    48.1308...
    """
    error = mse(sr, hr, peak=peak)
    return math.inf if error == 0 else -10 * math.log10(error)


class Psnr(Metric):
    """As a row of the table."""

    title = "PSNR"
    unit = "dB"
    better = "more"
    words = "peak signal-to-noise ratio"
    digits = 2

    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """White is 255."""
        return psnr(sr, hr, peak=255.0)
