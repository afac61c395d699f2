"""Bicubic resizing that equals MATLAB's `imresize` in every pixel.

Every published low-resolution set was made by it: cubic kernel with a = −0.5 (Keys 1981, eq. 4), widened by
the reduction when antialiasing, edges mirrored with the edge pixel repeated, the axis with the smaller scale
first, and integer pictures rounded between the two passes.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from upres.errors import ConfigError

Scalar = TypeVar("Scalar", bound=np.generic)

# Rows of output made at once: bounds the float64 working memory to a few hundred rows of the picture.
_CHUNK = 256


def imresize(
    pixels: NDArray[Scalar],
    scale: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    antialias: bool = True,
) -> NDArray[Scalar]:
    """Resize a picture as MATLAB's `imresize(pixels, scale)` or `imresize(pixels, size)` does.

    Args:
        pixels: `h w` or `h w c`; uint8 and uint16 are rounded and clipped, floats are neither.
        scale: output side ÷ input side; the output has `ceil(side * scale)` pixels.
        size: `(height, width)` of the output, instead of `scale`.
        antialias: widen the kernel when reducing (MATLAB's default).

    Returns:
        A new array of the same dtype.

    Raises:
        ConfigError: neither or both of scale and size, or one that leaves no pixel.
    """
    height, width = pixels.shape[:2]
    if (scale is None) == (size is None):
        raise ConfigError("imresize: give either scale or size")
    if scale is not None:
        if not (scale > 0 and math.isfinite(scale)):
            raise ConfigError(f"imresize: scale = {scale}: should be a positive number")
        size = (math.ceil(height * scale), math.ceil(width * scale))
        scales = (float(scale), float(scale))
    else:
        assert size is not None
        if min(size) < 1:
            raise ConfigError(f"imresize: size = {size}: should be at least 1×1")
        scales = (size[0] / height, size[1] / width)
    if scales[1] < scales[0]:  # MATLAB resizes the axis that shrinks most first
        flipped = np.ascontiguousarray(pixels.swapaxes(0, 1))
        return np.ascontiguousarray(_resize(flipped, size[::-1], scales[::-1], antialias).swapaxes(0, 1))
    return _resize(pixels, size, scales, antialias)


def _resize(
    pixels: NDArray[Scalar], size: tuple[int, int], scales: tuple[float, float], antialias: bool
) -> NDArray[Scalar]:
    rows, row_weights = _taps(pixels.shape[0], size[0], scales[0], antialias)
    columns, column_weights = _taps(pixels.shape[1], size[1], scales[1], antialias)
    trailing = (1,) * (pixels.ndim - 2)
    row_weights = row_weights.reshape(*row_weights.shape, 1, *trailing)
    column_weights = column_weights.reshape(column_weights.shape[0], 1, column_weights.shape[1], *trailing)
    source: NDArray[Any] = pixels
    out = np.empty((*size, *pixels.shape[2:]), dtype=pixels.dtype)
    for top in range(0, size[0], _CHUNK):
        chunk = slice(top, min(top + _CHUNK, size[0]))
        tall = np.zeros((chunk.stop - top, *pixels.shape[1:]), dtype=np.float64)
        for tap in range(len(rows)):
            tall += row_weights[tap, chunk] * source[rows[tap, chunk]]
        tall = _rounded(tall, pixels.dtype)
        wide = np.zeros((chunk.stop - top, size[1], *pixels.shape[2:]), dtype=np.float64)
        for tap in range(len(columns)):
            wide += column_weights[tap] * tall[:, columns[tap]]
        out[chunk] = _rounded(wide, pixels.dtype)
    return out


def _rounded(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
    if not np.issubdtype(dtype, np.integer):
        return values
    # MATLAB rounds halves away from zero; after the clip nothing is negative, so floor(x + ½) is that.
    return np.floor(np.clip(values, 0, np.iinfo(dtype).max) + 0.5)


def _taps(length: int, out_length: int, scale: float, antialias: bool) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return source indices and weights, both `taps out_length`, of one axis."""
    stretch = min(scale, 1.0) if antialias else 1.0
    support = 4.0 / stretch
    centre = (np.arange(out_length) + 0.5) / scale - 0.5
    first = np.floor(centre - support / 2)
    index = first[None, :] + np.arange(math.ceil(support) + 2)[:, None]
    weight = _cubic((centre[None, :] - index) * stretch)
    weight /= weight.sum(axis=0, keepdims=True)
    used = np.any(weight != 0, axis=1)
    mirrored = np.mod(index[used], 2 * length)
    mirrored = np.where(mirrored < length, mirrored, 2 * length - 1 - mirrored)
    return mirrored.astype(np.intp), weight[used]


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
