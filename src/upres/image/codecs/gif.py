"""GIF's blocks, walked to see that the file is whole: libvips ends a cut animation early and says nothing.

Source: CompuServe, "Graphics Interchange Format, Version 89a", sections 15 to 27.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from upres.config.limits import MAX_GIF_ZEROS
from upres.errors import PictureError

_IMAGE, _EXTENSION, _TRAILER, _CONTROL = 0x2C, 0x21, 0x3B, 0xF9
_TO_PREVIOUS = 3


@dataclass(frozen=True)
class Layout:
    """Where a GIF's frames lie on its canvas.

    Attributes:
        boxes: of each frame, its rows and columns.
        disposals: what becomes of it before the next: 3 gives back what was there.
    """

    boxes: tuple[tuple[slice, slice], ...]
    disposals: tuple[int, ...]

    def covered(self, height: int, width: int) -> Iterator[NDArray[np.bool_]]:
        """Yield, of each frame as it is shown, what has been painted `h w`: the rest of the canvas is clear.

        One that is disposed of leaves the background's colour, which is paint, too.
        """
        painted = np.zeros((height, width), np.bool_)
        for box, disposal in zip(self.boxes, self.disposals, strict=True):
            before = painted.copy() if disposal == _TO_PREVIOUS else painted
            painted[box] = True
            yield painted.copy()
            painted = before

    def whole(self, height: int, width: int) -> bool:
        """Return whether every frame is painted all over. Nothing of the canvas's size is made for it."""
        for (rows, columns), disposal in zip(self.boxes, self.disposals, strict=True):
            # Those before it gave back a canvas that nothing had been painted on.
            if rows.start or columns.start or rows.stop < height or columns.stop < width:
                return False
            if disposal != _TO_PREVIOUS:
                return True  # and stays so
        return True


def layout(path: Path) -> Layout:
    """Walk the blocks to the trailer.

    Raises:
        PictureError: the file ends before its trailer, or something that is no block stands between.
    """
    with path.open("rb") as file:
        file.seek(10)
        flags = file.read(3)
        if len(flags) == 3:
            file.seek(_table(flags[0]), 1)
            boxes: list[tuple[slice, slice]] = []
            disposals: list[int] = []
            if _to_trailer(file, boxes, disposals):
                return Layout(tuple(boxes), tuple(disposals))
    raise PictureError("the GIF data is damaged or cut short (no end mark); get a whole copy of it", where=path)


def screen(path: Path) -> tuple[int, int]:
    """Return the width and height of the screen on which the frames lie, as the header says."""
    with path.open("rb") as file:
        file.seek(6)
        width, height = struct.unpack("<HH", file.read(4))
    return width, height


def _table(flags: int) -> int:
    """Return the bytes of a colour table, by the flags that announce it."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _to_trailer(file: BinaryIO, boxes: list[tuple[slice, slice]], disposals: list[int]) -> bool:
    zeros, disposal = 0, 0
    while kind := file.read(1):
        if kind[0] == _TRAILER:
            return True
        if kind[0] == _IMAGE:
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return False
            left, top, width, height = struct.unpack("<4H", descriptor[:8])
            boxes.append((slice(top, top + height), slice(left, left + width)))
            disposals.append(disposal)
            disposal = 0
            file.seek(_table(descriptor[8]) + 1, 1)  # and the size of the first code
        elif kind[0] == _EXTENSION:
            label = file.read(1)
            if label and label[0] == _CONTROL:
                head = file.read(2)
                disposal = head[1] >> 2 & 7 if len(head) == 2 and head[0] else 0
                file.seek(-len(head), 1)
        elif kind[0] == 0:
            zeros += 1
            if zeros > MAX_GIF_ZEROS:  # the rest of a download that was broken off
                return False
            continue  # stray zeros between blocks, which decoders pass over
        else:
            return False
        zeros = 0
        while size := file.read(1):
            if size[0] == 0:
                break
            file.seek(size[0], 1)
    # Some writers forget the trailer; a file that ends with a block has lost nothing else. Seeks may have passed it.
    return bool(boxes) and zeros == 0 and file.tell() == file.seek(0, 2)
