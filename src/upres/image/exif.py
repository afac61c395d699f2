"""EXIF blocks and the tables of TIFF files, which are one structure (TIFF 6.0, section 2; Exif 2.32, 4.6).

libvips carries EXIF in JPEG, PNG and WebP, but in TIFF it neither reads nor writes it, and it cuts IPTC there
to a quarter. The functions below fill that gap, and keep true the tags that say how the pixels lie.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, Literal, cast

from upres.errors import FailedError

Order = Literal["little", "big"]

# Tags, by the names of the Exif and TIFF specifications.
_IMAGE_WIDTH, _IMAGE_LENGTH, _ORIENTATION, _IPTC = 0x0100, 0x0101, 0x0112, 0x83BB
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _NO_UNIT, _INCH = 0x011A, 0x011B, 0x0128, 1, 2
_NEW_SUBFILE_TYPE, _REDUCED, _MASK = 0x00FE, 1, 4
_PIXELS_AT = (0x0111, 0x0144)  # StripOffsets, TileOffsets
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 0x8769, 0x8825, 0xA005
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
_POINTERS = (_EXIF_IFD, _GPS_IFD, _INTEROP_IFD)
# What of a TIFF file's first table is about the photograph and not about how this file stores it:
# ImageDescription, Make, Model, Software, DateTime, Artist, Copyright and the two tables of Exif.
_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, _EXIF_IFD, _GPS_IFD)

_BYTE, _SHORT, _LONG, _RATIONAL, _UNDEFINED, _LONG8 = 1, 3, 4, 5, 7, 16
_SIZES = {
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
_RATIONALS = (_RATIONAL, 10)  # a pair of 4-byte integers each

EMPTY = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
"""A block that says nothing yet."""

# A table longer than this, or a value larger, is damage and not metadata.
_MOST_ENTRIES, _MOST_BYTES = 4096, 64 << 20


class _DamagedError(Exception):
    """The structure cannot be followed; callers then carry nothing rather than something wrong."""


@dataclass(frozen=True)
class _Value:
    kind: int
    data: bytes  # little-endian


_Table = dict[int, "_Value | _Table"]


def upright(exif: bytes, width: int, height: int, resolution: tuple[float, float] | None = None) -> bytes | None:
    """Return an EXIF block that is true of upright pixels of this size; `None` when the block is damaged.

    Orientation becomes 1, size tags where there are any become `width` and `height`, resolution tags state
    `resolution` (pixels per millimetre) when it is given, and the thumbnail is left behind, because it was
    neither turned nor resized.
    """
    try:
        table = _parse_block(exif)
    except _DamagedError:
        return None
    for tag, value in (
        (_ORIENTATION, _Value(_SHORT, (1).to_bytes(2, "little"))),
        (_IMAGE_WIDTH, _long(width)),
        (_IMAGE_LENGTH, _long(height)),
    ):
        if tag in table:
            table[tag] = value
    if resolution is not None:
        table[_X_RESOLUTION], table[_Y_RESOLUTION] = (_per_inch(figure) for figure in resolution)
        table[_RESOLUTION_UNIT] = _Value(_SHORT, _INCH.to_bytes(2, "little"))
    photo = table.get(_EXIF_IFD)
    if isinstance(photo, dict):
        photo[_PIXEL_X], photo[_PIXEL_Y] = _long(width), _long(height)
    return _block(table)


def resolution(exif: bytes) -> tuple[float, float] | None:
    """Return the horizontal and vertical pixels per millimetre that an EXIF block states, or `None`."""
    try:
        table = _parse_block(exif)
    except _DamagedError:
        return None
    unit = table.get(_RESOLUTION_UNIT)
    per = 10.0 if isinstance(unit, _Value) and unit.data[:1] == b"\x03" else 25.4  # 3 means centimetres
    figures = []
    for tag in (_X_RESOLUTION, _Y_RESOLUTION):
        value = table.get(tag)
        if not isinstance(value, _Value) or value.kind != _RATIONAL or len(value.data) < 8:
            return None
        above, below = struct.unpack("<LL", value.data[:8])
        if not above or not below:
            return None
        figures.append(above / below / per)
    return figures[0], figures[1]


def upright_xmp(xmp: bytes, width: int, height: int, resolution: tuple[float, float] | None = None) -> bytes:
    """Return an XMP packet that is true of upright pixels of this size, where it has such tags at all.

    Resolution tags state `resolution` (pixels per millimetre) when it is given, as XMP writes rationals: 300/1.
    """
    truths = [
        (rb"(?:tiff:ImageWidth|exif:PixelXDimension)", str(width)),
        (rb"(?:tiff:ImageLength|exif:PixelYDimension)", str(height)),
        (rb"tiff:Orientation", "1"),
    ]
    if resolution is not None:
        x, y = (Fraction(figure * 25.4).limit_denominator(1000) for figure in resolution)
        truths += [
            (rb"tiff:XResolution", f"{x.numerator}/{x.denominator}"),
            (rb"tiff:YResolution", f"{y.numerator}/{y.denominator}"),
            (rb"tiff:ResolutionUnit", str(_INCH)),
        ]
    for names, truth in truths:
        number = truth.encode()
        xmp = re.sub(rb"(" + names + rb"\s*=\s*[\"'])[\d/.]+", rb"\g<1>" + number, xmp)
        xmp = re.sub(rb"(<" + names + rb"\s*>\s*)[\d/.]+", rb"\g<1>" + number, xmp)
    return xmp


@dataclass(frozen=True)
class TiffExtras:
    """What a TIFF file says beyond what libvips reads.

    Attributes:
        exif: an EXIF block, or `None`.
        iptc: IPTC records (IIM), or `None`.
    """

    exif: bytes | None = None
    iptc: bytes | None = None


def tiff_extras(file: BinaryIO, page: int = 0) -> TiffExtras:
    """Read the table of one page of a TIFF or BigTIFF file; nothing is found in a damaged one."""
    try:
        order, big, at = _open_tiff(file)
        for _ in range(page):
            at = _raw_entries(file, at, order, big)[1]
        table = _parse(file, at, order, big, only=(*_DESCRIPTIVE, _IPTC))
    except _DamagedError:
        return TiffExtras()
    kept: _Table = {tag: table[tag] for tag in _DESCRIPTIVE if tag in table}
    iptc = table.get(_IPTC)
    return TiffExtras(
        exif=_block(kept) if kept else None,
        iptc=iptc.data if isinstance(iptc, _Value) else None,
    )


def tiff_pages(file: BinaryIO) -> list[int]:
    """Return the numbers of a TIFF file's pages, from 0, without those that are smaller copies or masks of others.

    A damaged file has the pages before the damage, and the first in any case.
    """
    pages = []
    with contextlib.suppress(_DamagedError):
        order, big, at = _open_tiff(file)
        seen: set[int] = set()
        while at and at not in seen:
            seen.add(at)
            following = _raw_entries(file, at, order, big)[1]
            kind = _parse(file, at, order, big, only=(_NEW_SUBFILE_TYPE,)).get(_NEW_SUBFILE_TYPE)
            if not (isinstance(kind, _Value) and int.from_bytes(kind.data, "little") & (_REDUCED | _MASK)):
                pages.append(len(seen) - 1)
            at = following
    return pages or [0]


def append_page(file: BinaryIO, page: BinaryIO) -> None:
    """Append a TIFF file of one page, and of the same kind, to another (opened `r+b`).

    Raises:
        FailedError: the file would be longer than its offsets can count.
    """
    order, big, at = _open_tiff(page)
    last = _last_pointer(file)
    end = file.seek(0, 2)
    base = end + -end % 16
    file.write(b"\0" * (base - end))
    page.seek(0)
    shutil.copyfileobj(page, file, 1 << 20)
    if not big and file.tell() >= 2**32:
        raise FailedError("the pages make a TIFF of more than 4 GB, which was not foreseen; write fewer into one file")
    _relocate(file, base + at, base, order, big)
    file.seek(last)
    file.write((base + at).to_bytes(8 if big else 4, order))


def _last_pointer(file: BinaryIO) -> int:
    """Return where the pointer stands that ends the chain of tables."""
    order, big, at = _open_tiff(file)
    counter, entry = (8, 20) if big else (2, 12)
    while True:
        entries, following = _raw_entries(file, at, order, big)
        if not following:
            return at + counter + entry * len(entries)
        at = following


def _relocate(file: BinaryIO, at: int, base: int, order: Order, big: bool) -> None:
    """Add `base` to every offset in the table at `at`, in those below it, and in its list of strips or tiles."""
    counter, size, head, pointer = (8, 20, 12, 8) if big else (2, 12, 8, 4)
    for index, entry in enumerate(_raw_entries(file, at, order, big)[0]):
        tag, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
        where = at + counter + index * size + head
        width = _SIZES.get(kind, 1)
        count = int.from_bytes(entry[4:head], order)
        if tag in _POINTERS or width * count > pointer:
            target = int.from_bytes(entry[head:], order) + base
            file.seek(where)
            file.write(target.to_bytes(pointer, order))
            if tag in _POINTERS:
                _relocate(file, target, base, order, big)
                continue
            where = target
        if tag in _PIXELS_AT:
            data = _read(file, where, width * count)
            offsets = (int.from_bytes(data[i : i + width], order) + base for i in range(0, len(data), width))
            file.seek(where)
            file.write(b"".join(offset.to_bytes(width, order) for offset in offsets))


def add_to_tiff(file: BinaryIO, exif: bytes | None, iptc: bytes | None, *, resolution: bool = True) -> None:
    """Add EXIF and IPTC to a TIFF or BigTIFF file that has just been written (opened `r+b`).

    The new first table is appended and the header made to point at it; no pixel moves. Without `resolution`
    the tags that libvips had to write are made to say that pixels are square, and not how large they are.
    """
    added: _Table = {}
    if not resolution:
        added[_X_RESOLUTION] = added[_Y_RESOLUTION] = _Value(_RATIONAL, struct.pack("<LL", 1, 1))
        added[_RESOLUTION_UNIT] = _Value(_SHORT, _NO_UNIT.to_bytes(2, "little"))
    if exif is not None:
        try:
            table = _parse_block(exif)
        except _DamagedError:
            table = {}
        added |= {tag: table[tag] for tag in _DESCRIPTIVE if tag in table}
    if iptc is not None:
        added[_IPTC] = _Value(_UNDEFINED, iptc)
    if not added:
        return
    order, big, at = _open_tiff(file)
    entries, following = _raw_entries(file, at, order, big)
    stored = {int.from_bytes(entry[:2], order): entry for entry in entries}
    for tag in added:
        stored.pop(tag, None)
    end = file.seek(0, 2)
    start = end + end % 8
    file.write(b"\0" * (start - end))
    file.write(_emit(added, start, order, big, kept=stored, following=following))
    file.seek(8 if big else 4)
    file.write(start.to_bytes(8 if big else 4, order))


def _long(value: int) -> _Value:
    return _Value(_LONG, value.to_bytes(4, "little"))


def _per_inch(per_millimetre: float) -> _Value:
    thousandths = min(round(per_millimetre * 25_400), 2**32 - 1)
    return _Value(_RATIONAL, struct.pack("<LL", thousandths, 1000))


def _parse_block(exif: bytes) -> _Table:
    from io import BytesIO

    file = BytesIO(exif.removeprefix(b"Exif\0\0"))
    order, big, at = _open_tiff(file)
    return _parse(file, at, order, big)


def _block(table: _Table) -> bytes:
    return b"II*\0" + (8).to_bytes(4, "little") + _emit(table, 8, "little", big=False)


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    if not 0 <= length <= _MOST_BYTES:
        raise _DamagedError
    try:
        file.seek(at)
    except (OSError, OverflowError, ValueError) as error:
        raise _DamagedError from error
    data = file.read(length)
    if len(data) != length:
        raise _DamagedError
    return data


def _open_tiff(file: BinaryIO) -> tuple[Order, bool, int]:
    """Return byte order, whether it is BigTIFF, and where the first table lies."""
    head = _read(file, 0, 8)
    orders = {b"II": "little", b"MM": "big"}
    if head[:2] not in orders:
        raise _DamagedError
    order = cast(Order, orders[head[:2]])
    version = int.from_bytes(head[2:4], order)
    if version not in (42, 43):
        raise _DamagedError
    big = version == 43
    at = int.from_bytes(_read(file, 8, 8) if big else head[4:8], order)
    return order, big, at


def _raw_entries(file: BinaryIO, at: int, order: Order, big: bool) -> tuple[list[bytes], int]:
    """Return the entries of the table at `at`, undecoded, and where the next table lies."""
    counter, entry, pointer = (8, 20, 8) if big else (2, 12, 4)
    count = int.from_bytes(_read(file, at, counter), order)
    if count > _MOST_ENTRIES:
        raise _DamagedError
    body = _read(file, at + counter, count * entry)
    # Some writers leave out the pointer after the last table of an EXIF block.
    file.seek(at + counter + count * entry)
    following = int.from_bytes(file.read(pointer), order)
    return [body[i : i + entry] for i in range(0, len(body), entry)], following


def _parse(file: BinaryIO, at: int, order: Order, big: bool, *, depth: int = 0, only: tuple[int, ...] = ()) -> _Table:
    """Return the table at `at` and those below it; of the first one, `only` these tags when any are named."""
    table: _Table = {}
    for entry in _raw_entries(file, at, order, big)[0]:
        tag, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
        if kind not in _SIZES or (only and tag not in only):
            continue
        count, field = (entry[4:12], entry[12:]) if big else (entry[4:8], entry[8:])
        length = int.from_bytes(count, order) * _SIZES[kind]
        if tag in _POINTERS:
            if depth > 1:
                raise _DamagedError
            width = min(_SIZES[kind], len(field))
            table[tag] = _parse(file, int.from_bytes(field[:width], order), order, big, depth=depth + 1)
            continue
        try:
            data = field[:length] if length <= len(field) else _read(file, int.from_bytes(field, order), length)
        except _DamagedError:
            continue  # one value outside the block does not condemn the others
        table[tag] = _Value(kind, data if order == "little" else _swapped(data, kind))
    return table


def _swapped(data: bytes, kind: int) -> bytes:
    size = 4 if kind in _RATIONALS else _SIZES[kind]
    return b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))


def _emit(
    table: _Table,
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
            kind, count, field = (_LONG8 if big else _LONG), 1, where.to_bytes(pointer, order)
            outside += _emit(value, where, order, big)
        else:
            kind, count = value.kind, len(value.data) // _SIZES[value.kind]
            data = value.data if order == "little" else _swapped(value.data, kind)
            field = data.ljust(pointer, b"\0")
            if len(data) > pointer:
                field = where.to_bytes(pointer, order)
                outside += data
        mark = "<" if order == "little" else ">"
        stored[tag] = struct.pack(mark + ("HHQ" if big else "HHL"), tag, kind, count) + field
    body = b"".join(stored[tag] for tag in sorted(stored))
    return len(stored).to_bytes(counter, order) + body + following.to_bytes(pointer, order) + outside
