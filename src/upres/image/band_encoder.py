"""Bands of rows → a file, by libvips' encoders, which take rows as they need them."""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image.bands import Shape
from upres.image.codecs import encode, vips
from upres.image.codecs.table import Format, Writing
from upres.image.metadata.tags import Tags

# The most that a stored block holds (RFC 1951, 3.2.4).
_STORED_BYTES = 65_535


class BandEncoder:
    """libvips' encoder in a thread, at the far end of a pipe.

    Of libvips' loaders that read from a pipe, PNG's is in every build. Bands go through it as the gray pixels of
    an uncompressed PNG as wide as a row has bytes, and are folded back into channels behind it: 2 ms a
    megapixel of RGB, where a JPEG's coding takes 13.
    """

    def __init__(self, path: Path, shape: Shape, form: Format, tags: Tags, writing: Writing) -> None:
        self._shape = shape
        self._read, self._write = os.pipe()
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._job = (path, form, tags, writing)
        self._thread = threading.Thread(target=self._run, name="upres-write", daemon=True)
        self._thread.start()

    def feed(self, bands: Iterable[NDArray[Any]]) -> None:
        """Send every band; return early when the encoder has failed."""
        try:
            for part in _png(bands, self._shape):
                rest = memoryview(part).cast("B")
                while len(rest):
                    if self._done.is_set():
                        return
                    rest = rest[os.write(self._write, rest) :]
        finally:
            os.close(self._write)

    def leave(self) -> None:
        """Wait for the encoder to end; a picture whose last row it has not seen is an error to it."""
        self._thread.join()

    def check(self) -> None:
        """Raise what the encoder raised."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._save()
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()
            with os.fdopen(self._read, "rb", buffering=0) as rest:
                while rest.read(1 << 20):  # or `feed` would wait for ever with a full pipe
                    pass

    def _save(self) -> None:
        path, form, tags, writing = self._job
        pyvips = vips.pyvips()
        with vips.errors():
            source = pyvips.Source.new_from_descriptor(self._read)
            flat = pyvips.Image.pngload_source(source, access="sequential", unlimited=True, fail_on="truncated")
            folded = self._folded(flat)
            # All that its threads do is to copy rows; each would hold some more of them.
            folded.set_type(pyvips.GValue.gint_type, "concurrency", 1)
            encode.save(folded, path, form, tags, writing)

    def _folded(self, flat: Any) -> Any:
        shape = self._shape
        item = np.dtype(shape.dtype).itemsize
        bytes_ = flat.bandfold(factor=shape.channels * item)
        return bytes_.copy(
            format=vips.FORMATS[shape.dtype],
            bands=shape.channels,
            interpretation=vips.space(shape.dtype, gray=shape.channels < 3),
        )


def _png(bands: Iterable[NDArray[Any]], shape: Shape) -> Iterator[bytes | memoryview]:
    """Yield the parts of an uncompressed gray PNG (PNG 1.2, 3.2, 4.1 and 9.2) that holds the bands' bytes.

    Its sums are left zero: nobody compares them, and to make and compare them took as long as a JPEG of the pixels.
    """
    yield b"\x89PNG\r\n\x1a\n"
    yield from _chunk(b"IHDR", struct.pack(">IIBBBBB", shape.row_bytes, shape.height, 8, 0, 0, 0, 0))
    yield from _unsummed(b"\x78\x01")  # the head of zlib's stream (RFC 1950, 2.2)
    rows = shape.band_rows()
    line, places = _stored_line(shape.row_bytes)
    held = np.tile(line, (rows, 1))
    for band in bands:
        for top in range(0, len(band), rows):
            part = band[top : top + rows]
            samples = part.view(np.uint8).reshape(len(part), shape.row_bytes)
            for at, first, last in places:
                held[: len(part), at : at + last - first] = samples[:, first:last]
            yield from _unsummed(held[: len(part)].reshape(-1).data)
    yield from _unsummed(b"\x01\0\0\xff\xff" + bytes(4))  # an empty last block, and the stream's own sum
    yield from _chunk(b"IEND", b"")


def _stored_line(row_bytes: int) -> tuple[NDArray[np.uint8], list[tuple[int, int, int]]]:
    """Return a line as blocks that are stored (RFC 1951, 3.2.4), and where in it which bytes of a row have their place.

    Each line begins with its filter: none.
    """
    parts, places, at = [], [], 0
    for first in range(-1, row_bytes, _STORED_BYTES):  # the filter is the byte before the first
        last = min(first + _STORED_BYTES, row_bytes)
        parts.append(struct.pack("<BHH", 0, last - first, 0xFFFF - (last - first)) + bytes(last - first))
        own = max(first, 0)
        places.append((at + 5 + own - first, own, last))
        at += len(parts[-1])
    return np.frombuffer(b"".join(parts), np.uint8), places


def _chunk(kind: bytes, content: bytes) -> Iterator[bytes]:
    yield struct.pack(">I", len(content)) + kind
    yield content
    yield struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _unsummed(content: bytes | memoryview) -> Iterator[bytes | memoryview]:
    yield struct.pack(">I", len(content)) + b"IDAT"
    yield content
    yield bytes(4)
