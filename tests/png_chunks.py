"""PNG files made chunk by chunk, and taken apart, by the tests' own lines."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def cicp(*numbers: int) -> bytes:
    """The chunk that names primaries, transfer function, matrix and range by the numbers of H.273."""
    return chunk(b"cICP", bytes(numbers))


def png(samples: NDArray[Any], *before: bytes) -> bytes:
    """A PNG file of gray, gray with alpha, R G B, or R G B with alpha, with these chunks before its pixels."""
    height, width, channels = samples.shape
    item = samples.dtype.itemsize
    head = struct.pack(">LLBBBBB", width, height, 8 * item, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8).reshape(height, -1)
    data = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(before) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunks(content: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 8
    while at < len(content):
        length, kind = struct.unpack(">L4s", content[at : at + 8])
        found[kind] = found.get(kind, b"") + content[at + 8 : at + 8 + length]
        at += length + 12
    return found


def samples_of(path: Path) -> NDArray[np.int64]:
    """The samples `h w c` of a PNG that upres wrote: its rows are as they are, or the difference from the row above."""
    found = chunks(path.read_bytes())
    width, height, depth, kind = struct.unpack(">LLBB", found[b"IHDR"][:10])
    channels, item = {0: 1, 4: 2, 2: 3, 6: 4}[kind], depth // 8
    rows = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(height, -1)
    done = np.zeros_like(rows[:, 1:])
    for index, row in enumerate(rows):
        assert row[0] in (0, 2)
        done[index] = row[1:] + (done[index - 1] if row[0] and index else 0)
    return done.view(f">u{item}").astype(np.int64).reshape(height, width, channels)


def chunks_profile(path: Path) -> bytes:
    body = chunks(path.read_bytes())[b"iCCP"]
    return zlib.decompress(body[body.index(b"\0") + 2 :])
