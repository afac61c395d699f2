"""Image file directories: the tables of tags that EXIF blocks and TIFF files are made of (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal, cast

from upres.config.limits import MAX_METADATA_BYTES, MAX_METADATA_ENTRIES

Order = Literal["little", "big"]

X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, NO_UNIT, INCH = 0x011A, 0x011B, 0x0128, 1, 2

EXIF_IFD, GPS_IFD, _INTEROP_IFD = 0x8769, 0x8825, 0xA005

POINTERS = (EXIF_IFD, GPS_IFD, _INTEROP_IFD)

# What of a TIFF file's first table is about the photograph and not about how this file stores it:
# ImageDescription, Make, Model, Software, DateTime, Artist, Copyright and the two tables of Exif.
DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, EXIF_IFD, GPS_IFD)

_BYTE, SHORT, LONG, RATIONAL, UNDEFINED, _LONG8 = 1, 3, 4, 5, 7, 16

SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}

_RATIONALS = (RATIONAL, 10)  # a pair of 4-byte integers each


class DamagedError(Exception):
    """The structure cannot be followed; callers then carry nothing rather than something wrong."""


@dataclass(frozen=True)
class Value:
    """A tag's value: its TIFF type, and its bytes in little-endian order."""

    kind: int
    data: bytes


Table = dict[int, "Value | Table"]


def parse_block(exif: bytes) -> Table:
    """Return the first table of an EXIF block and those below it.

    Raises:
        DamagedError: it cannot be followed.
    """
    from io import BytesIO

    file = BytesIO(exif.removeprefix(b"Exif\0\0"))
    order, big, at = open_tiff(file)
    return parse(file, at, order, big)


def block(table: Table) -> bytes:
    """Return a table as an EXIF block, little-endian."""
    return b"II*\0" + (8).to_bytes(4, "little") + emit(table, 8, "little", big=False)


def read(file: BinaryIO, at: int, length: int) -> bytes:
    """Return so many bytes.

    Raises:
        DamagedError: there are fewer, or so many would be no metadata.
    """
    if not 0 <= length <= MAX_METADATA_BYTES:
        raise DamagedError
    try:
        file.seek(at)
    except (OSError, OverflowError, ValueError) as error:
        raise DamagedError from error
    data = file.read(length)
    if len(data) != length:
        raise DamagedError
    return data


def open_tiff(file: BinaryIO) -> tuple[Order, bool, int]:
    """Return byte order, whether it is BigTIFF, and where the first table lies."""
    head = read(file, 0, 8)
    orders = {b"II": "little", b"MM": "big"}
    if head[:2] not in orders:
        raise DamagedError
    order = cast(Order, orders[head[:2]])
    version = int.from_bytes(head[2:4], order)
    if version not in (42, 43):
        raise DamagedError
    big = version == 43
    at = int.from_bytes(read(file, 8, 8) if big else head[4:8], order)
    return order, big, at


def raw_entries(file: BinaryIO, at: int, order: Order, big: bool) -> tuple[list[bytes], int]:
    """Return the entries of the table at `at`, undecoded, and where the next table lies."""
    counter, entry, pointer = (8, 20, 8) if big else (2, 12, 4)
    count = int.from_bytes(read(file, at, counter), order)
    if count > MAX_METADATA_ENTRIES:
        raise DamagedError
    body = read(file, at + counter, count * entry)
    # Some writers leave out the pointer after the last table of an EXIF block.
    file.seek(at + counter + count * entry)
    following = int.from_bytes(file.read(pointer), order)
    return [body[i : i + entry] for i in range(0, len(body), entry)], following


class _Room:
    """How many bytes of values may still be read."""

    def __init__(self) -> None:
        self._left = MAX_METADATA_BYTES

    def take(self, length: int) -> None:
        self._left -= length
        if self._left < 0:
            raise DamagedError


def parse(file: BinaryIO, at: int, order: Order, big: bool, *, only: tuple[int, ...] = ()) -> Table:
    """Return the table at `at` and those below it; of the first one, `only` these tags when any are named.

    Of entries with the same tag the first counts: a few kilobytes of entries can point at the same large value, or
    table, millions of times.

    Raises:
        DamagedError: it cannot be followed, or its values have more than `MAX_METADATA_BYTES` in all.
    """
    return _parsed(file, at, order, big, only, 0, _Room())


def _parsed(file: BinaryIO, at: int, order: Order, big: bool, only: tuple[int, ...], depth: int, room: _Room) -> Table:
    table: Table = {}
    for entry in raw_entries(file, at, order, big)[0]:
        tag, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
        if kind not in SIZES or tag in table or (only and tag not in only):
            continue
        count, field = (entry[4:12], entry[12:]) if big else (entry[4:8], entry[8:])
        length = int.from_bytes(count, order) * SIZES[kind]
        if tag in POINTERS:
            if depth > 1:
                raise DamagedError
            width = min(SIZES[kind], len(field))
            table[tag] = _parsed(file, int.from_bytes(field[:width], order), order, big, (), depth + 1, room)
            continue
        try:
            data = field[:length] if length <= len(field) else read(file, int.from_bytes(field, order), length)
        except DamagedError:
            continue  # one value outside the block does not condemn the others
        room.take(length)
        table[tag] = Value(kind, data if order == "little" else _swapped(data, kind))
    return table


def _swapped(data: bytes, kind: int) -> bytes:
    size = 4 if kind in _RATIONALS else SIZES[kind]
    return b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))


def emit(
    table: Table,
    at: int,
    order: Order,
    big: bool,
    *,
    kept: dict[int, bytes] | None = None,
    following: int = 0,
) -> bytes:
    """Return a table and all that hangs on it, for offset `at`; `kept` are entries to copy as stored."""
    counter, entry, pointer = (8, 20, 8) if big else (2, 12, 4)
    stored = dict(kept or {})
    tail = at + counter + entry * (len(stored) + len(table)) + pointer
    outside = b""
    for tag, value in table.items():
        outside += b"\0" * ((tail + len(outside)) % 2)  # values begin on even offsets
        where = tail + len(outside)
        if isinstance(value, dict):
            kind, count, field = (_LONG8 if big else LONG), 1, where.to_bytes(pointer, order)
            outside += emit(value, where, order, big)
        else:
            kind, count = value.kind, len(value.data) // SIZES[value.kind]
            data = value.data if order == "little" else _swapped(value.data, kind)
            field = data.ljust(pointer, b"\0")
            if len(data) > pointer:
                field = where.to_bytes(pointer, order)
                outside += data
        mark = "<" if order == "little" else ">"
        stored[tag] = struct.pack(mark + ("HHQ" if big else "HHL"), tag, kind, count) + field
    body = b"".join(stored[tag] for tag in sorted(stored))
    return len(stored).to_bytes(counter, order) + body + following.to_bytes(pointer, order) + outside
