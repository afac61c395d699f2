"""ICC profiles made by arithmetic of the tests' own, and what samples look like by LittleCMS."""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

PRIMARIES = {
    "sRGB": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "Display P3": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
}
D65 = (0.3127, 0.3290)


def xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1, (1 - x - y) / y])


def matrix(primaries: tuple[tuple[float, float], ...], white: tuple[float, float] = D65) -> NDArray[np.float64]:
    """Linear R, G, B to X, Y, Z under the colours' own white (SMPTE RP 177)."""
    corners = np.array([xyz(*point) for point in primaries]).T
    return corners * np.linalg.solve(corners, xyz(*white))


def _fixed(values: NDArray[np.float64]) -> bytes:
    """Three numbers as a tag of the type XYZ has them, in 16 and 16 bits."""
    return b"XYZ \0\0\0\0" + struct.pack(">3l", *(round(float(value) * 65536) for value in values))


def icc(gamma: float, primaries: tuple[tuple[float, float], ...] | None = None) -> bytes:
    """A profile of version 2 with one exponent, for R, G, B or for gray."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1, 0.8249])
    curve = b"curv\0\0\0\0" + struct.pack(">LH2x", 1, round(gamma * 256))
    text = b"desc\0\0\0\0" + struct.pack(">L", 5) + b"test\0" + bytes(78 + 1)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0none\0\0\0\0", b"wtpt": _fixed(d50)}
    if primaries is None:
        tags[b"kTRC"] = curve
    else:
        adapted = np.linalg.inv(cone) @ np.diag((cone @ d50) / (cone @ xyz(*D65))) @ cone @ matrix(primaries)
        for index, name in enumerate((b"r", b"g", b"b")):
            tags[name + b"XYZ"], tags[name + b"TRC"] = _fixed(adapted[:, index]), curve
    at, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">LL", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    space = b"GRAY" if primaries is None else b"RGB "
    head = struct.pack(">L4xL4s4s4s12x4s", at + len(body), 0x02400000, b"mntr", space, b"XYZ ", b"acsp") + bytes(28)
    head += _fixed(d50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">L", len(tags)) + table + body


PROFILES = {
    "sRGB": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "Display P3": icc(2.2, PRIMARIES["Display P3"]),
    "Adobe RGB": icc(563 / 256, PRIMARIES["Adobe RGB"]),
    "gray 2.2": icc(2.2),
    "gray linear": icc(1.0),
}


def by_littlecms(samples: NDArray[np.uint8], profile: bytes, mode: str | None = None) -> NDArray[np.int64]:
    """8-bit samples in sRGB."""
    picture = Image.fromarray(samples, mode) if mode else Image.fromarray(samples.squeeze())
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb, relative = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
    made = ImageCms.profileToProfile(picture, source, srgb, renderingIntent=relative, outputMode="RGB")
    return np.asarray(made, np.int64)
