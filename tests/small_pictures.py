"""Small pictures of every kind, and how to look at what was refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from upres.errors import PictureError
from upres.image import Picture, from_unit

RNG = np.random.default_rng(7)


HEIGHT, WIDTH = 11, 17


LOSSLESS = (".png", ".tif", ".webp")


def profile(space: str) -> bytes:
    made = pyvips.Image.black(2, 2, bands=3).copy(interpretation="srgb")
    rgb: bytes = made.icc_transform("srgb", input_profile="srgb").get("icc-profile-data")
    # libvips ships no gray profile; the signature is what decides where a profile may go.
    return rgb if space == "RGB " else rgb[:16] + b"GRAY" + rgb[20:]


def picture(
    dtype: Any = np.uint8,
    channels: int = 3,
    alpha: bool = False,
    height: int = HEIGHT,
    width: int = WIDTH,
    **rest: Any,
) -> Picture:
    samples = from_unit(RNG.random((height, width, channels + 1)), dtype)
    return Picture(samples[..., :channels].copy(), samples[..., -1].copy() if alpha else None, **rest)


def vips_image(samples: NDArray[Any], space: str = "srgb") -> Any:
    return pyvips.Image.new_from_array(samples).copy(interpretation=space)


def failure(call: Callable[..., object], *arguments: Any, kind: type[Exception] = PictureError, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def random_pixels(shape: tuple[int, ...], seed: int = 0, dtype: str = "uint8") -> NDArray[Any]:
    generator = np.random.default_rng(seed)
    if dtype == "float32":
        return generator.random(shape, dtype=np.float32)
    # Half of it saturated, half of it smooth: both ends of the range and its middle.
    noise = generator.random(shape) * 1.6 - 0.3
    return (np.clip(noise, 0, 1) * np.iinfo(dtype).max).astype(dtype)


def clear_corner(pixels: NDArray[Any]) -> NDArray[np.generic]:
    """Make part of the last channel opaque and part of it clear, as in a logo."""
    result = pixels.copy()
    height, width = pixels.shape[:2]
    result[: height // 2, :, -1] = np.iinfo(pixels.dtype).max
    result[height // 2 :, : width // 2, -1] = 0
    return result
