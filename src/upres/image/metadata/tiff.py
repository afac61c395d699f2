"""The tables of TIFF and BigTIFF files: their pages, and the tags that libvips does not carry (TIFF 6.0)."""

from __future__ import annotations

import contextlib
import shutil
import struct
from dataclasses import dataclass
from typing import BinaryIO

from upres.errors import FailedError
from upres.image.metadata.ifd import (
    DESCRIPTIVE,
    NO_UNIT,
    POINTERS,
    RATIONAL,
    RESOLUTION_UNIT,
    SHORT,
    SIZES,
    UNDEFINED,
    X_RESOLUTION,
    Y_RESOLUTION,
    DamagedError,
    Order,
    Table,
    Value,
    block,
    emit,
    open_tiff,
    parse,
    parse_block,
    raw_entries,
    read,
)

_IPTC = 0x83BB
_NEW_SUBFILE_TYPE, _REDUCED, _MASK = 0x00FE, 1, 4
_PHOTOMETRIC, _SUB_TABLES, _DNG_VERSION = 0x0106, 0x014A, 0xC612
LAB, ICC_LAB, ITU_LAB = 8, 9, 10
"""What PhotometricInterpretation says of Lab: a and b signed; with 128 added; in a range that the file tells."""
_RGB = 2
_MOSAICS = (32_803, 34_892)  # a colour filter array, and linear raw
_PIECE_BYTES = (0x0117, 0x0145)  # StripByteCounts, TileByteCounts
_TILE_LENGTH, _COMPRESSION = 0x0143, 0x0103
_PIXELS_AT = (0x0111, 0x0144)  # StripOffsets, TileOffsets


@dataclass(frozen=True)
class Extras:
    """What a TIFF file says beyond what libvips reads.

    Attributes:
        exif: an EXIF block, or `None`.
        iptc: IPTC records (IIM), or `None`.
    """

    exif: bytes | None = None
    iptc: bytes | None = None


def extras(file: BinaryIO, page: int = 0) -> Extras:
    """Read the table of one page of a TIFF or BigTIFF file; nothing is found in a damaged one."""
    try:
        order, big, at = open_tiff(file)
        for _ in range(page):
            at = raw_entries(file, at, order, big)[1]
        table = parse(file, at, order, big, only=(*DESCRIPTIVE, _IPTC))
    except DamagedError:
        return Extras()
    kept: Table = {tag: table[tag] for tag in DESCRIPTIVE if tag in table}
    iptc = table.get(_IPTC)
    return Extras(
        exif=block(kept) if kept else None,
        iptc=iptc.data if isinstance(iptc, Value) else None,
    )


@dataclass(frozen=True)
class Pieces:
    """The strips or tiles of a page.

    Attributes:
        coded_bytes: of the longest, where they are compressed; else 0. It is no more than the file has.
        tile_rows: of a tile, or 0 for strips.
    """

    coded_bytes: int = 0
    tile_rows: int = 0


def pieces(file: BinaryIO, page: int = 0) -> Pieces:
    """Return what a page is made of; nothing is found in a damaged file."""
    try:
        order, big, at = open_tiff(file)
        for _ in range(page):
            at = raw_entries(file, at, order, big)[1]
        table = parse(file, at, order, big, only=(*_PIECE_BYTES, _TILE_LENGTH, _COMPRESSION))
    except DamagedError:
        return Pieces()
    plain = (_number(table.get(_COMPRESSION)) or 1) == 1
    longest = 0 if plain else max(_largest(table.get(tag)) for tag in _PIECE_BYTES)
    return Pieces(min(longest, file.seek(0, 2)), _number(table.get(_TILE_LENGTH)) or 0)


def photometric(file: BinaryIO, page: int = 0) -> int | None:
    """Return what a page says that its samples mean (PhotometricInterpretation), or `None` in a damaged file."""
    found = _photometric_at(file, page)
    return None if found is None else found[1]


def as_rgb(file: BinaryIO, page: int = 0) -> None:
    """Make a page of a file say that its samples are R, G and B, so that whoever decodes it leaves them alone."""
    found = _photometric_at(file, page)
    if found is not None:
        at, _, order = found
        file.seek(at)
        file.write(_RGB.to_bytes(2, order))


def _photometric_at(file: BinaryIO, page: int) -> tuple[int, int, Order] | None:
    try:
        order, big, at = open_tiff(file)
        for _ in range(page):
            at = raw_entries(file, at, order, big)[1]
        entries = raw_entries(file, at, order, big)[0]
    except DamagedError:
        return None
    head, value = (8, 12) if big else (2, 8)
    for number, entry in enumerate(entries):
        if int.from_bytes(entry[:2], order) == _PHOTOMETRIC:
            place = at + head + number * len(entry) + value
            return place, int.from_bytes(entry[value : value + 2], order), order
    return None


def _largest(value: Value | Table | None) -> int:
    if not isinstance(value, Value):
        return 0
    size = SIZES[value.kind]
    return max(
        (int.from_bytes(value.data[at : at + size], "little") for at in range(0, len(value.data), size)), default=0
    )


