"""HEIC, photographs coded by HEVC, through the package pillow-heif: libvips' wheel never has a decoder for it.

libheif turns a picture by what its container says, and takes EXIF's orientation for the same said twice, as the
format demands (ISO/IEC 23008-12, 6.5.10 and A.2.1): so the tag is 1 here.
"""

from __future__ import annotations

import base64
import functools
import re
from pathlib import Path
from typing import Any

import numpy as np

from upres.errors import MissingExtraError, PictureError
from upres.image.codecs import heif, vips
from upres.image.metadata import exif

OLDEST_LIBDE265 = (1, 1, 1)
"""Below it a file can write where it should not: CVE-2026-54240."""

_BANDS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "RGBa": 4}
_GAIN_MAP = re.compile(r"gain-?map", re.IGNORECASE)


def opened(path: Path, *, decode: bool = True) -> Any:
    """Open the file's primary picture as a libvips image, upright, of 8 bits, or 16 where it has 10 or 12.

    Args:
        path: the file.
        decode: `False` for an image that says size and kind, and is black: nothing is decoded for it.

    Raises:
        MissingExtraError: the decoder that is installed has a known fault.
        PictureError: damaged, cut short, or of a kind that libheif does not take.
    """
    import pillow_heif

    check_decoder(pillow_heif.libheif_info())
    try:
        photograph = pillow_heif.open_heif(str(path), convert_hdr_to_8bit=False, hdr_to_16bit=False)
        kind, _, bits = photograph.mode.partition(";")
        (width, height), info = photograph.size, photograph.info
        bands = _BANDS.get(kind)
        if bands is None:
            raise PictureError(f"a HEIF of the kind {photograph.mode}; save it as PNG", where=path)
        dtype, depth = (np.uint16, int(bits)) if bits else (np.uint8, 8)
        # What lies behind the last pixel of a row is padding.
        samples = np.frombuffer(photograph.data, np.uint8) if decode else None
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError) as error:
        said = " ".join(str(error).split())
        raise PictureError(
            f"the HEIF data is damaged or cut short ({said}); get a whole copy of it", where=path
        ) from error
    gray = bands < 3
    if samples is None:
        image = vips.pyvips().Image.black(width, height, bands=bands).cast(vips.FORMATS[np.dtype(dtype).name])
        image = image.copy(interpretation=vips.space(np.dtype(dtype).name, gray=gray))
    else:
        stride, row = photograph.stride, width * bands * np.dtype(dtype).itemsize
        if stride < row or len(samples) < stride * (height - 1) + row:
            raise PictureError("the HEIF data is not of the size that its header says; save it as PNG", where=path)
        rows = np.lib.stride_tricks.as_strided(samples, (height, row), (stride, 1))
        image = vips.from_array(np.ascontiguousarray(rows).view(dtype).reshape(height, width, bands))
        white = 2**depth - 1
        if depth not in (8, 16):
            image = _scaled(image, 65_535 / white)
        if kind == "RGBa":
            image = image.unpremultiply(max_alpha=65_535 if bits else 255).rint()
            image = image.cast("ushort" if bits else "uchar").copy(interpretation="rgb16" if bits else "srgb")
    return _with_metadata(image, info, path)


def check_decoder(installed: dict[str, Any]) -> None:
    """Refuse a decoder with a known fault, by what `pillow_heif.libheif_info` says.

    Raises:
        MissingExtraError: says how to get another.
    """
    numbers = re.search(r"(\d+)\.(\d+)\.(\d+)", str(installed.get("decoders", {}).get("libde265", "")))
    if numbers is None or tuple(map(int, numbers.groups())) < OLDEST_LIBDE265:
        found = numbers.group() if numbers else "no"
        wanted = ".".join(map(str, OLDEST_LIBDE265))
        raise MissingExtraError(
            f'HEIC is read by libde265 {wanted} or later, and {found} is here: pip install --upgrade "upres[heic]"'
        )


def needed(path: Path) -> bool:
    """Return whether a file is of HEVC, and libvips cannot decode that."""
    return heif.coded_by_hevc(path) and not in_libvips()


@functools.cache
def in_libvips() -> bool:
    """Return whether libvips decodes HEVC: AVIF and HEIF are one loader, and only decoding tells."""
    if not vips.has("heifload"):
        return False
    try:
        vips.pyvips().Image.heifload_buffer(_SAMPLE).avg()
    except vips.pyvips().Error:
        return False
    return True


def _scaled(image: Any, factor: float) -> Any:
    return image.linear(factor, 0.5).cast("ushort").copy(interpretation=image.interpretation)


def _with_metadata(image: Any, info: dict[str, Any], path: Path) -> Any:
    image = image.copy()
    blob = vips.pyvips().GValue.blob_type
    named = {"icc_profile": "icc-profile-data", "exif": "exif-data", "xmp": "xmp-data"}
    for key, field in named.items():
        if content := info.get(key):
            block = bytes(content)
            kept = exif.upright(block, image.width, image.height) if key == "exif" else block
            if kept is not None:
                image.set_type(blob, field, kept)
    if vips.field(image, "orientation") is not None:
        image.remove("orientation")  # libvips finds one as soon as it gets EXIF
    left = [
        what
        for what, there in (
            ("HDR gain map", any(_GAIN_MAP.search(kind) for kind in info.get("aux", {})) or heif.tone_mapped(path)),
            ("depth map", bool(info.get("depth_images"))),
        )
        if there
    ]
    if left:
        image.set_type(vips.pyvips().GValue.gstr_type, vips.LEFT_BEHIND, " and ".join(left))
    return image


# 16×16 pixels of one red, coded as HEVC in HEIF.
_SAMPLE = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAACoAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNs"
    "eAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEAAAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4"
    "aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAMm1kYXQAAAAmKAGvGSFeQkDvXaW//3fM/obX+H1t8pkoppcE14iZ"
    "CwOBgI2RnTg="
)
