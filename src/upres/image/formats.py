"""The table of picture formats: what each is called, how it is recognised, what it can hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from upres.errors import PictureError, nearest


@dataclass(frozen=True)
class Format:
    """One file format.

    Attributes:
        name: what people call it, and what messages say.
        suffixes: the endings of its files, the usual one first.
        operation: stem of libvips' operations for it: `png` → `pngload`, `pngsave`.
        depths: bits per channel it can hold (32 means float).
        alpha: whether it holds transparency.
        most: the longest side in pixels that it can hold.
        lossless, lossy: which ways of writing it has.
    """

    name: str
    suffixes: tuple[str, ...]
    operation: str
    depths: tuple[int, ...]
    alpha: bool
    most: int
    lossless: bool
    lossy: bool


FORMATS = {
    "png": Format(
        name="PNG",
        suffixes=(".png",),
        operation="png",
        depths=(8, 16),
        alpha=True,
        most=2**31 - 1,
        lossless=True,
        lossy=False,
    ),
    "jpeg": Format(
        name="JPEG",
        suffixes=(".jpg", ".jpeg"),
        operation="jpeg",
        depths=(8,),
        alpha=False,
        most=65_535,
        lossless=False,
        lossy=True,
    ),
    "webp": Format(
        name="WebP",
        suffixes=(".webp",),
        operation="webp",
        depths=(8,),
        alpha=True,
        most=16_383,
        lossless=True,
        lossy=True,
    ),
    "tiff": Format(
        name="TIFF",
        suffixes=(".tif", ".tiff"),
        operation="tiff",
        depths=(8, 16, 32),
        alpha=True,
        most=2**31 - 1,
        lossless=True,
        lossy=False,
    ),
}

SUFFIXES = {suffix: form for form in FORMATS.values() for suffix in form.suffixes}

# Formats that people do try, so that the message can call them by name.
_STRANGERS = (
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyphei", "HEIF"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"JXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"jP  ", "JPEG 2000"),
)


def format_of(head: bytes) -> Format | None:
    """Return the format of a file that begins with `head` (12 bytes are enough), or `None`."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return FORMATS["png"]
    if head.startswith(b"\xff\xd8\xff"):
        return FORMATS["jpeg"]
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return FORMATS["webp"]
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return FORMATS["tiff"]
    return None


def stranger(head: bytes) -> str:
    """Return what a file that upres does not read seems to be, for a message: `a GIF file`."""
    for at, mark, name in _STRANGERS:
        if head[at : at + len(mark)] == mark:
            return f"a {name} file"
    return "not a picture"


def format_for(path: Path) -> Format:
    """Return the format that a file's suffix asks for.

    Raises:
        PictureError: no format has it.
    """
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        said = f"upres writes no {path.suffix} files" if path.suffix else "the name has no suffix to say the format"
        raise PictureError(f"{path}: {said}; {nearest(path.suffix.lower(), SUFFIXES)}")
    return form


def names() -> str:
    """Return the formats' names for a message."""
    return ", ".join(form.name for form in FORMATS.values())
