"""Bicubic resizing that equals MATLAB's `imresize` in every pixel.

Every published low-resolution set was made by it: cubic kernel with a = −0.5 (Keys 1981, eq. 4), widened by
the reduction when antialiasing, edges mirrored with the edge pixel repeated, the axis with the smaller scale
first, and integer pictures rounded between the two passes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from upres.errors import ConfigError
from upres.image.window import Window

Scalar = TypeVar("Scalar", bound=np.generic)

# Rows made at once: bounds the float64 working memory to a few hundred rows of the picture.
_CHUNK = 64


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
    out = np.empty((*size, *pixels.shape[2:]), dtype=pixels.dtype)
    top = 0
    for band in _resized([pixels], (height, width), size, scales, antialias, pixels.dtype):
        out[top : top + len(band)] = band
        top += len(band)
    return out


def imresize_bands(
    bands: Iterable[NDArray[Scalar]], *, height: int, width: int, size: tuple[int, int], dtype: DTypeLike
) -> Iterator[NDArray[Scalar]]:
    """Resize a picture of which no more than a few bands are in memory, to the very pixels of `imresize`.

    Args:
        bands: arrays `rows w` or `rows w c` that follow each other from the top.
        height, width: the whole picture.
        size: `(height, width)` of the output.
        dtype: of the bands, and of the output.

    Returns:
        Bands of the output, from the top; each is made when it is asked for.
    """
    scales = (size[0] / height, size[1] / width)
    return _resized(bands, (height, width), size, scales, True, np.dtype(dtype))


def _resized(
    bands: Iterable[NDArray[Any]],
    shape: tuple[int, int],
    size: tuple[int, int],
    scales: tuple[float, float],
    antialias: bool,
    dtype: np.dtype[Any],
) -> Iterator[NDArray[Any]]:
    columns_first = scales[1] < scales[0]  # MATLAB resizes the axis that shrinks most first
    columns, column_weights = _taps(shape[1], size[1], scales[1], antialias)
    rows, row_weights = _taps(shape[0], size[0], scales[0], antialias)

    def wide(band: NDArray[Any]) -> NDArray[np.float64]:
        return _rounded(_weighted(band, columns, column_weights, axis=1), dtype)

    if columns_first:
        bands = (wide(part) for band in bands for part in _parts(band))
    window = Window(bands)
    # Edges are mirrored: the highest row that a chunk and those below it look at is not that of its first tap.
    highest = np.minimum.accumulate(rows.min(axis=0)[::-1])[::-1]
    for top in range(0, size[0], _CHUNK):
        chunk = slice(top, min(top + _CHUNK, size[0]))
        first = int(highest[top])
        source = window.cut(first, int(rows[:, chunk].max()) + 1)
        tall = _rounded(_weighted(source, rows[:, chunk] - first, row_weights[:, chunk], axis=0), dtype)
        yield (tall if columns_first else wide(tall)).astype(dtype, copy=False)


def _parts(band: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (band[top : top + _CHUNK] for top in range(0, len(band), _CHUNK))


def _weighted(
    source: NDArray[Any], index: NDArray[np.intp], weight: NDArray[np.float64], *, axis: int
) -> NDArray[np.float64]:
    """Add up the rows (axis 0) or columns (axis 1) that each tap names, tap by tap."""
    shape = [1] * source.ndim
    shape[axis] = index.shape[1]
    out = np.zeros((*source.shape[:axis], index.shape[1], *source.shape[axis + 1 :]), dtype=np.float64)
    for tap in range(len(index)):
        out += weight[tap].reshape(shape) * source.take(index[tap], axis=axis)
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
    weight = cubic((centre[None, :] - index) * stretch)
    weight /= weight.sum(axis=0, keepdims=True)
    used = np.any(weight != 0, axis=1)
    mirrored = np.mod(index[used], 2 * length)
    mirrored = np.where(mirrored < length, mirrored, 2 * length - 1 - mirrored)
    return mirrored.astype(np.intp), weight[used]


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cubic kernel with a = −0.5 at these distances (Keys 1981, equation 4)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
