"""Facts read out of an ONNX file itself, and written into one, without a runtime: listing models costs milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from upres.errors import ModelError
from upres.models.facts import METADATA_KEY, Facts, from_json, to_json
from upres.storage.atomic import write_whole

# ModelProto.metadata_props, its entries' key and value, and wire types (onnx.proto; protobuf.dev/encoding).
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_facts(path: Path) -> Facts:
    """Read the facts out of an ONNX file without starting a runtime.

    Raises:
        ModelError: the file is missing, damaged or carries no facts.
    """
    table = dict(_entry(field.value) for field in _read(path) if field.number == _METADATA_PROPS)
    return from_json(table.get(METADATA_KEY), where=str(path))


def write_facts(path: Path, facts: Facts) -> None:
    """Replace the facts of an ONNX file, atomically; every other byte of it stays, the graph's among them.

    Raises:
        ModelError: the file is missing or damaged.
    """
    kept = [
        field.whole
        for field in _read(path)
        if field.number != _METADATA_PROPS or _entry(field.value)[0] != METADATA_KEY
    ]
    entry = _field(_KEY, METADATA_KEY.encode()) + _field(_VALUE, to_json(facts).encode())
    write_whole(path, b"".join([*kept, _field(_METADATA_PROPS, entry)]))


class _Field(NamedTuple):
    """A field of a message: its number, its bytes where it has a length, and all of it as it lies in the message."""

    number: int
    value: bytes
    whole: bytes


def _read(path: Path) -> list[_Field]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        found = list(_fields(content))
        for field in found:
            if field.number == _METADATA_PROPS:
                _entry(field.value)
    except (IndexError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a readable ONNX model; copy or export it again") from error
    return found


def _entry(content: bytes) -> tuple[str, str]:
    parts = {field.number: field.value for field in _fields(content)}
    return parts.get(_KEY, b"").decode(), parts.get(_VALUE, b"").decode()


def _fields(content: bytes) -> Iterator[_Field]:
    """Yield a message's fields in order; raise IndexError on damage."""
    at = 0
    while at < len(content):
        start, value = at, b""
        key, at = _varint(content, at)
        wire = key & 7
        if wire == _VARINT:
            _, at = _varint(content, at)
        elif wire == _BYTES:
            length, at = _varint(content, at)
            value = content[at : at + length]
            at += length
        elif wire in (_FIXED32, _FIXED64):
            at += 4 if wire == _FIXED32 else 8
        else:
            raise IndexError(f"wire type {wire}")
        if at > len(content):
            raise IndexError("a field ends behind the file")
        yield _Field(key >> 3, value, content[start:at])


def _field(number: int, value: bytes) -> bytes:
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
