"""Facts read out of an ONNX file itself, without a runtime, so that listing models costs milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from upres.errors import ModelError
from upres.models.facts import METADATA_KEY, Facts, from_json

# ModelProto.metadata_props, and the wire types of Protocol Buffers (onnx.proto; protobuf.dev/encoding).
_METADATA_PROPS = 14


_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_facts(path: Path) -> Facts:
    """Read the facts out of an ONNX file without starting a runtime.

    Raises:
        ModelError: the file is missing, damaged or carries no facts.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        table = dict(_entry(value) for number, value in _fields(content) if number == _METADATA_PROPS)
    except (IndexError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a readable ONNX model; copy or export it again") from error
    return from_json(table.get(METADATA_KEY), where=str(path))


def _entry(content: bytes) -> tuple[str, str]:
    parts = dict(_fields(content))
    return parts.get(1, b"").decode(), parts.get(2, b"").decode()


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield field number and bytes of each length-delimited field; raise IndexError on damage."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            _, at = _varint(content, at)
        elif wire == _BYTES:
            length, at = _varint(content, at)
            if at + length > len(content):
                raise IndexError("a field ends behind the file")
            yield number, content[at : at + length]
            at += length
        elif wire in (_FIXED32, _FIXED64):
            at += 4 if wire == _FIXED32 else 8
        else:
            raise IndexError(f"wire type {wire}")


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
