"""What a PNG file's numbers mean, by the first of cICP, iCCP, sRGB, and gAMA with cHRM that it has.

Source: PNG Specification, third edition (W3C 2025), sections 4.3, 11.3.2 and 13.13; ITU-T H.273 (07/2024), tables 2
and 3, for the numbers in cICP.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from pathlib import Path

from upres.image.codecs import apng
from upres.image.metadata import icc
from upres.image.metadata.icc import SRGB, SRGB_CURVE, Curve, Primaries
from upres.image.metadata.tags import Cicp

_D65 = (0.3127, 0.3290)
_PRIMARIES = {
    1: SRGB,
    4: Primaries((0.310, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Primaries(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Primaries((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_BT709: Curve = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: dict[int, Curve] = {1: _BT709, 4: (2.2,), 5: (2.8,), 6: _BT709, 8: (1.0,), 13: SRGB_CURVE, 14: _BT709}
_CURVES[15] = _BT709

_SRGB_CICP = (1, 13, 0, 1)
# In units of 1/100,000, and of 1. Writers of sRGB round its gamma and primaries as they like.
_SRGB_GAMMA, _GAMMA_NEAR, _POINT_NEAR = 45_455, 500, 0.002
_WANTED = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")


def meaning(path: Path, own: bytes | None, *, gray: bool) -> tuple[bytes | None, Cicp | None]:
    """Return the profile that says what a file's numbers mean (`None` for sRGB), and its cICP where that says more.

    A cICP, or gAMA and cHRM, that a profile can say becomes one: other formats have room for it. Where no profile can
    (PQ, HLG, narrow range), the file's own is what those see who do not know cICP.

    Args:
        path: a PNG file.
        own: its profile (iCCP).
        gray: whether its pixels are gray.
    """
    said = apng.before_pixels(path, _WANTED)
    cicp = _cicp(said.get(b"cICP", b""))
    if cicp is not None:
        return of_cicp(cicp, own, gray=gray)
    if own is not None or b"sRGB" in said:
        return own, None
    return _by_gamma(said.get(b"gAMA", b""), said.get(b"cHRM", b""), gray=gray), None


def of_cicp(cicp: Cicp, own: bytes | None, *, gray: bool) -> tuple[bytes | None, Cicp | None]:
    """Return what `meaning` does, of four numbers and the profile for those who do not know them."""
    if cicp == _SRGB_CICP:
        return None, None
    primaries, curve = _PRIMARIES.get(cicp[0]), _CURVES.get(cicp[1])
    if primaries is None or curve is None or cicp[3] != 1:
        return own, cicp
    return icc.profile(primaries, curve, gray=gray), cicp


def insert_cicp(path: Path, cicp: Cicp) -> None:
    """Put a cICP chunk behind the header of a PNG file; what follows moves."""
    body = b"cICP" + bytes(cicp)
    chunk = struct.pack(">L", 4) + body + struct.pack(">L", zlib.crc32(body))
    size, at = path.stat().st_size, apng.HEADER_END
    with path.open("r+b") as file:
        file.truncate(size + len(chunk))
        with mmap.mmap(file.fileno(), 0) as content:
            content.move(at + len(chunk), at, size - at)
            content[at : at + len(chunk)] = chunk


def _cicp(body: bytes) -> Cicp | None:
    """Return the four numbers; `None` where they say nothing, or what no RGB has."""
    if len(body) != 4 or body[2] != 0 or body[3] > 1 or {body[0], body[1]} & {0, 2, 3}:
        return None
    return body[0], body[1], body[2], body[3]


def _by_gamma(gamma: bytes, points: bytes, *, gray: bool) -> bytes | None:
    """Return the profile of gAMA and cHRM; sRGB's is what stands in for one that is missing."""
    number = int.from_bytes(gamma, "big") if len(gamma) == 4 else 0
    primaries = SRGB
    if len(points) == 32:
        numbers = [value / 100_000 for value in struct.unpack(">8L", points)]
        primaries = Primaries(*zip(numbers[::2], numbers[1::2], strict=True))
    if (gray or _near(primaries, SRGB)) and (number == 0 or abs(number - _SRGB_GAMMA) <= _GAMMA_NEAR):
        return None  # what writers of sRGB say of it
    try:
        return icc.profile(primaries, (100_000 / number,) if number else SRGB_CURVE, gray=gray)
    except (ValueError, struct.error):  # no colours, or numbers that no profile holds
        return None


def _near(one: Primaries, other: Primaries) -> bool:
    pairs = zip(
        (one.white, one.red, one.green, one.blue), (other.white, other.red, other.green, other.blue), strict=True
    )
    return all(abs(a - b) <= _POINT_NEAR for first, second in pairs for a, b in zip(first, second, strict=True))
