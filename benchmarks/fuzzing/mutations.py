"""Files damaged at random, as a function of a generator: bytes, lengths, ends, and the parts that a format has."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Generator = np.random.Generator

_ODD_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
_ODD_NUMBERS = (
    *("0", "1", "-1", "2", "65535", "65536", "99999999", "2147483648", "4294967296", "18446744073709551616"),
    *("1e999", "-1e-9", "nan", "0.5", "1" + "0" * 400, "[]", '""', "null"),
)
_ORDERS: tuple[Literal["little"], Literal["big"]] = ("little", "big")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Mutation:
    """A file that was made wrong.

    Attributes:
        content: its bytes.
        ways: what was done to it, in words, in this order.
    """

    content: bytes
    ways: tuple[str, ...]


def mutated(content: bytes, others: Sequence[bytes], generator: Generator) -> Mutation:
    """Return a file changed in one to three ways; `others` are files from which parts may be taken."""
    ways = []
    for _ in range(int(generator.choice((1, 1, 1, 1, 2, 2, 3)))):
        names = list(WAYS)
        name = names[generator.integers(len(names))]
        content = WAYS[name](content, others[int(generator.integers(len(others)))], generator)
        ways.append(name)
    return Mutation(content, tuple(ways))


def bits(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Flip up to eight bits."""
    changed = bytearray(content)
    for _ in range(generator.integers(1, 9)):
        if changed:
            changed[generator.integers(len(changed))] ^= 1 << int(generator.integers(8))
    return bytes(changed)


