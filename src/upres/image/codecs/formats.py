"""The table of picture formats: what each is called, how it is recognised, what it can hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from upres.errors import PictureError, nearest


@dataclass(frozen=True, kw_only=True)
class Format:
    """One file format.

    Attributes:
        name: what people call it, and what messages say.
        suffixes: the endings of its files, the usual one first.
        operation: stem of libvips' operations for it: `png` → `pngload`, `pngsave`; `None` where upres has its
            own coder, because few builds of libvips have one.
        depths: bits per channel it can hold (32 means float).
        alpha: whether it holds transparency.
        most: the longest side in pixels that it can hold.
        lossless, lossy: which ways of writing it has.
        frames: whether it holds several pictures shown one after the other, with delays.
        pages: whether it holds several pictures of any sizes.
        gray: whether it holds gray as one channel; else as three equal ones.
        written: whether upres writes it.
    """

    name: str
    suffixes: tuple[str, ...]
    operation: str | None
    depths: tuple[int, ...]
    alpha: bool
    most: int
    lossless: bool
    lossy: bool
    frames: bool = False
    pages: bool = False
    gray: bool = True
    written: bool = True


FORMATS = {
    "png": Format(
        name="PNG",
        suffixes=(".png", ".apng"),
        operation="png",
        depths=(8, 16),
        alpha=True,
        most=2**31 - 1,
        lossless=True,
        lossy=False,
        frames=True,
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
        frames=True,
        gray=False,
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
        pages=True,
    ),
    "avif": Format(
        name="AVIF",
        suffixes=(".avif",),
        operation="heif",
        depths=(8, 12),
        alpha=True,
        # libvips' limit on a side, a quarter of AV1's own.
        most=16_384,
        lossless=True,
        lossy=True,
        gray=False,
    ),
    "heif": Format(
        name="HEIF",
        suffixes=(".heic", ".heif"),
        operation="heif",
        depths=(8, 12),
        alpha=True,
        most=16_384,
        lossless=False,
        lossy=True,
        gray=False,
        written=False,
    ),
    "jxl": Format(
        name="JPEG XL",
        suffixes=(".jxl",),
        operation="jxl",
        depths=(8, 16, 32),
        alpha=True,
        most=2**30 - 1,
        lossless=True,
        lossy=True,
        frames=True,
    ),
    "gif": Format(
        name="GIF",
        suffixes=(".gif",),
        operation="gif",
        depths=(8,),
        alpha=True,
        most=65_535,
        lossless=False,  # 256 colours
        lossy=True,
        frames=True,
    ),
    "bmp": Format(
        name="BMP",
        suffixes=(".bmp",),
        operation=None,
        depths=(8,),
        alpha=False,
        # Its file size is a 4-byte number: about 37,000 pixels square.
        most=2**31 - 1,
        lossless=True,
        lossy=False,
    ),
    "ppm": Format(
        name="PPM",
        suffixes=(".ppm", ".pgm", ".pnm"),
        operation=None,
        depths=(8, 16),
        alpha=False,
        most=2**31 - 1,
        lossless=True,
        lossy=False,
    ),
}

SUFFIXES = {suffix: form for form in FORMATS.values() for suffix in form.suffixes}
"""What is read, by the file's ending."""

WRITTEN = {suffix: form for suffix, form in SUFFIXES.items() if form.written}
"""What is written, by the file's ending."""

# Formats that people do try, so that the message can call them by name.
_STRANGERS = (
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"\x00\x00\x01\x00", "Windows icon"),
    (0, b"<svg", "SVG"),
)

_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    *((b"P%d" % kind + space, "ppm") for kind in range(1, 7) for space in (b" ", b"\t", b"\r", b"\n", b"#")),
)


def format_of(head: bytes) -> Format | None:
    """Return the format of a file that begins with `head` (32 bytes are enough), or `None`."""
    for start, name in _STARTS:
        if head.startswith(start):
            return FORMATS[name]
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return FORMATS["webp"]
    # Two letters are too little: the size of the header that follows must be one that BMP has.
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 108, 124):
        return FORMATS["bmp"]
    if head[4:8] == b"ftyp":
        brands = [head[8:12], *(head[at : at + 4] for at in range(16, len(head), 4))]
        if any(brand in _AVIF_BRANDS for brand in brands):
            return FORMATS["avif"]
        if any(brand in _HEIF_BRANDS for brand in brands):
            return FORMATS["heif"]
    return None


def stranger(head: bytes) -> str:
    """Return what a file that upres does not read seems to be, for a message: `a PDF file`."""
    for at, mark, name in _STRANGERS:
        if head[at : at + len(mark)] == mark:
            return f"a {name} file"
    return "not a picture"


def format_for(path: Path) -> Format:
    """Return the format that a file's suffix asks for.

    Raises:
        PictureError: no format has it.
    """
    form = WRITTEN.get(path.suffix.lower())
    if form is None:
        said = f"upres writes no {path.suffix} files" if path.suffix else "the name has no suffix to say the format"
        raise PictureError(f"{path}: {said}; {nearest(path.suffix.lower(), WRITTEN)}")
    return form


def names() -> str:
    """Return the formats' names for a message."""
    return ", ".join(form.name for form in FORMATS.values())
