"""What kind of picture a file is, and what it says before its pixels are decoded; or why upres does not take it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from upres.config.limits import MAX_SIDE
from upres.errors import PictureError
from upres.image.codecs import apng, vips
from upres.image.codecs.installation import unread_message
from upres.image.codecs.table import FORMATS, Format, recognised
from upres.image.metadata import tiff

SAMPLES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32, "double": np.float32}
"""libvips' sample types that a picture can hold; a double becomes float32."""

PLAIN_SPACES = ("b-w", "grey16", "srgb", "rgb", "rgb16", "scrgb", "multiband")
"""libvips' spaces whose bands are already gray or R, G, B; every other one is converted."""

_BITS = {"uchar": 8, "ushort": 16, "float": 32, "double": 32}


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


def recognised_format(path: Path) -> Format:
    """Return the format of a file by its first bytes.

    Raises:
        PictureError: missing, empty, not a picture, or of a format that this installation does not read.
    """
    if path.is_dir():
        raise PictureError("is a folder; give a picture file", where=path)
    try:
        if path.is_symlink() and not path.exists():
            raise PictureError("is a link that leads nowhere; mend the link, or remove it", where=path)
        if path.exists() and not path.is_file():  # opening a pipe waits for who writes into it
            raise PictureError(
                "is a pipe or a device, and formats are read from their end, too; "
                "save it as a file, or send it through standard input",
                where=path,
            )
        with path.open("rb") as file:
            head = file.read(32)
    except FileNotFoundError:
        raise PictureError("no such file; check the name and the folder", where=path) from None
    except OSError as error:
        raise PictureError(f"cannot be opened ({error.strerror}); check its permissions", where=path) from error
    except ValueError as error:  # a name with a NUL in it
        raise PictureError(f"{str(path)!r}: not a file name ({error}); check the name") from None
    if not head:
        raise PictureError("the file is empty (0 bytes); get a whole copy of it", where=path)
    form = recognised(head)
    if form is None:
        raise PictureError(unread_message(head), where=path)
    if form.operation is not None and form.extra is None and not vips.has(f"{form.operation}load"):
        raise PictureError(
            f"a {form.name} file, and the installed libvips is built without it; "
            "convert it to PNG, or install a libvips that has it (upres formats lists what there is)",
            where=path,
        )
    return form


def orientation_of(image: Any) -> int:
    """Return the EXIF orientation of an image, 1 to 8."""
    value = vips.field(image, "orientation")
    return value if value in range(1, 9) else 1


def header_of(path: Path, form: Format, image: Any) -> Header:
    """Return what an opened image says about itself.

    Raises:
        PictureError: samples or channels that no picture has.
    """
    if image.format not in SAMPLES and image.interpretation in PLAIN_SPACES:
        raise PictureError(
            f"samples are {image.format}; upres takes 8- and 16-bit unsigned and float; convert it", where=path
        )
    most = 5 if image.interpretation == "cmyk" else 4
    if not 1 <= image.bands <= most:
        raise PictureError(
            f"{image.bands} channels; upres takes 1 to 4 (gray or RGB, with or without alpha). "
            f"Keep three with: vips extract_band {path} rgb.tif 0 --n 3",
            where=path,
        )
    stored = orientation_of(image)
    turned = stored >= 5
    return Header(
        format=form.name,
        width=image.height if turned else image.width,
        height=image.width if turned else image.height,
        channels=image.bands,
        depth=_BITS.get(image.format, 16),
        space=image.interpretation,
        orientation=stored,
        pages=_pages(path, form, image),
        changes=_changes(image),
    )


def check_developed(path: Path) -> None:
    """Refuse a camera's raw data: what a TIFF reader sees of it is its thumbnail.

    Raises:
        PictureError: says how it becomes a picture.
    """
    with path.open("rb") as file:
        if tiff.raw_photograph(file):
            raise PictureError(
                "a camera's raw data (DNG, NEF, CR2, ARW, …), in which only a thumbnail is a finished picture; develop "
                "it to TIFF first, in a raw converter",
                where=path,
            )


def check_rows(path: Path, form: Format, header: Header) -> None:
    """Refuse an animation whose frames libvips cannot put one below the other.

    Raises:
        PictureError: says how many rows that are, and how many it takes.
    """
    rows = header.pages * max(header.width, header.height)
    if header.pages > 1 and rows > MAX_SIDE:
        raise PictureError(
            f"{header.pages:,} frames of {header.height:,} rows are more than the {MAX_SIDE:,} that libvips "
            f"takes of a {form.name}; take its frames apart",
            where=path,
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
    left = vips.field(image, vips.LEFT_BEHIND)
    dropped = (f"{left} left behind",) if left else ()
    if image.interpretation in PLAIN_SPACES:
        return dropped
    name = {"cmyk": "CMYK", "lab": "Lab", "labs": "Lab", "xyz": "XYZ"}.get(image.interpretation, image.interpretation)
    if image.interpretation != "cmyk":
        return (*dropped, f"{name} converted to sRGB")
    own = "its own profile" if image.get_typeof("icc-profile-data") else "libvips' CMYK profile, as it has none"
    return (*dropped, f"{name} converted to sRGB through {own}")