def odd_bytes(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Set up to four bytes, half of them near the beginning, to numbers at which counts go wrong."""
    changed = bytearray(content)
    for _ in range(generator.integers(1, 5)):
        if changed:
            changed[_place(len(changed) - 1, generator)] = _ODD_BYTES[generator.integers(len(_ODD_BYTES))]
    return bytes(changed)


def random_bytes(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Replace a stretch of up to 64 bytes by others."""
    start, count = _place(len(content), generator), int(generator.integers(1, 65))
    return content[:start] + generator.bytes(min(count, len(content) - start)) + content[start + count :]


def cut(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Leave out the end."""
    return content[: _place(len(content), generator)]


def zeroed_end(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Fill the end with zeros, as a download does that was broken off."""
    return content[: _place(len(content), generator)].ljust(len(content), b"\0")


def zeroed(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Fill a stretch in the middle with zeros."""
    start, count = _place(len(content), generator), int(generator.integers(1, 513))
    return content[:start] + bytes(min(count, len(content) - start)) + content[start + count :]


def left_out(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Leave out a stretch."""
    start = _place(len(content), generator)
    return content[:start] + content[start + int(generator.integers(1, 129)) :]


def repeated(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Repeat a stretch, once or many times."""
    start = _place(len(content), generator)
    stretch = content[start : start + int(generator.integers(1, 129))]
    return content[:start] + stretch * int(generator.choice((2, 3, 200))) + content[start + len(stretch) :]


def spliced(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Put the end of another file behind the beginning of this one."""
    return content[: _place(len(content), generator)] + other[int(generator.integers(len(other) + 1)) :]


def length(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Replace 2, 4 or 8 bytes, which may be a length, a count or an offset, by another number."""
    width, order = int(generator.choice((2, 4, 8))), _ORDERS[generator.integers(2)]
    at = _place(len(content), generator)
    if at + width > len(content):
        return content
    old, top = int.from_bytes(content[at : at + width], order), 256**width - 1
    numbers = (0, 1, old - 1, old + 1, 2 * old, old // 2, len(content), len(content) - at, top, top // 2, top // 2 + 1)
    number = max(0, min(top, int(numbers[int(generator.integers(len(numbers)))])))
    changed: bytes = content[:at] + number.to_bytes(width, order) + content[at + width :]
    return changed


def digits(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Replace a number that is written as text by another."""
    found = list(re.finditer(rb"(?<![\w.])-?\d+(?:\.\d+)?", content))
    if not found:
        return odd_bytes(content, other, generator)
    number = found[generator.integers(len(found))]
    odd = _ODD_NUMBERS[generator.integers(len(_ODD_NUMBERS))].encode()
    return content[: number.start()] + odd + content[number.end() :]


def part(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Leave out, repeat, move or take from another file one of the parts that the format is made of."""
    parts = parts_of(content)
    if len(parts) < 3:
        return spliced(content, other, generator)
    at, to = (int(number) for number in generator.integers(1, len(parts), 2))
    kind = generator.integers(5)
    if kind == 0:
        parts.pop(at)
    elif kind == 1:
        parts.insert(to, parts[at] * int(generator.choice((1, 1, 50))))
    elif kind == 2:
        parts[at], parts[to] = parts[to], parts[at]
    else:
        foreign = parts_of(other)
        taken = foreign[generator.integers(len(foreign))]
        parts[at : at + int(kind == 3)] = [taken]
    return b"".join(parts)


def inside(content: bytes, other: bytes, generator: Generator) -> bytes:
    """Change the bytes of one part, and make its checksum (PNG) or its length true again, so that it is read."""
    parts = parts_of(content)
    if len(parts) < 2:
        return bits(content, other, generator)
    at = int(generator.integers(1, len(parts)))
    change = (bits, odd_bytes, random_bytes, left_out, length)[generator.integers(5)]
    parts[at] = _true(content, parts[at], lambda body: change(body, other, generator), generator)
    return b"".join(parts)


WAYS: dict[str, Callable[[bytes, bytes, Generator], bytes]] = {
    "bits": bits,
    "odd bytes": odd_bytes,
    "random bytes": random_bytes,
    "cut": cut,
    "zeroed end": zeroed_end,
    "zeroed": zeroed,
    "left out": left_out,
    "repeated": repeated,
    "spliced": spliced,
    "length": length,
    "digits": digits,
    "part": part,
    "inside": inside,
}


def parts_of(content: bytes) -> list[bytes]:
    """Return the chunks, segments, blocks, boxes, entries or lines of a file, in their order, which make the file."""
    return next(split(content) for belongs, split in _KINDS if belongs(content))


def _png(content: bytes) -> list[bytes]:
    return _framed(content, 8, lambda at: 12 + int.from_bytes(content[at : at + 4], "big"))


def _riff(content: bytes) -> list[bytes]:
    return _framed(content, 12, lambda at: 8 + (int.from_bytes(content[at + 4 : at + 8], "little") + 1) // 2 * 2)


def _jpeg(content: bytes) -> list[bytes]:
    return _framed(content, 2, lambda at: _segment(content, at))


def _gif(content: bytes) -> list[bytes]:
    return [piece for piece in re.split(rb"(?=[\x21\x2c][\xf9\xfe\xff\x01\0])", content) if piece]


def _zip(content: bytes) -> list[bytes]:
    return [piece for piece in re.split(rb"(?=PK[\x01\x03\x05\x07])", content) if piece]


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True) or [b""]


def _rows(content: bytes) -> list[bytes]:
    return [content[at : at + 64] for at in range(0, len(content), 64)]


def _framed(content: bytes, head: int, length_at: Callable[[int], int]) -> list[bytes]:
    parts, at = [content[:head]], head
    while at < len(content):
        end = min(at + max(length_at(at), 1), len(content))
        parts.append(content[at:end])
        at = end
    return parts


def _segment(content: bytes, at: int) -> int:
    marker = content[at + 1] if at + 1 < len(content) else 0
    if 0xD0 <= marker <= 0xD9:
        return 2
    if marker == 0xDA:  # with its scan
        following = re.compile(rb"\xff[\xc0-\xcf\xd9-\xff]").search(content, at + 2)
        return (following.start() if following else len(content)) - at
    return 2 + int.from_bytes(content[at + 2 : at + 4], "big")


def _boxes(content: bytes) -> list[bytes]:
    """Return the boxes of an ISO file; those of `meta` one by one, without its own length."""
    parts = _framed(content, 0, lambda at: int.from_bytes(content[at : at + 4], "big"))
    return [
        piece
        for box in parts
        for piece in (
            _framed(box, 12, lambda at, box=box: int.from_bytes(box[at : at + 4], "big"))  # type: ignore[misc]
            if box[4:8] == b"meta"
            else [box]
        )
    ]


def _entries(content: bytes) -> list[bytes]:
    """Return the head of a TIFF, the entries of its first table, and the rest."""
    order = _ORDERS[content[:1] == b"M"]
    at = int.from_bytes(content[4:8], order)
    count = int.from_bytes(content[at : at + 2], order)
    entries = [content[at + 2 + 12 * number :][:12] for number in range(min(count, 100))]
    return [content[: at + 2], *entries, content[at + 2 + 12 * len(entries) :]]


def _true(whole: bytes, piece: bytes, change: Callable[[bytes], bytes], generator: Generator) -> bytes:
    if whole.startswith(_PNG) and len(piece) >= 12:
        kind, body = piece[4:8], piece[8:-4]
        if kind == b"IDAT" and generator.integers(2):
            try:
                body = zlib.compress(change(zlib.decompress(body)))
            except zlib.error:
                body = change(body)
        else:
            body = change(body)
        return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))
    if whole.startswith(b"RIFF") and len(piece) > 8:
        body = change(piece[8:])
        return piece[:4] + struct.pack("<L", len(body)) + body + bytes(len(body) % 2)
    if whole[4:8] == b"ftyp" and len(piece) > 8:
        body = change(piece[8:])
        return struct.pack(">L", 8 + len(body)) + piece[4:8] + body
    return change(piece)


def _place(size: int, generator: Generator) -> int:
    """Return a place in a file; half of them lie in its first 128 bytes."""
    return int(generator.integers(min(size, 128) + 1 if generator.integers(2) else size + 1)) if size else 0


_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], list[bytes]]], ...] = (
    (lambda content: content.startswith(_PNG), _png),
    (lambda content: content.startswith(b"RIFF"), _riff),
    (lambda content: content[4:8] == b"ftyp", _boxes),
    (lambda content: content.startswith(b"\xff\xd8"), _jpeg),
    (lambda content: content[:4] in (b"II*\0", b"MM\0*"), _entries),
    (lambda content: content.startswith(b"GIF8"), _gif),
    (lambda content: content.startswith(b"PK"), _zip),
    (lambda content: b"\0" not in content[:256], _lines),
    (lambda content: True, _rows),
)
"""How a file begins, and what takes it apart."""
