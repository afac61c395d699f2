"""Small pictures of every kind, and how to look at what was refused."""

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from upres.errors import PictureError
from upres.image import Picture, from_unit

RNG = np.random.default_rng(7)


HEIGHT, WIDTH = 11, 17


LOSSLESS = (".png", ".tif", ".webp")


def profile(space):
    made = pyvips.Image.black(2, 2, bands=3).copy(interpretation="srgb")
    rgb = made.icc_transform("srgb", input_profile="srgb").get("icc-profile-data")
    # libvips ships no gray profile; the signature is what decides where a profile may go.
    return rgb if space == "RGB " else rgb[:16] + b"GRAY" + rgb[20:]


def picture(dtype=np.uint8, channels=3, alpha=False, height=HEIGHT, width=WIDTH, **rest):
    samples = from_unit(RNG.random((height, width, channels + 1)), dtype)
    return Picture(samples[..., :channels].copy(), samples[..., -1].copy() if alpha else None, **rest)


def vips_image(samples, space="srgb"):
    return pyvips.Image.new_from_array(samples).copy(interpretation=space)


def failure(call, *arguments, kind=PictureError, **options):
    with pytest.raises(kind) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def random_pixels(shape: tuple[int, ...], seed: int = 0, dtype: str = "uint8") -> NDArray[np.generic]:
    generator = np.random.default_rng(seed)
    if dtype == "float32":
        return generator.random(shape, dtype=np.float32)
    # Half of it saturated, half of it smooth: both ends of the range and its middle.
    noise = generator.random(shape) * 1.6 - 0.3
    return (np.clip(noise, 0, 1) * np.iinfo(dtype).max).astype(dtype)
