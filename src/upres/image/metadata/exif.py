"""EXIF blocks, kept true of the pixels they travel with (Exif 2.32, 4.6)."""

from __future__ import annotations

import struct

from upres.image.metadata.ifd import (
    EXIF_IFD,
    INCH,
    LONG,
    RATIONAL,
    RESOLUTION_UNIT,
    SHORT,
    X_RESOLUTION,
    Y_RESOLUTION,
    DamagedError,
    Value,
    block,
    parse_block,
)

# Tags, by the names of the Exif and TIFF specifications.
_IMAGE_WIDTH, _IMAGE_LENGTH, _ORIENTATION = 0x0100, 0x0101, 0x0112
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003


EMPTY = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
"""A block that says nothing yet."""


def upright(exif: bytes, width: int, height: int, resolution: tuple[float, float] | None = None) -> bytes | None:
    """Return an EXIF block that is true of upright pixels of this size; `None` when the block is damaged.

    Orientation becomes 1, size tags where there are any become `width` and `height`, resolution tags state
    `resolution` (pixels per millimetre) when it is given, and the thumbnail is left behind, because it was
    neither turned nor resized.
    """
    try:
        table = parse_block(exif)
    except DamagedError:
        return None
    for tag, value in (
        (_ORIENTATION, Value(SHORT, (1).to_bytes(2, "little"))),
        (_IMAGE_WIDTH, _long(width)),
        (_IMAGE_LENGTH, _long(height)),
    ):
        if tag in table:
            table[tag] = value
    if resolution is not None:
        table[X_RESOLUTION], table[Y_RESOLUTION] = (_per_inch(number) for number in resolution)
        table[RESOLUTION_UNIT] = Value(SHORT, INCH.to_bytes(2, "little"))
    photo = table.get(EXIF_IFD)
    if isinstance(photo, dict):
        photo[_PIXEL_X], photo[_PIXEL_Y] = _long(width), _long(height)
    return block(table)


def resolution(exif: bytes) -> tuple[float, float] | None:
    """Return the horizontal and vertical pixels per millimetre that an EXIF block states, or `None`."""
    try:
        table = parse_block(exif)
    except DamagedError:
        return None
    unit = table.get(RESOLUTION_UNIT)
    per = 10.0 if isinstance(unit, Value) and unit.data[:1] == b"\x03" else 25.4  # 3 means centimetres
    numbers = []
    for tag in (X_RESOLUTION, Y_RESOLUTION):
        value = table.get(tag)
        if not isinstance(value, Value) or value.kind != RATIONAL or len(value.data) < 8:
            return None
        above, below = struct.unpack("<LL", value.data[:8])
        if not above or not below:
            return None
        numbers.append(above / below / per)
    return numbers[0], numbers[1]


def _long(value: int) -> Value:
    return Value(LONG, value.to_bytes(4, "little"))


def _per_inch(per_millimetre: float) -> Value:
    thousandths = min(round(per_millimetre * 25_400), 2**32 - 1)
    return Value(RATIONAL, struct.pack("<LL", thousandths, 1000))
