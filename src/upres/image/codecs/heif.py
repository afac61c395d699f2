"""What AVIF and HEIF say of their colours without a profile: libvips gives the numbers and not their meaning.

Source: ISO/IEC 23008-12 (HEIF), 6.5.5 and 9.3; ISO/IEC 14496-12, 4.2 and 12.1.5, for boxes and `nclx`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from upres.image.metadata.tags import Cicp

_WAY = ((b"meta", 4), (b"iprp", 0), (b"ipco", 0))  # boxes in boxes, and the bytes before what they hold
_MOST = 1 << 20  # bytes of a `meta` box that are looked at; a grid of 500 tiles has 40,000
_UNSAID = {0, 2, 3}
# Encoders name BT.709's curve for what was sRGB, and browsers show it so.
_SRGB_CURVE, _SHOWN_AS_SRGB = 13, {1, 6, 14, 15}


def nclx(path: Path) -> Cicp | None:
    """Return primaries and transfer of a file, by their numbers in ITU-T H.273, as the cICP of full-range R, G, B.

    The first colour box is taken for the picture's: writers put what belongs to the first picture first. `None` where
    it leaves one of the two open, or there is none.
    """
    for body in _colours(path):
        if body[:4] == b"nclx" and len(body) >= 10:
            primaries, transfer = int.from_bytes(body[4:6], "big"), int.from_bytes(body[6:8], "big")
            unsaid = {primaries, transfer} & _UNSAID or max(primaries, transfer) > 255
            return None if unsaid else (primaries, _SRGB_CURVE if transfer in _SHOWN_AS_SRGB else transfer, 0, 1)
    return None


def coded_by_hevc(path: Path) -> bool:
    """Return whether a picture of the file is coded by HEVC, by the decoder's configuration that it has to hold."""
    return any(kind == b"hvcC" for kind, _ in _properties(path))


def tone_mapped(path: Path) -> bool:
    """Return whether the file says that it holds a picture and a gain map of one (ISO 21496-1)."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(4), "big")
        return b"tmap" in file.read(min(max(size - 4, 0), 256))


def _colours(path: Path) -> Iterator[bytes]:
    """Yield the content of the `colr` boxes."""
    yield from (body for kind, body in _properties(path) if kind == b"colr")


def _properties(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of what the file says of its pictures."""
    with path.open("rb") as file:
        at, end = 0, file.seek(0, 2)
        content = b""
        while at + 8 <= end and not content:  # the boxes of the file, of which one is large
            file.seek(at)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if head[4:8] == _WAY[0][0]:
                content = head[8:] + file.read(min(size, _MOST) - 16) if size >= 16 else b""
                break
            if size < 8:
                return
            at += size
    content = content[_WAY[0][1] :]
    for name, before in _WAY[1:]:
        content = next((body[before:] for kind, body in _boxes(content) if kind == name), b"")
    yield from _boxes(content)


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        if size < 8:
            return
        yield content[at + 4 : at + 8], content[at + 8 : at + size]
        at += size
