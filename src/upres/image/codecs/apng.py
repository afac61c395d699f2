"""Animated PNG, which libvips reads as its first picture and does not write.

Every frame is a small PNG of its own once its chunks are put behind a header, so libvips still does the coding.
Source: PNG Specification, third edition (W3C 2025), sections 4.8, 11.3.6 and 14.2.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from upres.errors import PictureError
from upres.image.codecs import vips

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_END = 8 + 25
"""Where the chunks behind IHDR begin."""

_TO_BACKGROUND, _TO_PREVIOUS, _OVER = 1, 2, 1
# What a frame needs of the file to be decoded alone: palette, transparency, significant bits.
_SHARED = (b"PLTE", b"tRNS", b"sBIT")


@dataclass(frozen=True)
class _Frame:
    width: int
    height: int
    x: int
    y: int
    delay: float  # milliseconds
    dispose: int
    blend: int
    data: bytes


def count(path: Path) -> int:
    """Return the number of frames of a PNG file, 1 for one that is not animated."""
    with path.open("rb") as file:
        for kind, length in _walk(file):
            if kind == b"acTL" and length == 8:
                return max(1, int.from_bytes(file.read(4), "big"))
            if kind == b"IDAT":
                break
    return 1


def has_chunk(path: Path, wanted: bytes) -> bool:
    """Return whether a PNG file has a chunk of this kind before its pixels."""
    return wanted in before_pixels(path, (wanted,))


def before_pixels(path: Path, wanted: Collection[bytes]) -> dict[bytes, bytes]:
    """Return how the chunks of these kinds begin that a PNG file has before its pixels: 32 bytes are enough."""
    found: dict[bytes, bytes] = {}
    with path.open("rb") as file:
        for kind, length in _walk(file):
            if kind == b"IDAT":
                break
            if kind in wanted:
                found.setdefault(kind, file.read(min(length, 33)))
    return found


def timing(path: Path) -> tuple[list[float], int]:
    """Return the milliseconds of each frame, and how often all are shown (0 for ever)."""
    _, frames, plays = _parse(path)
    return [frame.delay for frame in frames], plays


def frames(path: Path) -> Iterator[NDArray[Any]]:
    """Yield every frame as it is shown, `h w 4` (or `h w 2` for gray), uint8 or uint16, alpha last.

    Raises:
        PictureError: damaged or cut short.
        pyvips.Error: a frame's data is damaged.
    """
    start, stored, _ = _parse(path)
    width, height = struct.unpack(">LL", start[8 + 8 : 8 + 16])
    canvas: NDArray[Any] | None = None
    for frame in stored:
        # Before it is decoded: what was planned for is the picture's size, and a frame may say any.
        if frame.y + frame.height > height or frame.x + frame.width > width:
            raise PictureError(
                "the PNG data is damaged (a frame reaches beyond the picture); save it again", where=path
            )
        pixels = _decoded(start, frame)
        if canvas is None:
            canvas = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
        box = slice(frame.y, frame.y + frame.height), slice(frame.x, frame.x + frame.width)
        before = canvas[box].copy()
        canvas[box] = _over(pixels, before) if frame.blend == _OVER else pixels
        yield canvas.copy()
        if frame.dispose == _TO_BACKGROUND:
            canvas[box] = 0
        elif frame.dispose == _TO_PREVIOUS:
            canvas[box] = before


class Writer:
    """Puts whole frames, each encoded as a PNG, into one animated file.

    Args:
        file: open for writing at its start.
        frames: how many will follow.
        loop: how often all are shown, 0 for ever.
    """

    def __init__(self, file: BinaryIO, *, frames: int, loop: int) -> None:
        self._file = file
        self._control = _chunk(b"acTL", struct.pack(">LL", frames, loop))
        self._sequence = 0
        self._end = b""

    def add(self, png: bytes, delay: float) -> None:
        """Add one frame, all of one size and kind, shown for `delay` milliseconds."""
        chunks = list(_chunks(png))
        width, height = struct.unpack(">LL", chunks[0][1][:8])
        milliseconds = min(max(round(delay), 0), 65_535)
        times = (milliseconds, 1000) if delay < 65_535 else (min(round(delay / 1000), 65_535), 1)
        control = struct.pack(">LLLLLHHBB", self._sequence, width, height, 0, 0, *times, 0, 0)
        first = self._sequence == 0
        self._sequence += 1
        if first:
            self._file.write(_SIGNATURE)
            for kind, data in chunks:
                if kind == b"IDAT":
                    break
                self._file.write(_chunk(kind, data))
            self._file.write(self._control)
        self._file.write(_chunk(b"fcTL", control))
        past = False
        for kind, data in chunks:
            if kind != b"IDAT":
                if past and first:
                    self._end += _chunk(kind, data)
                continue
            past = True
            if first:
                self._file.write(_chunk(b"IDAT", data))
            else:
                self._file.write(_chunk(b"fdAT", struct.pack(">L", self._sequence) + data))
                self._sequence += 1

    def close(self) -> None:
        """Write what stands behind the pixels."""
        self._file.write(self._end)


def _walk(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield kind and length of each chunk, the file standing at its data."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">L4s", head)
        following = file.tell() + length + 4
        yield kind, length
        file.seek(following)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(png):
        length, kind = struct.unpack(">L4s", png[at : at + 8])
        yield kind, png[at + 8 : at + 8 + length]
        at += length + 12


def _whole_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and data of each chunk, sure of its checksum: frames get new ones before libpng sees them.

    Raises:
        PictureError: one is damaged.
    """
    content, at = path.read_bytes(), 8
    for kind, data in _chunks(content):
        at += len(data) + 12
        if zlib.crc32(kind + data) != int.from_bytes(content[at - 4 : at], "big"):
            raise PictureError("the PNG data is damaged or cut short (a checksum); get a whole copy of it", where=path)
        yield kind, data


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def _parse(path: Path) -> tuple[bytes, list[_Frame], int]:
    """Return signature, IHDR and what frames share; the frames; and the number of plays."""
    start, control, plays, stored, ended = _SIGNATURE, b"", 0, [], False
    data: list[bytes] = []

    def end_frame() -> None:
        if control and data:
            width, height, x, y, above, below, dispose, blend = struct.unpack(">4x4L2H2B", control)
            delay = 1000 * above / (below or 100)
            stored.append(_Frame(width, height, x, y, delay, dispose, blend, b"".join(data)))

    for kind, body in _whole_chunks(path):
        if kind == b"IHDR" or kind in _SHARED:
            start += _chunk(kind, body)
        elif kind == b"acTL" and len(body) == 8:
            plays = struct.unpack(">L", body[4:])[0]
        elif kind == b"fcTL" and len(body) == 26:
            end_frame()
            control, data = body, []
        elif kind == b"IDAT" and control:  # without a control chunk it is the picture for those who see no animation
            data.append(body)
        elif kind == b"fdAT":
            data.append(body[4:])
        ended = ended or kind == b"IEND"
    end_frame()
    if not ended or len(stored) != count(path):
        raise PictureError(
            "the PNG data is damaged or cut short (frames are missing); get a whole copy of it", where=path
        )
    return start, stored, plays


