"""The table of picture formats: what each is called, how it is recognised, what it can hold, and how it is coded.

libvips is the usual coder, so that a new format is a row here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from upres.errors import PictureError, nearest
from upres.image.codecs import bmp, heic, held, netpbm

# A TIFF beyond this many bytes of samples is written as BigTIFF; classic offsets end at 4 GiB.
_CLASSIC_TIFF_BYTES = 3_500_000_000
_BYTES = {"uchar": 1, "ushort": 2, "float": 4}
# Rows of a strip: libtiff holds one coded, and who reads the file some of them decoded.
_STRIP_BYTES, _LEAST_STRIP, _MOST_STRIP = 1_000_000, 16, 128


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How a picture is to be written.

    Attributes:
        quality: 1 to 100, of what is lossy.
        lossless: whether a format that has both ways is written without loss.
        big: make a TIFF a BigTIFF even where this picture alone would not need it.
    """

    quality: int = 95
    lossless: bool = False
    big: bool = False


DecoderBytes = Callable[[Path, Any], int]
"""From a file and the libvips image that says its size to the bytes that its decoder holds of the whole picture."""

EncoderBytes = Callable[[int, int, Writing], int]
"""From pixels, channels and how they are to be written to the bytes that the encoder holds of the whole picture."""

SaverOptions = Callable[[Any, Writing], dict[str, Any]]
"""From the libvips image and how it is to be written to the options of libvips' saver."""


def _decoded_in_rows(path: Path, image: Any) -> int:
    return 0


def _encoded_in_rows(pixels: int, channels: int, writing: Writing) -> int:
    return 0


def _no_options(image: Any, writing: Writing) -> dict[str, Any]:
    return {}


