"""Lay a picture with transparency on a colour, for formats that have none."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import ConfigError, nearest
from upres.image.picture import Picture, from_unit, to_unit

Colour = tuple[float, float, float]
"""R, G, B in [0, 1], in the picture's own space."""

_NAMED: dict[str, Colour] = {
    "black": (0.0, 0.0, 0.0),
    "gray": (128 / 255, 128 / 255, 128 / 255),
    "white": (1.0, 1.0, 1.0),
}


def parse_colour(text: str) -> Colour:
    """Return the colour that a person named: white, black, gray, or #rrggbb as in HTML.

    Raises:
        ConfigError: neither.
    """
    if text.lower() in _NAMED:
        return _NAMED[text.lower()]
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        raise ConfigError(
            f"background {text}: should be #rrggbb or a name; {nearest(text.lower(), _NAMED)}", settings=("background",)
        )
    digits = text.removeprefix("#")
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def laid_on(picture: Picture, colour: Colour) -> Picture:
    """Return the picture without alpha, on a colour; gray on a colour that is not gray becomes R, G, B in sRGB."""
    if picture.alpha is None:
        return picture
    neutral = colour[0] == colour[1] == colour[2]
    profile = picture.profile if neutral or not picture.gray else None
    return dataclasses.replace(
        picture, pixels=flattened(picture.pixels, picture.alpha, colour), alpha=None, profile=profile
    )


def flattened(pixels: NDArray[Any], alpha: NDArray[Any], colour: Colour) -> NDArray[Any]:
    """Mix `h w c` with a colour by alpha `h w`, in the numbers as they are stored, as browsers and editors do.

    Returns:
        `h w c` of the same dtype; `h w 3` for gray pixels on a colour that is not gray.
    """
    below = np.array(colour, np.float32)
    if pixels.shape[2] == 1 and len(set(colour)) == 1:
        below = below[:1]
    cover = to_unit(alpha)[..., None]
    return from_unit(to_unit(pixels) * cover + below * (1 - cover), pixels.dtype)
