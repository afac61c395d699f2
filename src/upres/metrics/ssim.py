"""Structural similarity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import DataError
from upres.metrics.metric import Metric
from upres.metrics.pair import aligned

WINDOW, _SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03

# Numbers of a picture that are compared at a time: what is computed of them stays in a core's cache, which takes a
# third to a half of the time of the whole picture at once.
_AT_ONCE = 40_000

_AT = np.arange(WINDOW) - WINDOW // 2
GAUSSIAN = np.exp(-(_AT**2) / (2 * _SIGMA**2))
GAUSSIAN /= GAUSSIAN.sum()


def ssim(sr: NDArray[Any], hr: NDArray[Any], *, peak: float | None = None) -> float:
    """Return the mean SSIM of two pictures, at most 1; of several channels, the mean over them.

    Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13 to 16 with the settings of section III-C: an 11×11 Gaussian
    window of σ 1.5, K1 = 0.01, K2 = 0.03, statistics by weights that sum to one (no n − 1), and the mean over
    the positions where the whole window lies inside the picture, as the authors' MATLAB code does.

    Args:
        sr, hr: `h w` or `h w c`, of the same shape, at least 11×11; uint8, uint16, or floats in [0, 1].
        peak: the number that means white; by default from the dtype: 255, 65535 or 1.

    Raises:
        DataError: the arrays cannot be compared, or are smaller than the window.
    """
    a, b, white = aligned(sr, hr, peak)
    height, width = a.shape[:2]
    if min(height, width) < WINDOW:
        raise DataError(
            f"ssim: pictures of {width}×{height} are smaller than its {WINDOW}×{WINDOW} window; "
            "use larger ones, or a smaller border"
        )
    likeness = np.empty((height - WINDOW + 1, width - WINDOW + 1, a.shape[2]))
    rows = max(1, _AT_ONCE // a[0].size)
    for first in range(0, len(likeness), rows):
        seen = slice(first, first + rows + WINDOW - 1)
        likeness[first : first + rows] = _likeness(a[seen], b[seen], white)
    return float(likeness.mean())


def _several(sr: NDArray[Any], hr: NDArray[Any], white: float) -> list[float]:
    """Return the SSIM of each of `n h w` or `n h w c`, side by side: ten small arrays cost little more than one."""
    count, height, width = sr.shape[:3]
    channels = 1 if sr.ndim == 3 else sr.shape[3]
    a, b = (
        np.asarray(each, dtype=np.float64)
        .reshape(count, height, width, channels)
        .transpose(1, 2, 0, 3)
        .reshape(height, width, -1)
        for each in (sr, hr)
    )
    likeness = _likeness(a, b, white).reshape(height - WINDOW + 1, width - WINDOW + 1, count, channels)
    return [float(np.ascontiguousarray(likeness[:, :, number]).mean()) for number in range(count)]


class Ssim(Metric):
    """As a row of the table."""

    title = "SSIM"
    better = "more"
    words = "structural similarity, 11×11 Gaussian window"

    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """White is 255."""
        return ssim(sr, hr, peak=255.0)

    def several(self, sr: NDArray[Any], hr: NDArray[Any]) -> list[float]:
        """As many together as fit a core's cache."""
        most = _AT_ONCE // max(1, sr[0].size)
        if most < 2 or min(sr.shape[1:3]) < WINDOW:
            return super().several(sr, hr)
        return [
            value
            for first in range(0, len(sr), most)
            for value in _several(sr[first : first + most], hr[first : first + most], 255.0)
        ]


def _likeness(a: NDArray[np.float64], b: NDArray[np.float64], white: float) -> NDArray[np.float64]:
    """Return the SSIM of two `h w c` at each position where the window fits: `h-10 w-10 c`."""
    c1, c2 = (K1 * white) ** 2, (K2 * white) ** 2
    mean_a, mean_b = blurred(a), blurred(b)
    var_a = blurred(a * a) - mean_a**2
    var_b = blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    likeness /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return likeness


def blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian mean of `h w c` around each position where the window fits: `h-10 w-10 c`."""
    rows, columns = values.shape[0] - WINDOW + 1, values.shape[1] - WINDOW + 1
    tall = GAUSSIAN[0] * values[:rows]
    for i in range(1, WINDOW):
        tall += GAUSSIAN[i] * values[i : i + rows]
    wide: NDArray[np.float64] = GAUSSIAN[0] * tall[:, :columns]
    for i in range(1, WINDOW):
        wide += GAUSSIAN[i] * tall[:, i : i + columns]
    return wide
