"""The models that come inside the package: `<name>-x<scale>.onnx`, each with a card `<name>-x<scale>.md`.

Adding one is putting its two files into this folder. Facts are read from the ONNX file itself, without a
runtime, so that listing models costs milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from upres.errors import ModelError, nearest
from upres.facts import METADATA_KEY, Facts, from_json

DEFAULT = "base"
# Trained on what lossy formats do to photographs; the choice of it begins when its files are put here.
PHOTO = "base-photo"
LOSSY = ("JPEG", "WebP")

_FOLDER = Path(__file__).parent
_NAME = re.compile(r"(?P<name>.+)-x(?P<scale>\d+)\.onnx")

# ModelProto.metadata_props, and the wire types of Protocol Buffers (onnx.proto; protobuf.dev/encoding).
_METADATA_PROPS = 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Shipped:
    """One model inside the package."""

    name: str
    scale: int
    path: Path

    @property
    def facts(self) -> Facts:
        """What the model's file says about it; read each time it is asked for.

        Raises:
            ModelError: the file is damaged or carries no facts.
        """
        return read_facts(self.path)


def shipped() -> list[Shipped]:
    """Return the models inside the package, sorted by name and scale."""
    found = []
    for path in _FOLDER.glob("*.onnx"):
        match = _NAME.fullmatch(path.name)
        if match:
            found.append(Shipped(match["name"], int(match["scale"]), path))
    return sorted(found, key=lambda model: (model.name, model.scale))


def default_for(form: str | None) -> str:
    """Return the model for a picture of which nobody said more than the format of its file (`Header.format`)."""
    ships = any(model.name == PHOTO for model in shipped())
    return PHOTO if form in LOSSY and ships else DEFAULT


def scales(name: str) -> list[int]:
    """Return the scales in which the model `name` is shipped, ascending.

    Raises:
        ModelError: no model has that name; the known ones are listed, closest first.
    """
    models = shipped()
    found = [model.scale for model in models if model.name == name]
    if not found:
        known = {model.name for model in models} | {"bicubic"}
        raise ModelError(f"unknown model {name!r}: {nearest(name, known)}, or the path of a .onnx file")
    return found


def find(name: str, scale: int | None = None) -> Shipped:
    """Return one shipped model; without `scale`, the one that enlarges most.

    Raises:
        ModelError: no model has that name, or not at that scale.
    """
    known = scales(name)
    wanted = known[-1] if scale is None else scale
    for model in shipped():
        if (model.name, model.scale) == (name, wanted):
            return model
    raise ModelError(f"model {name!r} is not shipped at ×{scale}; it is at {', '.join(f'×{s}' for s in known)}")


def int8_version(path: Path) -> Path:
    """Return where the int8 version of a float32 model lies, if it has one: beside it, `<its name>-int8.onnx`."""
    return path.with_name(f"{path.stem}-int8.onnx")


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
