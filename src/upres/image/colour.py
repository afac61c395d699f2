"""BT.601 studio-range luma and chroma, the colour space in which the field reports its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# ITU-R BT.601-7, section 2.5: 8-bit Y in [16, 235], Cb and Cr in [16, 240], for R, G, B in [0, 255].
# These are the rounded coefficients of MATLAB's rgb2ycbcr, which the papers used.
_OFFSET = np.array([16.0, 128.0, 128.0])
_MATRIX = np.array(
    [
        [65.481, 128.553, 24.966],
        [-37.797, -74.203, 112.0],
        [112.0, -93.786, -18.214],
    ]
)
_INVERSE = np.linalg.inv(_MATRIX)

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""What R, G and B weigh in full-range luma (BT.601-7, 2.5.1). They add up to 1, so gray stays the gray it was."""

STUDIO_BLACK, STUDIO_RANGE = 16, 219
"""Luma of black, and from there to white, on the 8-bit studio scale."""


def ycbcr_from_rgb(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """Convert `h w 3` in [0, 1] to Y, Cb, Cr on the 8-bit studio scale (Y 16-235), unrounded, float64."""
    result: NDArray[np.float64] = np.asarray(rgb, dtype=np.float64) @ _MATRIX.T + _OFFSET
    return result


def rgb_from_ycbcr(ycbcr: NDArray[Any]) -> NDArray[np.float64]:
    """Convert `h w 3` of Y, Cb, Cr (8-bit studio scale) to R, G, B in [0, 1], float64, not clipped."""
    result: NDArray[np.float64] = (np.asarray(ycbcr, dtype=np.float64) - _OFFSET) @ _INVERSE.T
    return result


def luma(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """Return the luma `h w` of `h w 3` in [0, 1] on the 8-bit studio scale (16-235), unrounded, float64."""
    result: NDArray[np.float64] = np.asarray(rgb, dtype=np.float64) @ _MATRIX[0] + _OFFSET[0]
    return result


def gray(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """Return full-range luma `h w` of `h w 3`, on the input's scale, float64 (BT.601-7, 2.5.1)."""
    result: NDArray[np.float64] = np.asarray(rgb, dtype=np.float64) @ np.array(LUMA_WEIGHTS)
    return result
