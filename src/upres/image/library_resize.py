"""Bicubic resizing as Pillow, OpenCV and TensorFlow do it; their results differ from MATLAB's and from each other's.

A table of PSNR without a word on which of them made its low resolution fits any of the four. Their kernels are cubic
with a = −0.5, OpenCV's with −0.75 (Keys 1981, equation 4); Pillow always widens it by the reduction, OpenCV never does,
TensorFlow when it is asked to, and MATLAB unless asked not to (`upres.image.resize`).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from upres.errors import ConfigError
from upres.image.resize import imresize

Library = Literal["matlab", "pillow", "opencv", "tensorflow"]
"""Whose bicubic."""

NAMES: dict[Library, str] = {
    "matlab": "MATLAB",
    "pillow": "Pillow",
    "opencv": "OpenCV",
    "tensorflow": "TensorFlow",
}

# What a library does when nobody says, and what else it can do.
_ANTIALIAS: dict[Library, tuple[bool, ...]] = {
    "matlab": (True, False),
    "pillow": (True,),
    "opencv": (False,),
    "tensorflow": (False, True),
}

Taps = tuple[NDArray[np.intp], NDArray[np.float64]]


def antialias_of(library: Library, asked: bool | None = None) -> bool:
    """Return whether a library widens its kernel: as asked, or as it does unless asked.

    Raises:
        ConfigError: it cannot do what was asked.
    """
    able = _ANTIALIAS[library]
    if asked is not None and asked not in able:
        does = "always" if able[0] else "never"
        other = "opencv" if able[0] else "pillow"
        raise ConfigError(
            f"antialias = {str(asked).lower()}: kernel {library} {does} does; leave it out, or take kernel {other}, "
            "matlab or tensorflow",
            settings=("antialias",),
        )
    return able[0] if asked is None else asked


def library_resize(
    pixels: NDArray[np.uint8], size: tuple[int, int], library: Library, *, antialias: bool | None = None
) -> NDArray[np.uint8]:
    """Resize a picture as a library's bicubic does, to the very pixels of it.

    `matlab` is MATLAB's imresize. `pillow` is Image.resize with BICUBIC, rows first, as until 12 (13.0 begins with the
    columns of pictures that are much higher than wide; a value may be one level off). `opencv` is cv2.resize with
    INTER_CUBIC (4.14 and 5.0). `tensorflow` is tf.image.resize with bicubic, whose floats are rounded to levels, halves
    to even ones.

    Args:
        pixels: `h w` or `h w c`.
        size: `(height, width)` of the output.
        library: whose.
        antialias: whether the kernel is widened by the reduction; `None` for what the library does unless asked.

    Raises:
        ConfigError: the library cannot do that, or the size leaves no pixel.
    """
    widened = antialias_of(library, antialias)
    if library == "matlab":
        return imresize(pixels, size=size, antialias=widened)
    if min(size) < 1:
        raise ConfigError(f"size = {size}: should be at least 1×1")
    values = pixels.astype(np.float64)
    for axis in (1, 0):
        taps = _TAPS[library, widened](pixels.shape[axis], size[axis])
        values = _weighted(values, taps, axis)
        if library == "pillow":  # whole numbers after each pass
            values = np.clip(np.floor(values / _PILLOW_ONE + 0.5), 0, 255)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def reduced(
    hr: NDArray[np.uint8], scale: int, kernel: Library = "matlab", *, antialias: bool | None = None
) -> NDArray[np.uint8]:
    """Return hr made small by a library's bicubic, `ceil(side / scale)` pixels a side.

    Raises:
        ConfigError: the library's bicubic is never, or always, antialiased.
    """
    widened = antialias_of(kernel, antialias)
    if kernel == "matlab":
        return imresize(hr, 1 / scale, antialias=widened)
    height, width = (math.ceil(side / scale) for side in hr.shape[:2])
    return library_resize(hr, (height, width), kernel, antialias=widened)


def cubic(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Return the cubic kernel at these distances (Keys 1981, equation 4)."""
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


# Pillow computes on bytes with weights of this many parts.
_PILLOW_ONE = 1 << 22

# TensorFlow looks its weights up in a table of this many steps between two pixels.
_TENSORFLOW_STEPS = 1024


def _weighted(values: NDArray[np.float64], taps: Taps, axis: int) -> NDArray[np.float64]:
    """Add up rows (axis 0) or columns (axis 1): of each tap the indices and the weights, `taps out`."""
    shape = [1] * values.ndim
    shape[axis] = -1
    parts = [weight.reshape(shape) * values.take(index, axis=axis) for index, weight in zip(*taps, strict=True)]
    whole: NDArray[np.float64] = np.sum(parts, axis=0)
    return whole


def _widened(length: int, out_length: int) -> Taps:
    """Return the taps of a kernel that is widened by the reduction; pixels beyond the edge have no weight."""
    ratio = length / out_length
    stretch = max(ratio, 1.0)
    centre = (np.arange(out_length) + 0.5) * ratio
    first = np.maximum(np.trunc(centre - 2 * stretch + 0.5), 0)
    last = np.minimum(np.trunc(centre + 2 * stretch + 0.5), length)
    index = first + np.arange(int((last - first).max()))[:, None]
    weight = cubic((index - centre + 0.5) / stretch, -0.5) * (index < last)
    return np.minimum(index, length - 1).astype(np.intp), weight / weight.sum(axis=0)


def _pillow(length: int, out_length: int) -> Taps:
    index, weight = _widened(length, out_length)
    return index, np.trunc(weight * _PILLOW_ONE + np.copysign(0.5, weight))


def _opencv(length: int, out_length: int) -> Taps:
    """Return the taps of the four nearest pixels, in single precision; the edge is repeated."""
    place = ((np.arange(out_length) + 0.5) * (length / out_length) - 0.5).astype(np.float32)
    first = np.floor(place)
    x, a, one = place - first, np.float32(-0.75), np.float32(1)
    outer = ((a * (x + one) - 5 * a) * (x + one) + 8 * a) * (x + one) - 4 * a
    inner = [((a + 2) * near - (a + 3)) * near * near + one for near in (x, one - x)]
    weight = np.stack([outer, *inner, one - outer - inner[0] - inner[1]])
    index = first.astype(np.intp) + np.arange(-1, 3)[:, None]
    return np.clip(index, 0, length - 1), weight.astype(np.float64)


def _tensorflow(length: int, out_length: int) -> Taps:
    """Return the taps of the four nearest pixels; those beyond the edge have no weight."""
    place = (np.arange(out_length) + 0.5) * np.float32(length / out_length) - 0.5
    first = np.floor(place)
    x = np.rint((place - first) * _TENSORFLOW_STEPS) / _TENSORFLOW_STEPS
    near = np.arange(-1, 3)[:, None]
    index = first.astype(np.intp) + near
    weight = cubic(x - near, -0.5) * ((index >= 0) & (index < length))
    return np.clip(index, 0, length - 1), weight / weight.sum(axis=0)


_TAPS = {
    ("pillow", True): _pillow,
    ("opencv", False): _opencv,
    ("tensorflow", False): _tensorflow,
    ("tensorflow", True): _widened,
}
