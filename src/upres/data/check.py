"""What is wrong with data, all of it, before any of it is used: headers first, pixels later."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from upres.data.sources.source import Outline, Source
from upres.errors import DataError, InputError

# Blocks a side, and the correlation below which two pictures are taken for different ones: reductions of any
# kind keep the coarse light of a picture, which correlates above 0.9 (0.3 leaves room for harsh degradations).
_BLOCKS = 8
_ALIKE = 0.3
# Deviation, in levels, below which a picture's coarse light is rounding and noise.
_FLAT = 4.0


def header_faults(
    source: Source,
    *,
    scale: int,
    patch: int | None = None,
    remedy: str = "lower data.patch",
    places: Sequence[int] | None = None,
) -> list[str]:
    """Return a line for every picture that cannot be used, as far as headers tell.

    Args:
        source: the pictures.
        scale: hr side ÷ lr side.
        patch: side of the training crops, in lr pixels.
        remedy: what a person can do besides removing pictures that are smaller.
        places: of the pictures that will be used; all by default.
    """

    def faults(index: int) -> list[str]:
        try:
            outline = source.outline(index)
        except InputError as error:
            return [str(error)]
        return [] if outline is None else list(outline_faults(outline, scale=scale, patch=patch, remedy=remedy))

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [
            fault for found in pool.map(faults, range(len(source)) if places is None else places) for fault in found
        ]


def outline_faults(
    outline: Outline, *, scale: int, patch: int | None = None, remedy: str = "lower data.patch"
) -> Iterator[str]:
    """Yield what is wrong with one picture's sizes."""
    (height, width), where = outline.hr, outline.where
    small = (height // scale, width // scale)
    if not min(small):
        yield f"{where}: {_too_small(height, width, scale)}"
        return
    if outline.lr is not None and outline.lr != small:
        yield f"{where}: {_mismatch(outline.hr, outline.lr, scale)}"
        return
    if patch is not None and min(small) < patch:
        yield (
            f"{where}: {small[1]}×{small[0]} at low resolution, smaller than the patch of {patch}; "
            f"remove it or {remedy}"
        )


def cropped(name: str, hr: NDArray[np.uint8], *, scale: int) -> NDArray[np.uint8]:
    """Return `h w c` without the rows and columns at the bottom and right that no pixel of lr stands for.

    Raises:
        DataError: nothing is left.
    """
    height, width = (side - side % scale for side in hr.shape[:2])
    if not (height and width):
        raise DataError(f"{name}: {_too_small(hr.shape[0], hr.shape[1], scale)}")
    return np.ascontiguousarray(hr[:height, :width])


def check_pair(name: str, hr: NDArray[np.uint8], lr: NDArray[np.uint8], *, scale: int) -> None:
    """Check a pair as decoded: its sizes, and that both show the same picture.

    Raises:
        DataError: they do not.
    """
    size, small = hr.shape[:2], lr.shape[:2]
    if small != (size[0] // scale, size[1] // scale):
        raise DataError(f"{name}: {_mismatch((size[0], size[1]), (small[0], small[1]), scale)}")
    alike = likeness(hr[: small[0] * scale, : small[1] * scale], lr)
    if alike < _ALIKE:
        raise DataError(
            f"{name}: hr and lr show different pictures (their light correlates {alike:.2f}); "
            "pair them by name, or remove both"
        )


def likeness(hr: NDArray[np.uint8], lr: NDArray[np.uint8]) -> float:
    """Return how the coarse light of two `h w c` pictures of one shape correlates; 1 where one is too small or flat."""
    if min(lr.shape[:2]) < 2 * _BLOCKS:
        return 1.0
    one, other = _light(hr), _light(lr)
    one, other = one - one.mean(), other - other.mean()
    deviation = np.sqrt((one**2).mean() * (other**2).mean())
    return float((one * other).mean() / deviation) if deviation > _FLAT**2 else 1.0


def _light(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    rows, columns = (np.linspace(0, side, _BLOCKS + 1).astype(int)[:-1] for side in pixels.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(pixels.sum(axis=2, dtype=np.int64), rows, axis=0), columns, axis=1)
    counts = np.add.reduceat(np.add.reduceat(np.ones(pixels.shape[:2], np.int64), rows, axis=0), columns, axis=1)
    light: NDArray[np.float64] = sums / (counts * pixels.shape[2])
    return light


def _too_small(height: int, width: int, scale: int) -> str:
    return f"{width}×{height} pixels; too small for scale {scale}, remove it"


def _mismatch(hr: tuple[int, int], lr: tuple[int, int], scale: int) -> str:
    wanted = f"{hr[1] // scale}×{hr[0] // scale}"
    said = f"hr is {hr[1]}×{hr[0]} and lr {lr[1]}×{lr[0]}; at scale {scale} lr should be {wanted}"
    other = hr[0] // lr[0] if min(lr) else 0
    if other > 0 and other != scale and (hr[0] // other, hr[1] // other) == lr:
        return f"{said}; these are partners for scale {other}: give those for {scale}, or set the recipe's scale"
    return f"{said}; pair it with its own partner, or remove both"
