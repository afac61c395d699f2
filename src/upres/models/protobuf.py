"""Protobuf messages as far as ONNX files need it: their fields in order, read and written without a library.

Wire types and variable-length numbers: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """A field of a message.

    Attributes:
        number: what the message's definition calls it by.
        value: its bytes where it has a length, else nothing.
        whole: all of it, as it lies in the message.
        integer: its value where it is a variable-length number, else 0.
    """

    number: int
    value: bytes
    whole: bytes
    integer: int


def fields(content: bytes) -> Iterator[Field]:
    """Yield a message's fields in order.

    Raises:
        IndexError: the message is damaged.
    """
    at = 0
    while at < len(content):
        start, value, integer = at, b"", 0
        key, at = _varint(content, at)
        wire = key & 7
        if wire == _VARINT:
            integer, at = _varint(content, at)
        elif wire == _BYTES:
            length, at = _varint(content, at)
            value = content[at : at + length]
            at += length
        elif wire in (_FIXED32, _FIXED64):
            at += 4 if wire == _FIXED32 else 8
        else:
            raise IndexError(f"wire type {wire}")
        if at > len(content):
            raise IndexError("a field ends behind the message")
        yield Field(key >> 3, value, content[start:at], integer)


def numbers(content: bytes) -> list[int]:
    """Return packed variable-length numbers.

    Raises:
        IndexError: they are damaged.
    """
    found, at = [], 0
    while at < len(content):
        value, at = _varint(content, at)
        found.append(value)
    return found


def field(number: int, value: bytes) -> bytes:
    """Return a field that has a length, as it lies in a message."""
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(value)) + value


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = bits = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << bits
        at += 1
        if byte < 0x80:
            return value, at
        bits += 7


def _as_varint(value: int) -> bytes:
    result = bytearray()
    while value >= 0x80:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*result, value])
