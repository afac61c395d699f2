"""What coders hold of a whole picture, in bytes: measured, or counted from how their libraries work.

What they hold of a band of rows is not in it; that is below 90 MB, and part of what every process is granted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from upres.image.codecs import apng, vips
from upres.image.metadata import tiff

_ITEMS = {"uchar": 1, "ushort": 2, "float": 4, "double": 8}

# Bytes a pixel, measured at 24 megapixels (AVIF: 0.7, GIF and lossless WebP: 6) with libvips 8.18, and rounded up.
_WEBP, _WEBP_ALPHA, _WEBP_LOSSLESS = 13, 38, 40
_AVIF = 60
_GIF = 12
# Smaller ones are within what every process is granted. Measured: 130 MB in one strip take 124, 98 MB in a tile 248.
_LARGE_PIECE = 20_000_000
# Floats, in the copies that libjxl makes of them; not measured, as this libvips is built without it.
_JXL_SAMPLE = 16


def webp_encoder(pixels: int, channels: int, *, lossless: bool) -> int:
    """Return what libwebp holds: the picture, what it predicts of it, and the coded file."""
    return pixels * (_WEBP_LOSSLESS if lossless else _WEBP_ALPHA if channels in (2, 4) else _WEBP)


def avif_encoder(pixels: int) -> int:
    """Return what libheif and the AV1 encoder hold."""
    return pixels * _AVIF


def jxl_encoder(pixels: int, channels: int) -> int:
    """Return what libjxl holds."""
    return pixels * channels * _JXL_SAMPLE


def gif_encoder(pixels: int) -> int:
    """Return what is held while colours are chosen for a picture or frame."""
    return pixels * _GIF


def jpeg_decoder(path: Path, image: Any) -> int:
    """Return two bytes a coefficient where the scans hold parts of all blocks, as progressive ones do."""
    if not (vips.field(image, "jpeg-multiscan") or vips.field(image, "interlaced")):
        return 0
    sampling = vips.field(image, "jpeg-chroma-subsample") or "4:4:4"
    chroma = {"4:2:0": 0.25, "4:2:2": 0.5, "4:4:0": 0.5, "4:1:1": 0.25, "4:1:0": 0.125}.get(sampling[:5], 1.0)
    shares = 1.0 if image.bands == 1 else 1 + 2 * chroma + max(image.bands - 3, 0)
    return int(2 * shares * image.width * image.height)


def png_decoder(path: Path, image: Any) -> int:
    """Return all samples of an interlaced picture; of an animation the file, and two canvases."""
    if apng.count(path) > 1:
        return 2 * path.stat().st_size + 8 * _samples(image)
    return _samples(image) if vips.field(image, "interlaced") else 0


def webp_decoder(path: Path, image: Any) -> int:
    """Return the canvas on which a picture, or a frame, is decoded."""
    return (7 if image.bands == 4 else 5) * _pixels(image)


def heif_decoder(path: Path, image: Any) -> int:
    """Return the decoder's planes and what is made of them."""
    return 3 * _samples(image)


def jxl_decoder(path: Path, image: Any) -> int:
    """Return the decoder's planes of floats and what is made of them."""
    return int(_pixels(image) * image.bands * _JXL_SAMPLE)


def gif_decoder(path: Path, image: Any) -> int:
    """Return the canvas, the frame before, and the file."""
    return 8 * _pixels(image) + path.stat().st_size


def tiff_decoder(path: Path, image: Any) -> int:
    """Return a row of tiles three times, or the longest strip as it is coded, where that is large."""
    with path.open("rb") as file:
        pieces = tiff.pieces(file)
    tiles = 3 * min(pieces.tile_rows, image.height) * _samples(image) // image.height
    return held if (held := tiles + pieces.coded_bytes) > _LARGE_PIECE else 0


def _pixels(image: Any) -> int:
    return int(image.width * (vips.field(image, "page-height") or image.height))


def _samples(image: Any) -> int:
    return _pixels(image) * int(image.bands) * _ITEMS.get(image.format, np.dtype(np.float64).itemsize)
