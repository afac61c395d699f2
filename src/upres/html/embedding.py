"""Pictures inside an html document, so that it asks nobody for anything."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray


def data_uri(encoded: bytes, kind: str) -> str:
    """Return a file's bytes as an address; `kind` is what behind `image/` names their format."""
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def picture_uri(pixels: NDArray[np.uint8]) -> str:
    """Return pixels `h w c`, c = 1 or 3, as an address: lossless WebP, which takes two thirds of the size of PNG."""
    import pyvips  # loads libvips: not before a document is made

    space = "b-w" if pixels.shape[2] == 1 else "srgb"
    image: Any = pyvips.Image.new_from_array(np.ascontiguousarray(pixels)).copy(interpretation=space)
    return data_uri(image.webpsave_buffer(lossless=True, keep="none"), "webp")
