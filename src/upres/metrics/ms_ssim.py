"""Multi-scale structural similarity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import DataError
from upres.metrics.metric import Metric
from upres.metrics.pair import aligned
from upres.metrics.ssim import K1, K2, WINDOW, blurred

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, from the finest to the coarsest: Wang, Simoncelli, Bovik 2003, section 4."""

_LEAST = WINDOW * 2 ** (len(WEIGHTS) - 1)


def ms_ssim(sr: NDArray[Any], hr: NDArray[Any], *, peak: float | None = None) -> float:
    """Return the MS-SSIM of two pictures, at most 1; of several channels, the mean over them.

    Wang, Simoncelli, Bovik, "Multi-scale Structural Similarity for Image Quality Assessment", Asilomar 2003,
    equation 7, with SSIM's window and constants: the product over five scales of the mean contrast and structure to
    the scale's weight, times the mean SSIM of the coarsest to its weight. Between scales 2×2 pixels are averaged. A
    mean below zero, which has no such power, counts as zero.

    Args:
        sr, hr: `h w` or `h w c`, of the same shape, at least 176×176; uint8, uint16, or floats in [0, 1].
        peak: the number that means white; by default from the dtype: 255, 65535 or 1.

    Raises:
        DataError: the arrays cannot be compared, or are smaller than five scales need.
    """
    a, b, white = aligned(sr, hr, peak)
    height, width = a.shape[:2]
    if min(height, width) < _LEAST:
        raise DataError(
            f"ms-ssim: pictures of {width}×{height} are smaller than the {_LEAST}×{_LEAST} that its five scales need; "
            "use larger ones, or ssim"
        )
    c1, c2 = (K1 * white) ** 2, (K2 * white) ** 2
    similarity = np.ones(a.shape[2])
    for number, weight in enumerate(WEIGHTS):
        mean_a, mean_b = blurred(a), blurred(b)
        variances = blurred(a * a) - mean_a**2 + blurred(b * b) - mean_b**2
        likeness = (2 * (blurred(a * b) - mean_a * mean_b) + c2) / (variances + c2)
        if number == len(WEIGHTS) - 1:
            likeness *= (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        similarity *= np.maximum(likeness.mean(axis=(0, 1)), 0) ** weight
        a, b = _halved(a), _halved(b)
    return float(similarity.mean())


class MsSsim(Metric):
    """As a row of the table."""

    title = "MS-SSIM"
    better = "more"
    words = "structural similarity at five scales, 11×11 Gaussian window"
    only_by_name = True  # small pictures have no five scales

    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """White is 255."""
        return ms_ssim(sr, hr, peak=255.0)


def _halved(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average 2×2 pixels of `h w c`; an odd last row or column is left out."""
    rows, columns = (side // 2 for side in values.shape[:2])
    pairs = values[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, -1)
    halves: NDArray[np.float64] = pairs.mean(axis=(1, 3))
    return halves
