"""What every metric asks of its two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import DataError
from upres.image.picture import peak as peak_of


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
    if sr.shape != hr.shape:
        raise DataError(f"sr is {sr.shape} and hr {hr.shape}; a metric compares equal shapes, so crop or resize")
    if sr.ndim not in (2, 3) or 0 in sr.shape:
        raise DataError(f"sr and hr are {sr.shape}; a metric compares pictures, h w or h w c")
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
