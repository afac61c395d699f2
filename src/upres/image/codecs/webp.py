"""WebP's chunks, walked to see whether the file was written to its end: its decoder takes zeros for data.

Source: Google, "WebP Container Specification", RIFF file format and extended file format.
"""

from __future__ import annotations

from pathlib import Path

_PICTURES = (b"VP8 ", b"VP8L", b"ANMF")
# Flat white and black of 9 megapixels, lossy and lossless, end with at most 7 zeros; downloads lack whole blocks.
_ZEROS = 256


def ends_in_zeros(path: Path) -> bool:
    """Return whether the data of a picture or frame ends in so many zeros as no encoder was seen to write."""
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            kind, length = head[:4], int.from_bytes(head[4:], "little")
            if not any(head):
                return True  # no chunk has such a name
            data = file.tell()
            if kind in _PICTURES and length >= _ZEROS:
                file.seek(data + length - _ZEROS)
                if file.read(_ZEROS) == bytes(_ZEROS):
                    return True
            file.seek(data + length + length % 2)
    return False
