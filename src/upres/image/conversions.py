"""Pictures ⇄ what other libraries hold: arrays with alpha last, PIL images, and the small PNG that a notebook shows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from upres.errors import MissingExtraError, PictureError
from upres.image.codecs import vips
from upres.image.picture import Picture, from_unit, profile_fits, to_unit

if TYPE_CHECKING:
    import PIL.Image

PREVIEW_SIDE = 800
"""Pixels of the longer side of what a notebook shows: its file grows by 2 MB at most, and noise is coded no smaller."""

_EXIF_PREFIX = b"Exif\0\0"
_INCHES = 25.4  # millimetres
_ALPHA_MODES = {"LA", "RGBA"}
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def as_array(picture: Picture, dtype: DTypeLike | None = None, *, copy: bool | None = None) -> NDArray[Any]:
    """Return what `numpy.asarray` of a picture is: `h w` for gray, else `h w c` with alpha last.

    Args:
        picture: any.
        dtype: to cast to, without scaling.
        copy: as NumPy asks: `False` takes the picture's own memory or fails.

    Raises:
        ValueError: `copy` is `False`, and there is no such array in memory.
    """
    samples = picture.samples
    array = samples[..., 0] if samples.shape[2] == 1 else samples
    wanted = array.dtype if dtype is None else np.dtype(dtype)
    own = picture.alpha is None and wanted == array.dtype
    if copy is False and not own:
        raise ValueError("a picture with alpha, or as another dtype, is no array in memory; allow a copy")
    return array.astype(wanted, copy=bool(copy))


def to_pil(picture: Picture, *, depth: int | None = None) -> PIL.Image.Image:
    """Return a PIL image with the profile, EXIF and resolution: of mode L, LA, RGB, RGBA, or I;16.

    Args:
        picture: any; its span and cICP have no place in a PIL image.
        depth: 8 to round to 8 bits; `None` keeps the picture's own.

    Raises:
        PictureError: PIL holds no such depth.
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("a PIL image needs Pillow: pip install pillow") from error
    if depth not in (None, 8):
        raise PictureError(f"depth = {depth}: PIL images have 8 bits; leave it out to keep 16 of a gray picture")
    samples = picture.samples
    if samples.dtype != np.uint8 and (depth == 8 or picture.depth == 32):
        if depth is None:
            raise PictureError("PIL holds no float RGB or alpha; say depth=8, or take numpy.asarray(picture)")
        samples = _in_8_bits(samples)
    if samples.dtype == np.uint16 and samples.shape[2] > 1:
        raise PictureError("PIL holds 16 bits of gray only; say depth=8, or take numpy.asarray(picture)")
    image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    if picture.profile is not None:
        image.info["icc_profile"] = picture.profile
    if "exif" in picture.metadata:
        image.info["exif"] = _EXIF_PREFIX + picture.metadata["exif"].removeprefix(_EXIF_PREFIX)
    if picture.resolution is not None:
        image.info["dpi"] = tuple(round(each * _INCHES, 4) for each in picture.resolution)
    return image


def from_pil(image: PIL.Image.Image) -> Picture:
    """Return a picture of a PIL image, upright, with what the image knows of profile, EXIF, XMP and resolution.

    Args:
        image: of mode 1, L, LA, P, RGB, RGBA or I;16. Palettes become colours.

    Raises:
        PictureError: another mode: colours of CMYK, YCbCr, LAB and HSV would be guessed.
    """
    from PIL import ImageOps

    if image.mode not in _MODES:
        raise PictureError(
            f"a PIL image of mode {image.mode}; a picture is made of {', '.join(_MODES)}; "
            'convert it: image.convert("RGB"), or PIL.ImageCms where its colours matter'
        )
    upright = ImageOps.exif_transpose(image)
    clear = upright.mode in _ALPHA_MODES or "transparency" in upright.info
    if upright.mode in ("1", "P") or (clear and upright.mode not in _ALPHA_MODES):
        gray = upright.mode in ("1", "L")
        upright = upright.convert(("LA" if clear else "L") if gray else ("RGBA" if clear else "RGB"))
    samples = np.array(upright)
    samples = samples[..., None] if samples.ndim == 2 else samples
    alpha = samples[..., -1].copy() if clear else None
    pixels = samples[..., :-1].copy() if clear else samples
    profile = upright.info.get("icc_profile")
    return Picture(
        pixels,
        alpha,
        profile=profile if profile and profile_fits(profile, pixels.shape[2]) else None,
        metadata=_metadata(upright.info),
        resolution=_resolution(upright.info.get("dpi")),
    )


def preview_png(picture: Picture) -> bytes:
    """Return a PNG of 8 bits whose sides are at most `PREVIEW_SIDE`, with the picture's profile."""
    image = vips.from_array(picture.pixels)
    if picture.alpha is not None:
        image = image.bandjoin(vips.from_array(picture.alpha[..., None]))
    longest = max(picture.height, picture.width)
    if longest > PREVIEW_SIDE:
        image = image.resize(PREVIEW_SIDE / longest)
    if picture.depth != 8:
        image = vips.from_array(_in_8_bits(vips.to_array(image)))
    if picture.profile is not None:
        image = image.copy()
        image.set_type(vips.pyvips().GValue.blob_type, "icc-profile-data", picture.profile)
    made: bytes = image.pngsave_buffer(compression=3)
    return made


def _in_8_bits(samples: NDArray[Any]) -> NDArray[np.uint8]:
    return from_unit(to_unit(samples), np.uint8)


def _metadata(info: Mapping[Any, Any]) -> Mapping[str, bytes]:
    found = {kind: info[kind] for kind in ("exif", "xmp") if isinstance(info.get(kind), bytes) and info[kind]}
    if "exif" in found:
        found["exif"] = found["exif"].removeprefix(_EXIF_PREFIX)
    return MappingProxyType(found)


def _resolution(dpi: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(each) / _INCHES for each in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if across > 0 and down > 0 else None
