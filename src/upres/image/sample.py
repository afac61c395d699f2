"""A photograph that lies in the package, and its reduction: what models are tried on where nobody gave pictures."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image.colour import gray, luma
from upres.image.opening import read
from upres.image.picture import to_unit
from upres.image.resize import imresize

# 480×384, held out of every training (the recipes validate on it); its source and licence stand beside it.
PHOTOGRAPH = Path(__file__).resolve().parents[1] / "compare" / "sumac.webp"


def reduced_photograph(
    side: int, scale: int, channels: int, colour: str = "rgb"
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return the middle of the photograph, and its reduction by MATLAB's bicubic.

    Args:
        side: of the reduction, in pixels. Where the photograph is too small it is continued by its mirror image.
        scale: original side ÷ `side`.
        channels: 3, or 1 for its luma or gray.
        colour: with one channel, `luma` for Y from 16 to 235, otherwise gray from 0 to 255.

    Returns:
        The original `s·side s·side channels`, and the reduction `1 channels side side`, both in [0, 1].
    """
    pixels = _pixels()
    length = side * scale
    short = [max(0, length - each) for each in pixels.shape[:2]]
    if any(short):
        pixels = np.pad(pixels, ((0, short[0]), (0, short[1]), (0, 0)), mode="symmetric")
    top, left = ((each - length) // 2 for each in pixels.shape[:2])
    hr = pixels[top : top + length, left : left + length]
    if channels == 1:
        hr = (luma(hr) / 255 if colour == "luma" else gray(hr))[..., None].astype(np.float32)
    lr = np.clip(imresize(hr, size=(side, side)), 0, 1)
    return hr, np.ascontiguousarray(lr.transpose(2, 0, 1), np.float32)[None]


@lru_cache(maxsize=1)
def _pixels() -> NDArray[Any]:
    pixels = to_unit(read(PHOTOGRAPH).pixels)
    pixels.flags.writeable = False
    return pixels