def raw_photograph(file: BinaryIO) -> bool:
    """Return whether a TIFF file is a camera's raw data, of which the first picture is a thumbnail or a mosaic.

    Known by DNG's version, by Canon's mark, or by a first table that says it is a smaller copy and points to others
    (DNG 1.7, chapter 2; NEF and ARW are laid out so, too).
    """
    try:
        order, big, at = open_tiff(file)
        file.seek(8)
        if file.read(2) == b"CR" and not big:
            return True
        table = parse(file, at, order, big, only=(_NEW_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_TABLES, _DNG_VERSION))
    except DamagedError:
        return False
    if _DNG_VERSION in table:
        return True
    number = {tag: _number(table.get(tag)) for tag in (_NEW_SUBFILE_TYPE, _PHOTOMETRIC)}
    reduced = bool((number[_NEW_SUBFILE_TYPE] or 0) & _REDUCED)
    return number[_PHOTOMETRIC] in _MOSAICS or (reduced and _SUB_TABLES in table)


def _number(value: Value | Table | None) -> int | None:
    return int.from_bytes(value.data[: SIZES[value.kind]], "little") if isinstance(value, Value) else None


def pages(file: BinaryIO) -> list[int]:
    """Return the numbers of a TIFF file's pages, from 0, without those that are smaller copies or masks of others.

    A damaged file has the pages before the damage, and the first in any case.
    """
    pages = []
    with contextlib.suppress(DamagedError):
        order, big, at = open_tiff(file)
        seen: set[int] = set()
        while at and at not in seen:
            seen.add(at)
            following = raw_entries(file, at, order, big)[1]
            kind = parse(file, at, order, big, only=(_NEW_SUBFILE_TYPE,)).get(_NEW_SUBFILE_TYPE)
            if not (isinstance(kind, Value) and int.from_bytes(kind.data, "little") & (_REDUCED | _MASK)):
                pages.append(len(seen) - 1)
            at = following
    return pages or [0]


def append_page(file: BinaryIO, page: BinaryIO) -> None:
    """Append a TIFF file of one page, and of the same kind, to another (opened `r+b`).

    Raises:
        FailedError: the file would be longer than its offsets can count.
    """
    order, big, at = open_tiff(page)
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
    order, big, at = open_tiff(file)
    counter, entry = (8, 20) if big else (2, 12)
    while True:
        entries, following = raw_entries(file, at, order, big)
        if not following:
            return at + counter + entry * len(entries)
        at = following


def _relocate(file: BinaryIO, at: int, base: int, order: Order, big: bool) -> None:
    """Add `base` to every offset in the table at `at`, in those below it, and in its list of strips or tiles."""
    counter, size, head, pointer = (8, 20, 12, 8) if big else (2, 12, 8, 4)
    for index, entry in enumerate(raw_entries(file, at, order, big)[0]):
        tag, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
        where = at + counter + index * size + head
        width = SIZES.get(kind, 1)
        count = int.from_bytes(entry[4:head], order)
        if tag in POINTERS or width * count > pointer:
            target = int.from_bytes(entry[head:], order) + base
            file.seek(where)
            file.write(target.to_bytes(pointer, order))
            if tag in POINTERS:
                _relocate(file, target, base, order, big)
                continue
            where = target
        if tag in _PIXELS_AT:
            data = read(file, where, width * count)
            offsets = (int.from_bytes(data[i : i + width], order) + base for i in range(0, len(data), width))
            file.seek(where)
            file.write(b"".join(offset.to_bytes(width, order) for offset in offsets))


def add_tags(file: BinaryIO, exif: bytes | None, iptc: bytes | None, *, resolution: bool = True) -> None:
    """Add EXIF and IPTC to a TIFF or BigTIFF file that has just been written (opened `r+b`).

    The new first table is appended and the header made to point at it; no pixel moves. Without `resolution`
    the tags that libvips had to write are made to say that pixels are square, and not how large they are.
    """
    added: Table = {}
    if not resolution:
        added[X_RESOLUTION] = added[Y_RESOLUTION] = Value(RATIONAL, struct.pack("<LL", 1, 1))
        added[RESOLUTION_UNIT] = Value(SHORT, NO_UNIT.to_bytes(2, "little"))
    if exif is not None:
        try:
            table = parse_block(exif)
        except DamagedError:
            table = {}
        added |= {tag: table[tag] for tag in DESCRIPTIVE if tag in table}
    if iptc is not None:
        added[_IPTC] = Value(UNDEFINED, iptc)
    if not added:
        return
    order, big, at = open_tiff(file)
    entries, following = raw_entries(file, at, order, big)
    stored = {int.from_bytes(entry[:2], order): entry for entry in entries}
    for tag in added:
        stored.pop(tag, None)
    end = file.seek(0, 2)
    start = end + -end % 8  # BigTIFF wants tables on multiples of 8 bytes
    file.write(b"\0" * (start - end))
    file.write(emit(added, start, order, big, kept=stored, following=following))
    file.seek(8 if big else 4)
    file.write(start.to_bytes(8 if big else 4, order))
