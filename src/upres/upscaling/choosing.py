"""Which place between its model's corners a picture gets when nobody says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image.block_grid import jpeg_quality
from upres.image.codecs.compression import Compression
from upres.image.colour import LUMA_WEIGHTS
from upres.image.opening import OpenedPicture
from upres.models.corners import ORIGIN, Position, rounded

# Positions that give the highest PSNR on photographs that were made small and saved at these qualities (libjpeg's),
# with colour at half the size and at full size: `python -m benchmarks.adaptive`.
_QUALITIES = (30, 60, 75, 85, 90, 95, 98, 100)
_SUBSAMPLED = (1.0, 0.9375, 0.75, 0.5, 0.4375, 0.25, 0.125, 0.125)
_FULL_COLOUR = (1.0, 0.9375, 0.75, 0.5, 0.4375, 0.25, 0.0, 0.0)
# A quality that pixels show is at most this far from the one that was asked for.
_SAME = 4
# What is looked at of a picture for the traces of an earlier file.
_LOOKED_AT = (256, 384)


@dataclass(frozen=True)
class Denoise:
    """A position between a model's corners.

    Attributes:
        position: from 0, for clean pictures, to 1, for what was compressed hard.
        reason: why, in words; nothing where the picture is as clean as its model wants it.
    """

    position: float
    reason: str = ""


CLEAN = Denoise(0.0)

DEFAULT_DETAIL = 1.0
"""How much detail a model gives that can, when nobody says: all that its detailed weights were made to give."""


@dataclass(frozen=True)
class Chosen:
    """A place between a model's corners, and why, in words, where the picture had a part in it."""

    position: Position = ORIGIN
    reason: str = ""


def denoise_for(opened: OpenedPicture) -> Denoise:
    """Return the position for a picture: by what its file says, or what its pixels show of an earlier file.

    Raises:
        PictureError: the data is damaged or cut short.
    """
    form, said = opened.header.format, opened.compression
    if opened.header.pages > 1 or opened.shape.dtype != "uint8":
        return denoise_of(said, form)
    earlier = _earlier_quality(opened.middle(*_LOOKED_AT))
    if earlier is not None and (said is None or earlier < said.quality - _SAME):
        return _of_earlier(earlier)
    return denoise_of(said, form)


def denoise_of_pixels(pixels: NDArray[Any]) -> Denoise:
    """Return the position for pixels `h w` or `h w c`, alpha last, by what an earlier JPEG left in them."""
    if pixels.dtype != np.uint8:
        return CLEAN
    window = [
        slice((side - most) // 2, (side + most) // 2) if side > most else slice(None)
        for side, most in zip(pixels.shape[:2], _LOOKED_AT, strict=True)
    ]
    middle = pixels[tuple(window)]
    earlier = _earlier_quality(middle[..., None] if middle.ndim == 2 else middle)
    return CLEAN if earlier is None else _of_earlier(earlier)


def denoise_of(compression: Compression | None, form: str) -> Denoise:
    """Return the position for a picture that was compressed so in a file of this format."""
    if compression is None:
        return CLEAN
    return Denoise(_position(compression), f"the file is {form} of quality {compression.quality:.0f}")


def _earlier_quality(pixels: NDArray[Any]) -> float | None:
    colours = pixels[..., : 1 if pixels.shape[2] < 3 else 3].astype(np.float32)
    return jpeg_quality(colours[..., 0] if colours.shape[2] == 1 else colours @ np.array(LUMA_WEIGHTS, np.float32))


def _of_earlier(quality: float) -> Denoise:
    return Denoise(_position(Compression(quality, subsampled=True)), f"it was a JPEG of quality {quality:.0f} once")


def _position(compression: Compression) -> float:
    best = _SUBSAMPLED if compression.subsampled else _FULL_COLOUR
    return rounded(float(np.interp(compression.quality, _QUALITIES, best)))