def _decoded(start: bytes, frame: _Frame) -> NDArray[Any]:
    header = start[16:33]
    size = struct.pack(">LL", frame.width, frame.height)
    png = _SIGNATURE + _chunk(b"IHDR", size + header[8:13]) + start[33:]
    png += _chunk(b"IDAT", frame.data) + _chunk(b"IEND", b"")
    pixels = vips.to_array(vips.pyvips().Image.pngload_buffer(png, fail_on="error"))
    if pixels.shape[2] in (2, 4):
        return pixels
    opaque = np.full((*pixels.shape[:2], 1), np.iinfo(pixels.dtype).max, pixels.dtype)
    return np.concatenate([pixels, opaque], axis=2)


def _over(above: NDArray[Any], below: NDArray[Any]) -> NDArray[Any]:
    """Lay one picture over another (section 14.2.2: the source-over operation on colours not premultiplied)."""
    white = np.iinfo(above.dtype).max
    a, b = above[..., -1:] / white, below[..., -1:] / white
    alpha = a + b * (1 - a)
    with np.errstate(invalid="ignore", divide="ignore"):
        colour = (above[..., :-1] * a + below[..., :-1] * b * (1 - a)) / alpha
    mixed = np.concatenate([np.where(alpha > 0, colour, 0), alpha * white], axis=2)
    return (mixed + 0.5).astype(above.dtype)
