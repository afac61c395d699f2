"""Mean squared error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.metrics.metric import Metric
from upres.metrics.pair import aligned


def mse(sr: NDArray[Any], hr: NDArray[Any], *, peak: float | None = None) -> float:
    """Return the mean squared difference of two pictures, white being 1 whatever their dtype.

    Args:
        sr, hr: `h w` or `h w c`, of the same shape; uint8, uint16, or floats in [0, 1].
        peak: the number that means white; by default from the dtype: 255, 65535 or 1.

    Raises:
        DataError: the arrays cannot be compared.
    """
    a, b, white = aligned(sr, hr, peak)
    return float(np.mean(np.square(a - b))) / white**2


class Mse(Metric):
    """As a row of the table; tables leave it out, since PSNR says the same."""

    title = "MSE"
    better = "less"
    words = "mean squared error, white is 1"
    listed = False

    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """White is 255."""
        return mse(sr, hr, peak=255.0)
