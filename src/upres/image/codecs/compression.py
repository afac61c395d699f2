"""How much a lossy file threw away, as its own header tells: JPEG's quantisation tables, WebP's quantiser.

Nothing is decoded for it, and a header only knows of the last time that a picture was saved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from upres.image.codecs.jpeg import ZIGZAG, quantisation

# Bytes of a file in which the header is looked for: an embedded profile and a thumbnail may stand before it.
_HEAD = 4_000_000
# Coefficients from the lowest frequency on, in zigzag order: they carry what can be seen.
_LOW = 21
# VP8's quantiser index, 0 to 127, and libjpeg's quality (4:2:0) that gives the same PSNR: medians of eight photographs.
_QUALITY_OF_INDEX = ((0, 4, 9, 14, 20, 26, 33, 39, 45, 52, 61, 74), (98, 96, 94, 91, 88, 84, 78, 73, 67, 56, 37, 22))


@dataclass(frozen=True)
class Compression:
    """How a picture was compressed when its file was written.

    Attributes:
        quality: libjpeg's quality that throws away as much, 1 to 100.
        subsampled: whether colour is stored at half the size or less.
    """

    quality: float
    subsampled: bool


def compression_of(path: Path, form: str) -> Compression | None:
    """Return how a file was compressed, as its header says; `None` where it does not say, or nothing was lost.

    Args:
        path: a picture file.
        form: its format (`Header.format`).
    """
    reader = {"JPEG": _jpeg, "WebP": _webp}.get(form)
    if reader is None:
        return None
    with path.open("rb") as file:
        try:
            return reader(file)
        except (IndexError, ValueError):  # damaged, which the decoder tells
            return None


def _jpeg(file: BinaryIO) -> Compression | None:
    """ITU-T T.81, B.2.4.1 (quantisation tables) and B.2.2 (frame header)."""
    tables: dict[int, list[int]] = {}
    components: list[tuple[int, int]] = []
    luma_table = 0
    for marker, body in _segments(file.read(_HEAD)):
        if marker == 0xDB:
            at = 0
            while at < len(body):
                wide, name = body[at] >> 4, body[at] & 15
                size = 128 if wide else 64
                values = body[at + 1 : at + 1 + size]
                tables[name] = list(np.frombuffer(values, ">u2" if wide else "u1"))
                at += 1 + size
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            count = body[5]
            components = [(body[7 + 3 * n] >> 4, body[7 + 3 * n] & 15) for n in range(count)]
            luma_table = body[8]
    table = tables.get(luma_table)
    if table is None or len(table) != 64 or not components:
        return None
    subsampled = len(components) == 3 and components[0] != components[1]
    return Compression(round(_quality(table), 1), subsampled)


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield markers and what they hold, up to the scan."""
    at = 2
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            raise ValueError("no marker")
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        yield marker, content[at + 4 : at + 2 + length]
        if marker == 0xDA:
            return
        at += 2 + length


def _quality(table: list[int]) -> float:
    """Return the quality of libjpeg whose steps for the low frequencies are nearest, by the mean of the ratios."""
    qualities = np.arange(100, 0, -1)  # the tables of the best ones begin alike
    theirs = np.log(np.maximum(table[:_LOW], 1)).astype(np.float64)
    ours = np.log(quantisation(qualities)[0][:, ZIGZAG[:_LOW]])
    return float(qualities[int(np.abs(ours - theirs).mean(axis=1).argmin())])


def _webp(file: BinaryIO) -> Compression | None:
    """RFC 6386, 9.1 to 9.6 (frame header), and the container: RFC 9649."""
    content = file.read(_HEAD)
    at = 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name == b"VP8 ":
            return _vp8(content[at + 8 : at + 8 + size])
        if name == b"VP8L":
            return None
        # A frame of an animation holds such chunks behind its own 16 bytes.
        at += 8 + (16 if name == b"ANMF" else size + size % 2)
    return None


def _vp8(frame: bytes) -> Compression | None:
    if frame[3:6] != b"\x9d\x01\x2a":
        return None
    bits = _Bits(frame[10:])
    bits.take(2)  # colour space, clamping
    absolute, segments = False, [0]
    if bits.take(1):  # segmentation
        update_map, update_data = bits.take(1), bits.take(1)
        if update_data:
            absolute = bool(bits.take(1))
            segments = [bits.optional(7) for _ in range(4)]
            for _ in range(4):
                bits.optional(6)  # loop filter
        if update_map:
            for _ in range(3):
                if bits.take(1):
                    bits.take(8)
    bits.take(1 + 6 + 3)  # loop filter
    if bits.take(1) and bits.take(1):
        for _ in range(8):
            bits.optional(6)
    bits.take(2)  # partitions
    base = bits.take(7)
    index = sum(segments) / len(segments) if absolute else base + sum(segments) / len(segments)
    return Compression(round(float(np.interp(index, *_QUALITY_OF_INDEX)), 1), subsampled=True)


class _Bits:
    """VP8's boolean decoder (RFC 6386, 7.3), of equally probable bits."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 2
        self._value = int.from_bytes(content[:2], "big")
        self._range, self._shifted = 255, 0

    def take(self, count: int) -> int:
        """Return the next bits as a number, the highest first."""
        number = 0
        for _ in range(count):
            number = number << 1 | self._bit()
        return number

    def optional(self, count: int) -> int:
        """Return a signed number that may be left out."""
        if not self.take(1):
            return 0
        magnitude = self.take(count)
        return -magnitude if self.take(1) else magnitude

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        bit = self._value >= split << 8
        if bit:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:
            self._value <<= 1
            self._range <<= 1
            self._shifted += 1
            if self._shifted == 8:
                self._shifted = 0
                if self._at < len(self._content):
                    self._value |= self._content[self._at]
                self._at += 1
        return int(bit)