class Opener(Protocol):
    """A decoder of upres's own."""

    def __call__(self, path: Path, *, decode: bool = True) -> Any:
        """Return a libvips image; it may be black where only its size and kind are asked for."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """What reads a format where libvips cannot: an extra of upres, which installs a package.

    Attributes:
        title: what people call such files.
        name: of the extra, as in `upres[name]`.
        module: what it brings.
        licence: of what it brings, as far as it differs from upres's.
        needed: whether libvips cannot read a file of the format.
        open: reads it with the module.
    """

    title: str
    name: str
    module: str
    licence: str
    needed: Callable[[Path], bool]
    open: Opener

    @property
    def install(self) -> str:
        """What to do to have it, for a message."""
        return f'pip install "upres[{self.name}]" ({self.licence})'


@dataclass(frozen=True, kw_only=True)
class Format:
    """One file format.

    Attributes:
        name: what people call it, and what messages say.
        suffixes: the endings of its files, the usual one first.
        signature: how its files begin; it is matched against their first 32 bytes.
        operation: stem of libvips' operations for it: `png` → `pngload`, `pngsave`; `None` where upres has its
            own coder, because few builds of libvips have one.
        open, save: upres's own coder, where there is no `operation`: a path → a libvips image (which may be black
            with `decode=False`), and back into a file.
        extra: what reads it where libvips cannot.
        options: libvips' saver options.
        decoder_bytes, encoder_bytes: what is held of a whole picture while it is read or written, rows apart.
        depths: bits per channel it can hold (32 means float).
        alpha: whether it holds transparency.
        most: the longest side in pixels that it can hold.
        lossless, lossy: which ways of writing it has.
        frames: whether it holds several pictures shown one after the other, with delays.
        pages: whether it holds several pictures of any sizes.
        gray: whether it holds gray as one channel; else as three equal ones.
        cicp: whether upres writes into it what HDR pixels mean.
        written: whether upres writes it.
    """

    name: str
    suffixes: tuple[str, ...]
    signature: re.Pattern[bytes]
    operation: str | None = None
    open: Opener | None = None
    save: Callable[[Any, BinaryIO], None] | None = None
    extra: Extra | None = None
    options: SaverOptions = _no_options
    decoder_bytes: DecoderBytes = _decoded_in_rows
    encoder_bytes: EncoderBytes = _encoded_in_rows
    depths: tuple[int, ...]
    alpha: bool
    most: int
    lossless: bool
    lossy: bool
    frames: bool = False
    pages: bool = False
    gray: bool = True
    cicp: bool = False
    written: bool = True


def _starts(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


def _brands(*brands: bytes) -> re.Pattern[bytes]:
    """Return the start of an ISO media file with one of these brands: the first, or one of the compatible ones."""
    anyone = b"|".join(brands)
    return _starts(rb".{4}ftyp(?:%b|.{8}(?:.{4})*?(?:%b))" % (anyone, anyone))


def _jpeg_options(image: Any, writing: Writing) -> dict[str, Any]:
    # Huffman tables of its own make a file 3 % smaller; they take as long as all the rest, and hold the whole picture.
    return {"Q": writing.quality, "subsample_mode": "off", "optimize_coding": False}


def _webp_bytes(pixels: int, channels: int, writing: Writing) -> int:
    return held.webp_encoder(pixels, channels, lossless=writing.lossless)


def _avif_bytes(pixels: int, channels: int, writing: Writing) -> int:
    return held.avif_encoder(pixels)


def _jxl_bytes(pixels: int, channels: int, writing: Writing) -> int:
    return held.jxl_encoder(pixels, channels)


def _gif_bytes(pixels: int, channels: int, writing: Writing) -> int:
    return held.gif_encoder(pixels)


def _png_options(image: Any, writing: Writing) -> dict[str, Any]:
    # Enlarged pictures are smooth: what differs from the row above takes half the bytes that the samples take, in
    # two thirds of the time. Level 6 would save another 8 % in nearly three times the time (benchmarks/png.py).
    return {"filter": "up", "compression": 3}


def _webp_options(image: Any, writing: Writing) -> dict[str, Any]:
    return {"lossless": True, "exact": True} if writing.lossless else {"Q": writing.quality}


def _tiff_options(image: Any, writing: Writing) -> dict[str, Any]:
    samples = _BYTES[image.format]
    rows = _STRIP_BYTES // (samples * image.bands * image.width)
    return {
        "tile_height": min(max(rows, _LEAST_STRIP), _MOST_STRIP),
        "compression": "deflate",
        "predictor": "float" if samples == 4 else "horizontal",
        "bigtiff": writing.big or samples * image.bands * image.width * image.height > _CLASSIC_TIFF_BYTES,
        "resunit": "inch",
    }


def _avif_options(image: Any, writing: Writing) -> dict[str, Any]:
    way = {"lossless": True} if writing.lossless else {"Q": writing.quality, "subsample_mode": "off"}
    return {**way, "compression": "av1", "bitdepth": 8 if _BYTES[image.format] == 1 else 12}


def _jxl_options(image: Any, writing: Writing) -> dict[str, Any]:
    return {"lossless": True} if writing.lossless else {"Q": writing.quality}


def _gif_options(image: Any, writing: Writing) -> dict[str, Any]:
    # Each frame has its own delay. Effort 7 takes twice the time of 5, for palettes nearer by a fraction of a dB.
    return {"keep_duplicate_frames": True, "effort": 5}


FORMATS = {
    "png": Format(
        name="PNG",
        suffixes=(".png", ".apng"),
        signature=_starts(rb"\x89PNG\r\n\x1a\n"),
        operation="png",
        options=_png_options,
        decoder_bytes=held.png_decoder,
        depths=(8, 16),
        alpha=True,
        most=2**31 - 1,
        lossless=True,
        lossy=False,
        frames=True,
        cicp=True,
    ),
    "jpeg": Format(
        name="JPEG",
        suffixes=(".jpg", ".jpeg"),
        signature=_starts(rb"\xff\xd8\xff"),
        operation="jpeg",
        options=_jpeg_options,
        decoder_bytes=held.jpeg_decoder,
        depths=(8,),
        alpha=False,
        most=65_535,
        lossless=False,
        lossy=True,
    ),
    "webp": Format(
        name="WebP",
        suffixes=(".webp",),
        signature=_starts(rb"RIFF.{4}WEBP"),
        operation="webp",
        options=_webp_options,
        decoder_bytes=held.webp_decoder,
        encoder_bytes=_webp_bytes,
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
        signature=_starts(rb"II[*+]\0|MM\0[*+]"),
        operation="tiff",
        options=_tiff_options,
        decoder_bytes=held.tiff_decoder,
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
        signature=_brands(b"avif", b"avis"),
        operation="heif",
        options=_avif_options,
        decoder_bytes=held.heif_decoder,
        encoder_bytes=_avif_bytes,
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
        signature=_brands(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
        operation="heif",
        extra=Extra(
            title="HEIC",
            name="heic",
            module="pillow_heif",
            licence="its wheel holds x265, under GPL-2.0",
            needed=heic.needed,
            open=heic.opened,
        ),
        decoder_bytes=held.heif_decoder,
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
        signature=_starts(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
        operation="jxl",
        options=_jxl_options,
        decoder_bytes=held.jxl_decoder,
        encoder_bytes=_jxl_bytes,
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
        signature=_starts(rb"GIF8[79]a"),
        operation="gif",
        options=_gif_options,
        decoder_bytes=held.gif_decoder,
        encoder_bytes=_gif_bytes,
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
        # Two letters are too little: the size of the header that follows must be one that BMP has.
        signature=_starts(rb"BM.{12}[\x0c\x28\x34\x38\x6c\x7c]\0\0\0"),
        open=bmp.opened,
        decoder_bytes=bmp.held_decoding,
        save=bmp.save,
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
        signature=_starts(rb"P[1-6][ \t\r\n#]"),
        open=netpbm.opened,
        decoder_bytes=netpbm.held_decoding,
        save=netpbm.save,
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

_RAW = "a camera's raw file; develop it to TIFF first, in a raw converter or the camera's own program"
# Files that people do try, so that the message can call them by name; where a way is known, it says the way.
_UNREAD = (
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%PDF", "a PDF file; make pictures of its pages first: pdftoppm -r 300 -png file.pdf page"),
    (4, b"jP  ", "a JPEG 2000 file"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (0, b"\x00\x00\x01\x00", "a Windows icon file"),
    (0, b"<svg", "a SVG file"),
    (4, b"ftypcrx ", _RAW),  # CR3
    (0, b"FUJIFILMCCD-RAW", _RAW),
    (0, b"IIU\0", _RAW),  # RW2
    (0, b"IIRO", _RAW),  # ORF
    (0, b"IIRS", _RAW),
    (0, b"MMOR", _RAW),
    (0, b"FOVb", _RAW),  # X3F
    (0, b"\0MRM", _RAW),
)


def recognised(head: bytes) -> Format | None:
    """Return the format of a file that begins with `head` (32 bytes are enough), or `None`."""
    return next((form for form in FORMATS.values() if form.signature.match(head[:32])), None)


def unread(head: bytes) -> str:
    """Return what a file that upres does not read seems to be, for a message: `a PDF file`, and a way if known."""
    return next((said for at, mark, said in _UNREAD if head[at : at + len(mark)] == mark), "not a picture")


def format_for(path: Path) -> Format:
    """Return the format that a file's suffix asks for.

    Raises:
        PictureError: no format has it.
    """
    form = WRITTEN.get(path.suffix.lower())
    if form is None:
        said = f"upres writes no {path.suffix} files" if path.suffix else "the name has no suffix to say the format"
        raise PictureError(f"{said}; {nearest(path.suffix.lower(), WRITTEN)}", where=path)
    return form
