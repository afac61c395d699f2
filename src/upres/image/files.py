"""Files ⇄ pictures in memory.

What enters is upright, whole, and gray or RGB, or it is an error; what leaves is complete, or is not there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import FailedError, PictureError
from upres.image.codecs import encode, vips
from upres.image.codecs.decode import (
    SAMPLES,
    Header,
    decoding,
    harmless,
    header_of,
    opened,
    reason,
    sniffed,
    span_of,
    tags_of,
    upright,
)
from upres.image.codecs.formats import FORMATS, SUFFIXES, Format, format_for
from upres.image.metadata.tags import Tags
from upres.image.picture import Picture, from_unit, profile_fits, to_unit
from upres.storage.atomic import whole_file

# What a message proposes instead: lossless, and read everywhere.
_ADVISED = ("png", "webp", "tiff")

MAX_PIXELS = 500_000_000
"""Larger pictures are refused unless the caller says otherwise."""


def read_header(path: str | Path) -> Header:
    """Return what a picture file says about itself, without decoding it.

    Raises:
        PictureError: missing, empty, not a picture, or of a kind that upres does not take.
    """
    path = Path(path)
    form = sniffed(path)
    with decoding(path, form):
        return header_of(path, form, opened(path, form))


def read(path: str | Path, *, max_pixels: int = MAX_PIXELS, page: int = 0) -> Picture:
    """Decode a picture file: upright, gray or RGB, with alpha, profile and metadata.

    CMYK and Lab are converted to sRGB through the embedded profile (or libvips' own where there is none);
    palettes and 1-bit pictures are expanded; colours that were stored multiplied by alpha are divided again.
    A profile for other channels than the file's (a gray file with an RGB profile) is left behind. A float
    TIFF that goes beyond [0, 1] is brought into it, and the picture's `span` says from where.

    Args:
        path: a picture file, whatever its suffix; `upres formats` lists the formats.
        max_pixels: refuse larger pictures before decoding them.
        page: which page of a TIFF or frame of a GIF or WebP, from 0; `read_pages` reads all.

    Raises:
        PictureError: missing, empty, no picture, truncated, too large, or of a kind that upres does not take.
    """
    path = Path(path)
    form = sniffed(path)
    with decoding(path, form):
        image = opened(path, form, page=page, fail_on="warning" if form is FORMATS["jpeg"] else "error")
        header = header_of(path, form, image)
        check_pixels(path, header, max_pixels)
        try:
            with vips.errors():
                pixels, profile = _decoded(image, header)
        except vips.pyvips().Error as error:
            if not harmless(error):
                raise
            image = opened(path, form, page=page, fail_on="error")
            pixels, profile = _decoded(image, header)
        tags = tags_of(path, form, image, header, profile, page=page)
    return picture_of(path, pixels, tags)


def check_pixels(path: Path, header: Header, max_pixels: int) -> None:
    """Refuse a picture of more than `max_pixels`, by its header.

    Raises:
        PictureError: it has more.
    """
    count = header.width * header.height
    if count > max_pixels:
        raise PictureError(
            f"{path}: {header.width}×{header.height} is {count:,} pixels, more "
            f"than the {max_pixels:,} allowed; reduce it, or raise max_pixels (--max-pixels)"
        )


def check_writable(
    path: str | Path,
    *,
    height: int,
    width: int,
    alpha: bool = False,
    lossless: bool = False,
    span: tuple[float, float] = (0.0, 1.0),
) -> Format:
    """Return the format for `path`, sure that such a picture can be put there, before any work is done.

    Raises:
        PictureError: names what stands in the way, and a format that would do.
    """
    path = Path(path)
    form = format_for(path)
    if not encode.can_write(form):
        raise PictureError(
            f"{path}: the installed libvips is built without writing {form.name}; "
            f"write {_suffixes(most=max(height, width), alpha=alpha)}, or install a libvips that has it"
        )
    if max(height, width) > form.most:
        raise PictureError(
            f"{path}: {width}×{height} does not fit {form.name}, whose sides end at {form.most:,}; "
            f"write {_suffixes(most=max(height, width), alpha=alpha)}"
        )
    if alpha and not form.alpha:
        raise PictureError(
            f"{path}: the picture has transparency and {form.name} holds none; "
            f"write {_suffixes(most=max(height, width), alpha=True)}, or lay it on a colour with --background white"
        )
    if lossless and not form.lossless:
        raise PictureError(
            f"{path}: {form.name} is never lossless; write {_suffixes(most=max(height, width), alpha=alpha)}"
        )
    if span != (0, 1) and 32 not in form.depths:
        raise PictureError(
            f"{path}: the picture goes from {span[0]:g} to {span[1]:g}, and {form.name} ends at 0 and 1; write .tif"
        )
    encode.check_size(path, form, height, width)
    if path.is_dir():
        raise PictureError(f"{path}: is a folder; give the name of a file in it")
    if not path.parent.is_dir():
        raise PictureError(f"{path}: there is no folder {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PictureError(f"{path}: the folder {path.parent} may not be written to; choose another place")
    return form


def write(picture: Picture, path: str | Path, *, quality: int = 95, lossless: bool = False) -> None:
    """Encode a picture into the format that the path's suffix asks for.

    The file appears complete or not at all: it is written beside its place and renamed. What the format
    cannot hold in depth is rounded (16-bit and float into JPEG, WebP, GIF and BMP: 8 bits; into AVIF: 12; float
    into PNG and PPM: 16). Size and orientation tags are made true. Alpha that is opaque everywhere does not keep
    a picture out of JPEG. What has no place is left behind: IPTC outside JPEG and TIFF, XMP or IPTC beyond 64 KB
    in JPEG, resolution without EXIF in WebP and AVIF, all metadata in GIF, BMP and PPM. WebP and AVIF hold gray
    as three equal channels; GIF holds 256 colours, and of alpha whether it is above one half.

    Args:
        picture: what to write.
        path: in a folder that exists; its suffix is one of `upres formats`.
        quality: 1 to 100, of JPEG and AVIF (which keep full colour resolution, 4:4:4), lossy WebP and JPEG XL.
        lossless: make WebP, AVIF and JPEG XL lossless, and refuse JPEG; PNG and TIFF are lossless anyway.

    Raises:
        PictureError: the format cannot hold the picture, or the path cannot be written; nothing was written.
        FailedError: encoding failed (a full disk, say); nothing is left behind.
    """
    path = Path(path)
    if not 1 <= quality <= 100:
        raise PictureError(f"{path}: quality = {quality}: should be from 1 to 100")
    form = format_for(path)
    if picture.alpha is not None and not form.alpha and opaque(picture.alpha):
        picture = dataclasses.replace(picture, alpha=None)
    check_writable(
        path,
        height=picture.height,
        width=picture.width,
        alpha=picture.alpha is not None,
        lossless=lossless,
        span=picture.span,
    )
    image = vips.from_array(samples_of(picture, form))
    with unfinished(path) as temporary:
        encode.save(image, temporary, form, picture.tags, quality=quality, lossless=lossless)


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Give a path to write to, renamed to `path` when all went well; what stops the writing gets its own line.

    Raises:
        FailedError: libvips or the system failed (a full disk, say); nothing is left behind.
    """
    try:
        with vips.errors(), whole_file(path) as temporary:
            yield temporary
    except (vips.pyvips().Error, OSError) as error:
        raise FailedError(f"{path}: could not be written{reason(error, path)}; nothing was left behind") from error


def picture_files(folder: str | Path, *, recursive: bool = False) -> list[Path]:
    """Return the files in a folder whose suffix says picture, sorted by name; hidden ones are passed over.

    Raises:
        PictureError: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "a file, not a folder" if root.exists() else "no such folder"
        raise PictureError(f"{folder}: {what}; give a folder of pictures")
    found = root.rglob("*") if recursive else root.glob("*")
    wanted = (path for path in found if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in wanted if path.is_file())


def picture_of(path: Path, pixels: NDArray[Any], tags: Tags) -> Picture:
    """Return decoded samples `h w c`, alpha last when c is even, as a picture.

    Raises:
        PictureError: numbers that no picture holds.
    """
    alpha = np.ascontiguousarray(pixels[..., -1]) if pixels.shape[2] in (2, 4) else None
    colours = np.ascontiguousarray(pixels[..., :-1]) if alpha is not None else pixels
    span = (0.0, 1.0)
    if colours.dtype == np.float32:
        low, high = span = span_of(path, float(colours.min()), float(colours.max()))
        if span != (0, 1):
            colours = np.clip((colours - np.float64(low)) / (high - low), 0, 1).astype(np.float32)
    profile = tags.profile if tags.profile and profile_fits(tags.profile, colours.shape[2]) else None
    try:
        return Picture(colours, alpha, profile=profile, metadata=tags.metadata, resolution=tags.resolution, span=span)
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from None


def samples_of(picture: Picture, form: Format) -> NDArray[Any]:
    """Return `h w c` with alpha last, in the deepest dtype that the format holds and that the picture needs."""
    pixels = picture.pixels
    if picture.span != (0, 1):
        low, high = picture.span
        pixels = (pixels * np.float64(high - low) + low).astype(np.float32)
    samples = pixels if picture.alpha is None else np.dstack([pixels, picture.alpha])
    dtype = encode.stored_dtype(form, samples.dtype.name)
    return np.ascontiguousarray(samples if dtype == samples.dtype else from_unit(to_unit(samples), dtype))


def opaque(alpha: NDArray[Any]) -> bool:
    """Return whether alpha hides nothing."""
    return bool((alpha == (1 if alpha.dtype == np.float32 else np.iinfo(alpha.dtype).max)).all())


def _decoded(image: Any, header: Header) -> tuple[NDArray[Any], bytes | None]:
    image, profile = upright(image, header)
    return vips.to_array(image).astype(SAMPLES[image.format], copy=False), profile


def _suffixes(*, most: int, alpha: bool) -> str:
    fitting = (form for form in map(FORMATS.__getitem__, _ADVISED) if form.most >= most and form.alpha >= alpha)
    return " or ".join(form.suffixes[0] for form in fitting)
