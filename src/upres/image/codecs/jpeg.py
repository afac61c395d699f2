"""What is JPEG's own: the tables by which it quantises, what its decoder warns of, what its header leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from upres.errors import PictureError

_PART = 1 << 16

# ITU-T T.81, tables K.1 and K.2, row by row.
_LUMA = """
    16 11 10 16  24  40  51  61    12 12 14 19  26  58  60  55    14 13 16 24  40  57  69  56
    14 17 22 29  51  87  80  62    18 22 37 56  68 109 103  77    24 35 55 64  81 104 113  92
    49 64 78 87 103 121 120 101    72 92 95 98 112 100 103  99
"""
_CHROMA = """
    17 18 24 47 99 99 99 99    18 21 26 66 99 99 99 99    24 26 56 99 99 99 99 99    47 66 99 99 99 99 99 99
    99 99 99 99 99 99 99 99    99 99 99 99 99 99 99 99    99 99 99 99 99 99 99 99    99 99 99 99 99 99 99 99
"""

ZIGZAG = tuple(sorted(range(64), key=lambda at: (at // 8 + at % 8, at // 8 if (at // 8 + at % 8) % 2 else at % 8)))
"""Where the coefficients of a block lie in the order in which a file stores them (T.81, figure A.6)."""


def quantisation(quality: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the quantisation steps of luma and of chroma, `n 64`, as libjpeg's jpeg_quality_scaling makes them.

    Args:
        quality: `n` whole numbers 1 to 100.
    """
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)[:, None]
    luma, chroma = (
        np.clip((np.array(text.split(), dtype=np.int64) * percent + 50) // 100, 1, 255) for text in (_LUMA, _CHROMA)
    )
    return luma, chroma


def harmless(error: Any) -> bool:
    """Return whether libjpeg's warnings all leave the pixels whole (jerror.h has the list).

    libvips' `fail_on="error"` passes over scan data that cannot be decoded and gives gray or shifted blocks for
    it; `"warning"` stops there, but also at an odd marker that many cameras write.
    """
    lines = [line for line in error.detail.splitlines() if line.strip()]
    broken = ("Corrupt JPEG data", "premature end")
    return bool(lines) and all(
        line.startswith("VipsJpeg:") and ("extraneous bytes" in line or not any(sign in line for sign in broken))
        for line in lines
    )


def check_whole(path: Path) -> None:
    """Look for the end mark behind the first scan: zeros, which a broken download leaves, decode to some picture.

    Raises:
        PictureError: there is none.
    """
    with path.open("rb") as file:
        start = _scan(file)
        end = file.seek(0, 2)
        while start is not None and end > start:  # from behind, where it nearly always is
            begin = max(start, end - _PART)
            file.seek(begin)
            if b"\xff\xd9" in file.read(end - begin + 1):  # one more: the mark may lie across two parts
                return
            end = begin
    if start is not None:
        raise PictureError("the JPEG data is damaged or cut short (no end mark); get a whole copy of it", where=path)


def _scan(file: BinaryIO) -> int | None:
    """Return where the first scan's data begins, or `None` where the segments before it cannot be followed."""
    at = 2
    while True:
        file.seek(at)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            return None
        if head[1] == 0xFF:  # bytes that fill
            at += 1
        elif head[1] == 0x01 or 0xD0 <= head[1] <= 0xD9:  # without a length
            at += 2
        else:
            at += 2 + int.from_bytes(head[2:], "big")
            if head[1] == 0xDA:
                return at


def states_resolution(path: Path) -> bool:
    """Return whether a file says how large it is on paper: libvips gives 72 dots an inch for one that does not."""
    with path.open("rb") as file:
        head = file.read(14)
    return head[6:11] == b"JFIF\0" and head[13] in (1, 2)  # its unit: inches or centimetres
