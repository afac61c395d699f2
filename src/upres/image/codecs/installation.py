"""What this installation reads and writes, found out by asking libvips and not by its version."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from upres.image.codecs import encode, vips
from upres.image.codecs.table import FORMATS, Format


@dataclass(frozen=True)
class Ability:
    """One format here.

    Attributes:
        form: the format.
        reads, writes: whether this installation does.
    """

    form: Format
    reads: bool
    writes: bool


def abilities() -> list[Ability]:
    """Return what this installation does with each format of the table."""
    return [Ability(form, _reads(form), encode.can_write(form)) for form in FORMATS.values()]


def _reads(form: Format) -> bool:
    if form.operation is None:
        return True
    if not vips.has(f"{form.operation}load"):
        return False
    # AVIF and HEIF are one container, and libvips one loader for both: only decoding tells which codec is there.
    return _decodes(_HEIC) if form.name == "HEIF" else True


def _decodes(content: bytes) -> bool:
    try:
        vips.pyvips().Image.heifload_buffer(content).avg()
    except vips.pyvips().Error:
        return False
    return True


# 16×16 pixels of one red, coded as HEVC in HEIF.
_HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAACoAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNs"
    "eAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEAAAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4"
    "aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAMm1kYXQAAAAmKAGvGSFeQkDvXaW//3fM/obX+H1t8pkoppcE14iZ"
    "CwOBgI2RnTg="
)
