"""Rows of bytes → a PNG that holds them as they are, through a pipe to libvips.

Of libvips' loaders that read from a pipe, PNG's is in every build. What goes to it this way is never held whole: a
picture on its way to an encoder, or a plain file, all of which libvips would map. It takes 2 ms a megapixel of RGB.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from upres.image.codecs import vips

# The most that a stored block holds (RFC 1951, 3.2.4).
_STORED_BYTES = 65_535
# Of lines that are sent together.
_SENT_BYTES = 1_000_000


def parts(bands: Iterable[NDArray[np.uint8]], height: int, row_bytes: int) -> Iterator[bytes | memoryview]:
    """Yield the parts of an uncompressed gray PNG (PNG 1.2, 3.2, 4.1 and 9.2) of bands `rows row_bytes`.

    Its sums are left zero: `opened` compares none, and to make and compare them took as long as to code a JPEG. A part
    holds until the next is asked for.
    """
    yield b"\x89PNG\r\n\x1a\n"
    yield from _chunk(b"IHDR", struct.pack(">IIBBBBB", row_bytes, height, 8, 0, 0, 0, 0))
    yield from _unsummed(b"\x78\x01")  # the head of zlib's stream (RFC 1950, 2.2)
    line, places = _stored_line(row_bytes)
    rows = max(1, _SENT_BYTES // len(line))
    held = np.tile(line, (rows, 1))
    for band in bands:
        for top in range(0, len(band), rows):
            part = band[top : top + rows]
            for at, first, last in places:
                held[: len(part), at : at + last - first] = part[:, first:last]
            yield from _unsummed(held[: len(part)].reshape(-1).data)
    yield from _unsummed(b"\x01\0\0\xff\xff" + bytes(4))  # an empty last block, and the stream's own sum
    yield from _chunk(b"IEND", b"")


def opened(descriptor: int, item_bytes: int) -> Any:
    """Open what `parts` yields, at the far end of a pipe: an image of `item_bytes` bands of uchar, from the top.

    A picture that ends early is an error. libvips makes the descriptor its own.
    """
    flat = vips.load_open("png", descriptor, access="sequential", unlimited=True, fail_on="truncated")
    return flat.bandfold(factor=item_bytes)


def read_rows(
    source: Path | IO[bytes], *, offset: int, height: int, row_bytes: int, item_bytes: int = 1, upward: bool = False
) -> Any:
    """Open rows of bytes that stand in a file one after the other, as `opened` does.

    Args:
        source: the file, by its path or opened; then it is closed behind them.
        offset: where they begin.
        height, row_bytes: how many, and how long each is.
        item_bytes: how many bytes are a pixel.
        upward: whether the last row comes first.
    """
    there, here = os.pipe()
    bands = _bands_of(source, offset, height, row_bytes, upward=upward)
    threading.Thread(target=_pour, args=(parts(bands, height, row_bytes), here), name="upres-read", daemon=True).start()
    try:
        return opened(there, item_bytes)
    finally:
        os.close(there)  # libvips has its own


def _bands_of(
    source: Path | IO[bytes], offset: int, height: int, row_bytes: int, *, upward: bool
) -> Iterator[NDArray[np.uint8]]:
    rows = max(1, _SENT_BYTES // row_bytes)
    with source.open("rb") if isinstance(source, Path) else source as file:
        for top in range(0, height, rows):
            count = min(rows, height - top)
            first = height - top - count if upward else top
            file.seek(offset + first * row_bytes)
            band = np.frombuffer(file.read(count * row_bytes), np.uint8).reshape(-1, row_bytes)
            yield band[::-1] if upward else band


def _pour(content: Iterable[bytes | memoryview], pipe: int) -> None:
    # Whoever reads has gone, or the file is not what it was: then the picture ends early, and that is told there.
    with contextlib.suppress(OSError, ValueError), open(pipe, "wb", buffering=0) as there:
        for part in content:
            rest = memoryview(part)
            while rest:
                rest = rest[there.write(rest) or 0 :]


def _stored_line(row_bytes: int) -> tuple[NDArray[np.uint8], list[tuple[int, int, int]]]:
    """Return a line as blocks that are stored (RFC 1951, 3.2.4), and where in it which bytes of a row have their place.

    Each line begins with its filter: none.
    """
    blocks, places, at = [], [], 0
    for first in range(-1, row_bytes, _STORED_BYTES):  # the filter is the byte before the first
        last = min(first + _STORED_BYTES, row_bytes)
        blocks.append(struct.pack("<BHH", 0, last - first, 0xFFFF - (last - first)) + bytes(last - first))
        own = max(first, 0)
        places.append((at + 5 + own - first, own, last))
        at += len(blocks[-1])
    return np.frombuffer(b"".join(blocks), np.uint8), places


def _chunk(kind: bytes, content: bytes) -> Iterator[bytes]:
    yield struct.pack(">I", len(content)) + kind
    yield content
    yield struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _unsummed(content: bytes | memoryview) -> Iterator[bytes | memoryview]:
    yield struct.pack(">I", len(content)) + b"IDAT"
    yield content
    yield bytes(4)
