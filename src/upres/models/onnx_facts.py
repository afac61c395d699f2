"""Facts read out of an ONNX file itself, and written into one, without a runtime: listing models costs milliseconds."""

from __future__ import annotations

from pathlib import Path

from upres.errors import ModelError
from upres.models.facts import METADATA_KEY, Facts, from_json, to_json
from upres.models.protobuf import Field, field, fields
from upres.storage.atomic import write_whole

# ModelProto.metadata_props, and its entries' key and value (onnx.proto).
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2


def read_facts(path: Path) -> Facts:
    """Read the facts out of an ONNX file without starting a runtime.

    Raises:
        ModelError: the file is missing, damaged or carries no facts.
    """
    table = dict(_entry(part.value) for part in _read(path) if part.number == _METADATA_PROPS)
    return from_json(table.get(METADATA_KEY), where=str(path))


def write_facts(path: Path, facts: Facts) -> None:
    """Replace the facts of an ONNX file, atomically; every other byte of it stays, the graph's among them.

    Raises:
        ModelError: the file is missing or damaged.
    """
    kept = [
        part.whole for part in _read(path) if part.number != _METADATA_PROPS or _entry(part.value)[0] != METADATA_KEY
    ]
    entry = field(_KEY, METADATA_KEY.encode()) + field(_VALUE, to_json(facts).encode())
    write_whole(path, b"".join([*kept, field(_METADATA_PROPS, entry)]))


def _read(path: Path) -> list[Field]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        found = list(fields(content))
        for part in found:
            if part.number == _METADATA_PROPS:
                _entry(part.value)
    except (IndexError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a readable ONNX model; copy or export it again") from error
    return found


def _entry(content: bytes) -> tuple[str, str]:
    parts = {part.number: part.value for part in fields(content)}
    return parts.get(_KEY, b"").decode(), parts.get(_VALUE, b"").decode()
