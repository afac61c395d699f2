"""Files → libvips images that decode as their pixels are asked for: upright, gray or RGB, with what travels."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from upres.errors import PictureError
from upres.image.codecs import apng, bmp, gif, netpbm, vips
from upres.image.codecs.formats import FORMATS, Format, format_of, names, stranger
from upres.image.metadata import exif, iptc, tiff
from upres.image.metadata.tags import Tags

# libvips' sample types that a picture can hold; a double becomes float32.
SAMPLES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32, "double": np.float32}
_BITS = {"uchar": 8, "ushort": 16, "float": 32, "double": 32}

# libvips' spaces whose bands are already gray or R, G, B; every other one is converted.
_PLAIN_SPACES = ("b-w", "grey16", "srgb", "rgb", "rgb16", "scrgb", "multiband")

_OWN: dict[str, Callable[[Path], Any]] = {"BMP": bmp.opened, "PPM": netpbm.opened}


@dataclass(frozen=True)
class Header:
    """What a file says before its pixels are decoded.

    Attributes:
        format: the format's name (`PNG`, `JPEG`, …), by the file's content and not its suffix.
        width, height: in pixels, as the picture will lie once upright.
        channels: channels in the file, alpha included.
        depth: bits per channel after decoding: 8, 16, or 32 for float.
        space: libvips' name of the file's colour space; `cmyk` is converted to sRGB by `read`.
        orientation: the EXIF tag as stored, 1 to 8; `read` applies it.
        pages: number of pages or frames.
        changes: what reading does to the colours beyond decoding them, in words, for a person.
    """

    format: str
    width: int
    height: int
    channels: int
    depth: int
    space: str
    orientation: int
    pages: int
    changes: tuple[str, ...] = ()


def sniffed(path: Path) -> Format:
    """Return the format of a file by its first bytes.

    Raises:
        PictureError: missing, empty, not a picture, or of a format that this installation does not read.
    """
    if path.is_dir():
        raise PictureError(f"{path}: is a folder; give a picture file")
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file; check the name and the folder") from None
    except OSError as error:
        raise PictureError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    except ValueError as error:  # a name with a NUL in it
        raise PictureError(f"{str(path)!r}: not a file name ({error}); check the name") from None
    if not head:
        raise PictureError(f"{path}: the file is empty (0 bytes); get a whole copy of it")
    form = format_of(head)
    if form is None:
        raise PictureError(f"{path}: {stranger(head)}; upres reads {names()}, so convert it to one of them")
    if form.operation is not None and not vips.has(f"{form.operation}load"):
        raise PictureError(
            f"{path}: a {form.name} file, and the installed libvips is built without it; "
            "convert it to PNG, or install a libvips that has it (upres formats lists what there is)"
        )
    return form


@contextlib.contextmanager
def decoding(path: Path, form: Format) -> Iterator[None]:
    """Turn what libvips says of a file into one line about it."""
    try:
        with vips.errors():
            yield
    except vips.pyvips().Error as error:
        said = reason(error, path)
        if "has not been built in" in error.detail or "Unsupported codec" in error.detail:
            raise PictureError(
                f"{path}: {form.name} of a kind that the installed libvips cannot decode (HEVC, most likely); "
                "convert it to JPEG or PNG, or install a libvips with libde265"
            ) from error
        raise PictureError(
            f"{path}: the {form.name} data is damaged or cut short{said}; get a whole copy of it"
        ) from error


def reason(error: Any, path: Path) -> str:
    """Return what libvips or the system said first, in brackets, or nothing; the rest is its call stack."""
    said = getattr(error, "detail", None) or getattr(error, "strerror", None) or ""
    lines = [line.removeprefix(f"{path}:").strip() for line in str(said).splitlines()]
    return next((f" ({line})" for line in lines if line), "")


def harmless(error: Any) -> bool:
    """Return whether libjpeg's warnings all leave the pixels whole (jerror.h has the list).

    libvips' `fail_on="error"` passes over scan data that cannot be decoded and gives gray or shifted blocks for
    it; `"warning"` stops there, but also at an odd marker that many cameras write.
    """
    lines = [line for line in error.detail.splitlines() if line.strip()]
    broken = ("Corrupt JPEG data", "premature end")
    return bool(lines) and all(
        line.startswith("VipsJpeg:") and ("extraneous bytes" in line or not any(sign in line for sign in broken))
        for line in lines
    )


def opened(path: Path, form: Format, *, page: int = 0, pages: int = 1, fail_on: str = "error") -> Any:
    """Open a file without decoding it; libvips decodes as pixels are asked for, from the top.

    Args:
        path: the file.
        form: its format, by `sniffed`.
        page: the first page or frame, from 0.
        pages: how many, one below the other; -1 for all.
        fail_on: `error`, or `warning` to stop at what a JPEG decoder only warns of.
    """
    if form.operation is None:
        return _OWN[form.name](path)
    if form.name == "GIF":
        gif.check_whole(path)
    # Without `revalidate` libvips would answer from its cache for a file that has since been rewritten.
    options: dict[str, Any] = {"fail_on": fail_on, "revalidate": True, "access": "sequential"}
    if page:
        options["page"] = page
    if pages != 1:
        options["n"] = pages
    image = vips.load(form.operation, path, **options)
    if orientation(image) > 1:
        image = vips.load(form.operation, path, **(options | {"access": "random"}))  # turning reads out of order
    return _in_16_bits(image) if form.operation == "heif" and image.format == "ushort" else image


def _in_16_bits(image: Any) -> Any:
    """Return 10 or 12 bits over the whole range: libvips shifts them up, which leaves white a little gray."""
    unused = 2 ** (16 - (vips.field(image, "bits-per-sample") or 12)) - 1
    return image.linear(65_535 / (65_535 - unused), 0.5).cast("ushort").copy(interpretation=image.interpretation)


def orientation(image: Any) -> int:
    """Return the EXIF orientation of an image, 1 to 8."""
    value = vips.field(image, "orientation")
    return value if value in range(1, 9) else 1


def header_of(path: Path, form: Format, image: Any) -> Header:
    """Return what an opened image says about itself.

    Raises:
        PictureError: samples or channels that no picture has.
    """
    if image.format not in SAMPLES and image.interpretation in _PLAIN_SPACES:
        raise PictureError(
            f"{path}: samples are {image.format}; upres takes 8- and 16-bit unsigned and float; convert it"
        )
    most = 5 if image.interpretation == "cmyk" else 4
    if not 1 <= image.bands <= most:
        raise PictureError(
            f"{path}: {image.bands} channels; upres takes 1 to 4 (gray or RGB, with or without alpha). "
            f"Keep three with: vips extract_band {path} rgb.tif 0 --n 3"
        )
    way = orientation(image)
    turned = way >= 5
    return Header(
        format=form.name,
        width=image.height if turned else image.width,
        height=image.width if turned else image.height,
        channels=image.bands,
        depth=_BITS.get(image.format, 16),
        space=image.interpretation,
        orientation=way,
        pages=_pages(path, form, image),
        changes=_changes(image),
    )


def _pages(path: Path, form: Format, image: Any) -> int:
    if form is FORMATS["png"]:
        return apng.count(path)
    if form is FORMATS["tiff"] and (vips.field(image, "n-pages") or 1) > 1:
        with path.open("rb") as file:
            return len(tiff.pages(file))
    # An HEIF file may hold several photographs; libvips gives the one that is marked as the first.
    return (vips.field(image, "n-pages") or 1) if form.frames else 1


def _changes(image: Any) -> tuple[str, ...]:
    if image.interpretation in _PLAIN_SPACES:
        return ()
    name = {"cmyk": "CMYK", "lab": "Lab", "labs": "Lab", "xyz": "XYZ"}.get(image.interpretation, image.interpretation)
    if image.interpretation != "cmyk":
        return (f"{name} converted to sRGB",)
    own = "its own profile" if image.get_typeof("icc-profile-data") else "libvips' CMYK profile, as it has none"
    return (f"{name} converted to sRGB through {own}",)


def upright(image: Any, header: Header) -> tuple[Any, bytes | None]:
    """Return the image upright in gray or RGB, c = 1 to 4 with alpha last, and the profile it is in."""
    profile = vips.field(image, "icc-profile-data")
    image = image.autorot() if header.orientation > 1 else image
    if header.space in _PLAIN_SPACES:
        return image, profile
    return _in_srgb(image, header), None


def _in_srgb(image: Any, header: Header) -> Any:
    deep = header.depth > 8
    if header.space == "cmyk":
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=16 if deep else 8)
    return image.colourspace("rgb16" if deep else "srgb")


def tags_of(path: Path, form: Format, image: Any, header: Header, profile: bytes | None, *, page: int = 0) -> Tags:
    """Return what travels with the pixels of an opened image that lies in `profile` once upright."""
    extras = tiff.Extras()
    if form is FORMATS["tiff"]:
        with path.open("rb") as file:
            extras = tiff.extras(file, page)
    return Tags(profile, _metadata(image, extras, header), _resolution(path, image, header))


def _metadata(image: Any, extras: tiff.Extras, header: Header) -> MappingProxyType[str, bytes]:
    block = vips.field(image, "exif-data") or extras.exif
    if block and header.orientation > 1:
        block = exif.upright(bytes(block), header.width, header.height)
    records = extras.iptc
    if records is None and header.format == "JPEG" and (stored := vips.field(image, "iptc-data")):
        records = iptc.iim_from_photoshop(bytes(stored))
    blobs = {"exif": block, "iptc": records, "xmp": vips.field(image, "xmp-data")}
    return MappingProxyType({kind: bytes(blob) for kind, blob in blobs.items() if blob})


def _resolution(path: Path, image: Any, header: Header) -> tuple[float, float] | None:
    if _silent(path, image, header):
        block = vips.field(image, "exif-data")
        pair = exif.resolution(bytes(block)) if block else None
    else:
        pair = (float(image.xres), float(image.yres))
    return pair[::-1] if pair and header.orientation >= 5 else pair


def _silent(path: Path, image: Any, header: Header) -> bool:
    """Return whether the resolution that libvips gives is one that it takes when a file has none."""
    if (image.xres == 1 and image.yres == 1) or not (image.xres > 0 and image.yres > 0):
        return True
    if header.format == "PNG":
        return not apng.has_chunk(path, b"pHYs")
    if header.format == "JPEG" and abs(image.xres - 72 / 25.4) < 1e-6:
        with path.open("rb") as file:
            head = file.read(14)
        return not (head[6:11] == b"JFIF\0" and head[13] in (1, 2))  # its unit: inches or centimetres
    return False


def span_of(path: Path, low: float, high: float) -> tuple[float, float]:
    """Return what 0 and 1 must stand for so that numbers from `low` to `high` lie between them.

    Raises:
        PictureError: NaN or infinite numbers.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PictureError(
            f"{path}: holds NaN or infinite numbers, which have no enlargement; fill them in, then try again"
        )
    return min(0.0, low), max(1.0, high)
