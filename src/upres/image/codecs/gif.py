"""GIF's blocks, walked to see that the file is whole: libvips ends a cut animation early and says nothing.

Source: CompuServe, "Graphics Interchange Format, Version 89a", sections 15 to 27.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from upres.config.limits import MAX_GIF_ZEROS
from upres.errors import PictureError

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B


def check_whole(path: Path) -> None:
    """Walk the blocks to the trailer.

    Raises:
        PictureError: the file ends before its trailer, or something that is no block stands between.
    """
    with path.open("rb") as file:
        file.seek(10)
        flags = file.read(3)
        if len(flags) == 3:
            file.seek(_table(flags[0]), 1)
            if _to_trailer(file):
                return
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


def _to_trailer(file: BinaryIO) -> bool:
    pictures, zeros = 0, 0
    while kind := file.read(1):
        if kind[0] == _TRAILER:
            return True
        if kind[0] == _IMAGE:
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return False
            pictures += 1
            file.seek(_table(descriptor[8]) + 1, 1)  # and the size of the first code
        elif kind[0] == _EXTENSION:
            file.seek(1, 1)
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
    return pictures > 0 and zeros == 0 and file.tell() == file.seek(0, 2)
