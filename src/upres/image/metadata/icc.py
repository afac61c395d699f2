"""ICC profiles of three primaries and one curve, for files that say these in another way.

Source: ICC.1:2022, sections 7.2 (header), 8.3 (required tags), 10.11, 10.15, 10.18, 10.22 and 10.31 (types), annex E
(adaptation to the illuminant of the connection space, D50, by the Bradford transform).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

Curve = tuple[float, ...]
"""Light of a sample x: `(g,)` is x^g; `(g, a, b, c, d)` is (a·x + b)^g from d on, and c·x below."""

SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""IEC 61966-2-1."""


_HEADER = 128
_CONNECTION_SPACES = (b"XYZ ", b"Lab ")
# Of profiles that go between devices, or change colours within one: they say nothing of what a picture's numbers mean.
_NOT_OF_PICTURES = (b"link", b"abst")


def whole(profile: bytes) -> bytes | None:
    """Return a profile without what stands behind its end, or `None` where it is cut short or damaged.

    What is looked at is what libpng asks before it takes one: length, signature, class, connection space, intent, and
    that all tags lie inside.
    """
    if len(profile) < _HEADER + 4:
        return None
    size, tags = struct.unpack(">L", profile[:4])[0], struct.unpack(">L", profile[_HEADER : _HEADER + 4])[0]
    header = (
        profile[36:40] == b"acsp"
        and profile[12:16] not in _NOT_OF_PICTURES
        and profile[20:24] in _CONNECTION_SPACES
        and profile[64:66] == b"\0\0"
        and profile[66:68] != b"\xff\xff"
    )
    if not header or not _HEADER + 4 + 12 * tags <= size <= len(profile):
        return None
    for start, length in struct.iter_unpack(">4xLL", profile[_HEADER + 4 : _HEADER + 4 + 12 * tags]):
        if start + length > size:
            return None
    return profile[:size]


def aligned(profile: bytes) -> bytes:
    """Return a profile whose length is a multiple of four, as version 4 says and not all writers heed."""
    missing = -len(profile) % 4
    return struct.pack(">L", len(profile) + missing) + profile[4:] + bytes(missing) if missing else profile


@dataclass(frozen=True)
class Primaries:
    """Where white and the primaries lie, each as x and y of CIE 1931."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]

    def colorants(self) -> NDArray[np.float64]:
        """Return X, Y, Z (rows) of red, green, blue (columns) under D50, that add up to its white.

        Raises:
            ValueError: they span no colours.
        """
        corners = np.array([_xyz(*point) for point in (self.red, self.green, self.blue)]).T
        white = np.array(_xyz(*self.white))
        try:
            under_white = corners * np.linalg.solve(corners, white)
        except np.linalg.LinAlgError as error:
            raise ValueError("the primaries lie on a line") from error
        colorants: NDArray[np.float64] = _adapted(white) @ under_white
        return colorants


SRGB = Primaries((0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


def profile(primaries: Primaries, curve: Curve, *, gray: bool) -> bytes:
    """Return a profile (version 4) for R, G, B, or for gray pixels, in which samples mean this.

    Raises:
        ValueError: the primaries span no colours.
    """
    light = _curve_tag(curve)
    return _packed(b"GRAY", {**_shared(primaries), "kTRC": light}) if gray else _rgb(primaries, light)


def for_rgb(gray: bytes) -> bytes | None:
    """Return the profile by which three equal samples look as one does by a gray profile; `None` if that is damaged."""
    for at in range(132, min(132 + 12 * int.from_bytes(gray[128:132], "big"), len(gray) - 11), 12):
        name, start, length = struct.unpack(">4sLL", gray[at : at + 12])
        if name == b"kTRC" and start + length <= len(gray):
            return _rgb(SRGB, gray[start : start + length])
    return None


def _rgb(primaries: Primaries, light: bytes) -> bytes:
    colours = primaries.colorants()
    corners = {f"{name}XYZ": _xyz_tag(colours[:, index]) for index, name in enumerate("rgb")}
    return _packed(b"RGB ", {**_shared(primaries), **corners, **{f"{name}TRC": light for name in "rgb"}})


def _shared(primaries: Primaries) -> dict[str, bytes]:
    adaptation = _numbers_tag(b"sf32", _adapted(np.array(_xyz(*primaries.white))))
    text = {"desc": _text_tag("as the file said"), "cprt": _text_tag("none")}
    return {**text, "wtpt": _xyz_tag(_D50), "chad": adaptation}


def _xyz(x: float, y: float) -> tuple[float, float, float]:
    if not y > 0:
        raise ValueError("a colour without light")
    return x / y, 1.0, (1 - x - y) / y


def _adapted(white: NDArray[np.float64]) -> NDArray[np.float64]:
    response: NDArray[np.float64] = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adaptation: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(response) @ _BRADFORD
    return adaptation


def _fixed(numbers: NDArray[np.float64]) -> bytes:
    return b"".join(struct.pack(">l", round(float(number) * 65_536)) for number in numbers.ravel())


def _numbers_tag(kind: bytes, numbers: NDArray[np.float64]) -> bytes:
    return kind + bytes(4) + _fixed(numbers)


def _xyz_tag(numbers: NDArray[np.float64]) -> bytes:
    return _numbers_tag(b"XYZ ", numbers)


def _curve_tag(curve: Curve) -> bytes:
    return b"para" + struct.pack(">LHH", 0, 0 if len(curve) == 1 else 3, 0) + _fixed(np.array(curve))


def _text_tag(text: str) -> bytes:
    content = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">LLL", 0, 1, 12) + b"enUS" + struct.pack(">LL", len(content), 28) + content


def _packed(space: bytes, tags: dict[str, bytes]) -> bytes:
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">L", len(tags)), b""
    places: dict[bytes, int] = {}
    for name, content in tags.items():
        if content not in places:
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
        table += name.encode() + struct.pack(">LL", places[content], len(content))
    header = struct.pack(">L4xL4s4s4s", at + len(body), 0x04400000, b"mntr", space, b"XYZ ")
    # A date that is always the same, so that the same file gives the same bytes.
    header += struct.pack(">6H", 2022, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(_D50)
    return header.ljust(128, b"\0") + table + body
