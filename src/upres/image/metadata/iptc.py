"""IPTC records, which JPEG holds inside Photoshop's image resources and other formats hold bare."""

from __future__ import annotations

_PHOTOSHOP = b"Photoshop 3.0\0"


def iim_from_photoshop(block: bytes) -> bytes | None:
    """Return the IPTC records inside Photoshop's image resources (JPEG's APP13), or `None`.

    Source: Adobe Photoshop File Formats Specification, "Image resource blocks"; resource 0x0404.
    """
    at = len(_PHOTOSHOP) if block.startswith(_PHOTOSHOP) else 0
    if at == 0:
        return block if block[:1] == b"\x1c" else None
    while block[at : at + 4] == b"8BIM" and at + 12 <= len(block):
        kind = int.from_bytes(block[at + 4 : at + 6], "big")
        name = block[at + 6] + 1
        size_at = at + 6 + name + name % 2
        size = int.from_bytes(block[size_at : size_at + 4], "big")
        if kind == 0x0404:
            return block[size_at + 4 : size_at + 4 + size]
        at = size_at + 4 + size + size % 2
    return None


def photoshop_from_iim(iim: bytes) -> bytes:
    """Wrap IPTC records as Photoshop's image resource 0x0404, the form in which JPEG holds them."""
    return _PHOTOSHOP + b"8BIM\x04\x04\0\0" + len(iim).to_bytes(4, "big") + iim + b"\0" * (len(iim) % 2)
