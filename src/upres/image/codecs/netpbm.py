"""PPM, PGM and PBM, which few builds of libvips read: a line of numbers, then the samples.

Source: the netpbm project's format descriptions ppm(5), pgm(5), pbm(5).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from upres.errors import PictureError
from upres.image.codecs import vips

_TOKEN = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*([^\s#]+)")
_LONGEST_HEADER = 4096
_BANDS = {1: 1, 2: 1, 3: 3, 4: 1, 5: 1, 6: 3}
_PLAIN, _BITS = (1, 2, 3), (1, 4)  # samples as text; black and white


def opened(path: Path) -> Any:
    """Open a file P1 to P6 as a libvips image, 8 or 16 bits; samples up to another white are rescaled.

    Raises:
        PictureError: the header makes no sense, or samples are missing.
    """
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEADER)
    kind = head[1] - ord("0")
    (width, height, white), offset = _numbers(path, head, 2 if kind in _BITS else 3)
    if min(width, height) < 1 or not 1 <= white <= 65_535:
        raise PictureError(f"the PPM header says {width}×{height} up to {white}; get a whole copy of it", where=path)
    bands = _BANDS[kind]
    if kind in _PLAIN:
        return vips.from_array(_scaled(_text(path, offset, (height, width, bands), kind), white, kind))
    if kind in _BITS:
        return vips.from_array(_bitmap(path, offset, height, width))
    deep = white > 255
    _check_length(path, offset + width * height * bands * (1 + deep))
    image = vips.load(
        "raw", path, width, height, bands, offset=offset, format="ushort" if deep else "uchar", revalidate=True
    )
    if deep:
        image = image.byteswap()  # most significant byte first
    full = 65_535 if deep else 255
    if white != full:
        image = (image > white).ifthenelse(white, image).linear(full / white, 0.5).cast("ushort" if deep else "uchar")
    spaces = {(1, False): "b-w", (1, True): "grey16", (3, False): "srgb", (3, True): "rgb16"}
    return image.copy(interpretation=spaces[bands, deep])


def save(image: Any, file: BinaryIO) -> None:
    """Write an image of uchar or ushort, 1 or 3 bands, as PGM or PPM."""
    deep = image.format == "ushort"
    file.write(b"P%d\n%d %d\n%d\n" % (6 if image.bands == 3 else 5, image.width, image.height, 65_535 if deep else 255))
    for _, rows in vips.chunks(image):
        file.write((rows.astype(">u2") if deep else rows).tobytes())


def _numbers(path: Path, head: bytes, count: int) -> tuple[tuple[int, int, int], int]:
    found, at = [], 2
    for _ in range(count):
        token = _TOKEN.match(head, at)
        if token is None or not token[1].isdigit() or len(token[1]) > 9:
            raise PictureError("the PPM header is damaged or cut short; get a whole copy of it", where=path)
        found.append(int(token[1]))
        at = token.end()
    return (found[0], found[1], found[2] if count == 3 else 1), at + 1  # one white space ends the header


def _check_length(path: Path, expected: int) -> None:
    if path.stat().st_size < expected:
        raise PictureError(
            f"the PPM data is damaged or cut short ({path.stat().st_size:,} bytes of {expected:,}); "
            "get a whole copy of it",
            where=path,
        )


def _text(path: Path, offset: int, shape: tuple[int, int, int], kind: int) -> NDArray[Any]:
    text = re.sub(rb"#[^\n\r]*", b"", path.read_bytes()[offset - 1 :])
    words = [bytes([digit]) for digit in b"".join(text.split())] if kind == 1 else text.split()
    count = int(np.prod(shape))
    if len(words) < count or not all(word.isdigit() for word in words[:count]):
        raise PictureError(
            f"the PPM data is damaged or cut short ({len(words):,} of {count:,} samples); get a whole copy of it",
            where=path,
        )
    return np.array([int(word) for word in words[:count]], np.int64).reshape(shape)


def _scaled(samples: NDArray[Any], white: int, kind: int) -> NDArray[Any]:
    if kind == 1:
        samples = 1 - np.clip(samples, 0, 1)  # 1 is black
    full, dtype = (65_535, np.uint16) if white > 255 else (255, np.uint8)
    levels: NDArray[Any] = np.clip(samples, 0, white) * full / white + 0.5
    return levels.astype(dtype)


def _bitmap(path: Path, offset: int, height: int, width: int) -> NDArray[Any]:
    stride = (width + 7) // 8
    _check_length(path, offset + stride * height)
    packed = np.fromfile(path, np.uint8, stride * height, offset=offset).reshape(height, stride)
    levels: NDArray[np.uint8] = 255 * (1 - np.unpackbits(packed, axis=1)[:, :width, None])
    return levels
