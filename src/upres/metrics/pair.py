"""What every metric asks of its two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import DataError
from upres.image.picture import peak as peak_of
from upres.image.picture import to_unit


def aligned(
    sr: NDArray[Any], hr: NDArray[Any], peak: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return both arrays as float64 `h w c` and the peak that belongs to them.

    Args:
        sr, hr: `h w` or `h w c`, of the same shape.
        peak: the number that means white, or `None` to take it from the dtype, which must then be the same.

    Raises:
        DataError: shapes differ, are no picture's, or the dtypes do not agree on a peak.
    """
    _check(sr, hr)
    if peak is None:
        peak = peak_of(hr.dtype)
        if peak_of(sr.dtype) != peak:
            raise DataError(f"sr is {sr.dtype} and hr {hr.dtype}; give both the same dtype, or say peak=…")
    shape = sr.shape if sr.ndim == 3 else (*sr.shape, 1)
    return (
        np.asarray(sr, dtype=np.float64).reshape(shape),
        np.asarray(hr, dtype=np.float64).reshape(shape),
        float(peak),
    )


def unit_batches(sr: NDArray[Any], hr: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return both arrays as networks take them: float32 `1 c h w` in [0, 1].

    Args:
        sr, hr: `h w` or `h w c`, c = 1 or 3, of the same shape; uint8, uint16, or floats in [0, 1] each.

    Raises:
        DataError: shapes differ, or are no picture's of one or three channels.
    """
    _check(sr, hr)
    channels = 1 if sr.ndim == 2 else sr.shape[2]
    if channels not in (1, 3):
        raise DataError(f"sr and hr have {channels} channels; the network takes 1 or 3")
    a, b = (
        np.ascontiguousarray(to_unit(pixels).reshape(*pixels.shape[:2], channels).transpose(2, 0, 1)[None])
        for pixels in (sr, hr)
    )
    return a, b


def _check(sr: NDArray[Any], hr: NDArray[Any]) -> None:
    if sr.shape != hr.shape:
        raise DataError(f"sr is {sr.shape} and hr {hr.shape}; a metric compares equal shapes, so crop or resize")
    if sr.ndim not in (2, 3) or 0 in sr.shape:
        raise DataError(f"sr and hr are {sr.shape}; a metric compares pictures, h w or h w c")
