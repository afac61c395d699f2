"""A folder of all that goes wrong with pictures, made by a few lines of script; and of what is odd and right."""

import io
import os
import socket
import struct
import zlib
from pathlib import Path

import numpy as np
import pyvips

from tests.png_chunks import chunk
from upres.image import Pages, Picture, write, write_pages

WRITTEN = ("png", "jpg", "webp", "tif", "avif", "gif", "bmp", "ppm")


def pixels(height: int = 30, width: int = 40, channels: int = 3, dtype: str = "uint8") -> Picture:
    generator = np.random.default_rng(height * width)
    samples = generator.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype)
    return Picture(samples)


def good(folder: Path) -> set[str]:
    """Write pictures that are odd and right, and return their names."""
    for suffix in WRITTEN:
        write(pixels(), folder / f"plain.{suffix}")
        write(pixels(1, 1), folder / f"one.{suffix}")
        write(pixels(1, 1, 1), folder / f"one gray.{suffix}")
        if suffix not in ("jpg", "bmp", "ppm"):
            write(Picture(pixels(1, 1).pixels, np.full((1, 1), 9, np.uint8)), folder / f"one clear.{suffix}")
    for suffix in ("png", "tif", "ppm"):
        write(pixels(1, 1, 3, "uint16"), folder / f"one deep.{suffix}")
    write(pixels(1, 60), folder / "a row.png")
    write(pixels(60, 1), folder / "a column.jpg")
    for number in (2, 3):
        frames = [pixels(4, 5)] * number
        for suffix in ("gif", "png", "webp"):
            write_pages(Pages(frames, number, (50.0,) * number), folder / f"{number} frames.{suffix}")
    write_pages(Pages([pixels(4, 5), pixels(9, 2, 1), pixels(1, 1)], 3), folder / "pages of several sizes.tif")
    (folder / "1000 frames.gif").write_bytes(_gif(1_000))
    (folder / "1 frame.gif").write_bytes(_gif(1))
    (folder / "a jpeg in truth.png").write_bytes((folder / "plain.jpg").read_bytes())
    (folder / "a png in truth.jpeg").write_bytes((folder / "plain.png").read_bytes())
    (folder / "more than a picture.png").write_bytes((folder / "plain.png").read_bytes() + b"PK\x03\x04" * 99)
    (folder / "a link.png").symlink_to("plain.png")
    (folder / "in a folder named so.png").mkdir()
    write(pixels(5, 5), folder / "in a folder named so.png" / "inside.png")
    for name in (
        "line\nbreak.png",
        "bell\x07 and \x1b[31mred.png",
        " spaces .png",
        "-rf.png",
        "quote'\".png",
        "日本.png",
    ):
        write(pixels(5, 5), folder / name)
    names = [path for path in folder.rglob("*") if not path.is_dir()]
    try:
        (folder / os.fsdecode(b"caf\xe9.png")).write_bytes((folder / "plain.png").read_bytes())
        names.append(folder / os.fsdecode(b"caf\xe9.png"))
    except OSError:  # this file system takes text only
        pass
    return {str(path.relative_to(folder)) for path in names}


