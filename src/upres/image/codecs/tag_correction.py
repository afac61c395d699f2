"""Take out of a finished file what libvips and libexif made up: a resolution, a colour space, EXIF tags.

Everything is overwritten in place, so that nothing moves and a large file costs no more than a small one.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from pathlib import Path

from upres.image.codecs import vips
from upres.image.codecs.table import FORMATS, Format


def correct_tags(path: Path, form: Format, exif: bytes | None, *, silent: bool) -> None:
    """Put the given EXIF block in the place of libvips' one, and no resolution where none is known.

    Args:
        path: a file that libvips has just written.
        form: its format.
        exif: the block that was to be written, or `None`.
        silent: whether the picture has no resolution.
    """
    stored = vips.field(vips.load(str(form.operation), path, revalidate=True), "exif-data") if exif else None
    png = form is FORMATS["png"]
    if not stored and not (png and silent):
        return
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        if png and silent:
            _unsay_png_resolution(content)
        if stored and exif:
            _replace_exif(content, bytes(stored).removeprefix(b"Exif\0\0"), exif.removeprefix(b"Exif\0\0"), png=png)


def _unsay_png_resolution(content: mmap.mmap) -> None:
    """Unit 0 says that pixels are square and not how large they are (PNG specification, 11.3.4.3)."""
    at = content.find(b"\0\0\0\x09pHYs", 0, content.find(b"IDAT"))
    if at >= 0:
        body = b"pHYs" + struct.pack(">LLB", 1, 1, 0)
        content[at + 4 : at + 21] = body + struct.pack(">L", zlib.crc32(body))


def _replace_exif(content: mmap.mmap, made: bytes, exif: bytes, *, png: bool) -> None:
    """Overwrite libexif's block, which has tags that the picture has not, such as an uncalibrated colour space."""
    at = content.find(made)
    if at < 0 or len(exif) > len(made):
        return  # libexif left something out: its own block is then the one whose offsets are sure
    content[at : at + len(made)] = exif.ljust(len(made), b"\0")
    if png:
        content[at + len(made) : at + len(made) + 4] = struct.pack(">L", zlib.crc32(content[at - 4 : at + len(made)]))