def bad(folder: Path) -> set[str]:
    """Write what is no picture, or not all of one, and return the names."""
    before = set(folder.rglob("*"))
    for suffix in WRITTEN:
        write(pixels(), folder / f"whole.{suffix}")
        whole = (folder / f"whole.{suffix}").read_bytes()
        (folder / f"whole.{suffix}").unlink()
        for tenth in range(10):
            (folder / f"cut at {tenth} tenths.{suffix}").write_bytes(whole[: len(whole) * tenth // 10])
        (folder / f"zeros.{suffix}").write_bytes(bytes(500))
        (folder / f"signature and zeros.{suffix}").write_bytes(whole[:16] + bytes(500))
    for name, content in _CONTENTS.items():
        (folder / name).write_bytes(content)
    (folder / "leads nowhere.png").symlink_to("nothing.png")
    (folder / "round.png").symlink_to("about.png")
    (folder / "about.png").symlink_to("round.png")
    (folder / "myself.png").symlink_to("myself.png")
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(folder)  # a socket's path may have 108 bytes
        made.bind("socket.png")
        os.chdir(here)
    for length in (254, 255):
        write(pixels(3, 3), folder / f"{'n' * (length - 4)}.png")
    write(pixels(3, 3), folder / "locked.png")
    (folder / "locked.png").chmod(0)
    if os.access(folder / "locked.png", os.R_OK):  # whoever runs this may read everything
        (folder / "locked.png").unlink()
    names = {path for path in set(folder.rglob("*")) - before if not path.is_dir()}
    return {str(path.relative_to(folder)) for path in names}


def _png(width: int, height: int, data: bytes, *between: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _gif(frames: int, width: int = 1, height: int = 1) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00"
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + frame * frames + b"\x3b"


def _jpeg(width: int, height: int) -> bytes:
    content = io.BytesIO()
    content.write(pyvips.Image.black(8, 8).jpegsave_buffer())
    coded = bytearray(content.getvalue())
    at = coded.index(b"\xff\xc0")
    coded[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(coded)


def _zeros(count: int) -> bytes:
    """So many zeros as zlib packs them; a million is packed and stands there again and again, which takes no time."""
    packing = zlib.compressobj(9, wbits=-15)
    million = packing.compress(bytes(1_000_000)) + packing.flush(zlib.Z_FULL_FLUSH)
    rest = packing.compress(bytes(count % 1_000_000)) + packing.flush()
    # RFC 1950: a header, and Adler-32, whose first sum stays 1 over zeros, and whose second counts them.
    return b"\x78\xda" + million * (count // 1_000_000) + rest + struct.pack(">HH", count % 65_521, 1)


# 700 megapixels of black in 700 KB.
_BOMB = _png(26_500, 26_500, _zeros(26_501 * 26_500))

_CONTENTS = {
    "empty.png": b"",
    "empty.jpg": b"",
    "one byte.png": b"\x89",
    "text.png": b"this is text, and no picture\n",
    "page.jpg": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "paper.png": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>',
    "xml drawing.png": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "film.jpg": b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(200),
    "program.png": b"\x7fELF\x02\x01\x01" + bytes(200),
    "archive.png": b"PK\x03\x04" + bytes(200),
    "matlab.png": b"MATLAB 5.0 MAT-file" + bytes(200),
    "libvips.png": b"\xb6\xa6\xf2\x08" + bytes(200),
    "bomb.png": _BOMB,
    "huge.png": _png(2**31 - 1, 2**31 - 1, zlib.compress(b"")),
    "no width.png": _png(0, 5, zlib.compress(b"")),
    "no data.png": _png(10, 10, b""),
    "huge.jpg": _jpeg(65_500, 65_500),
    "large.jpg": _jpeg(9_000, 9_000),
    "huge.gif": _gif(1, 40_000, 40_000),
    "huge animation.gif": _gif(10_000, 1, 20_000),
    "huge.ppm": b"P6 999999999 999999999 255\n",
    "large.ppm": b"P6 9999 9999 255\n",
    "negative.ppm": b"P6 -4 4 255\n" + bytes(48),
    "letters.ppm": b"P3 2 2 255\n1 2 3 a b c 4 5 6 7 8 9\n",
    "huge.bmp": b"BM"
    + struct.pack("<IHHI", 54, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 2**31 - 1, 2**31 - 1, 1, 24, *[0] * 6),
    "no rows.bmp": b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 9, 0, 1, 24, *[0] * 6),
    "huge.webp": b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<IB3x", 10, 0) + b"\xff\xff\xff" * 2,
    "round.tif": b"II*\0\x08\0\0\0" + struct.pack("<HHHIIHI", 1, 256, 4, 1, 8, 0, 8),
    "nowhere.tif": b"II*\0\xff\xff\xff\x7f",
}
