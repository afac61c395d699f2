"""BMP, which no build of libvips reads by itself.

Source: Microsoft, "Bitmap Storage", BITMAPCOREHEADER to BITMAPV5HEADER. Compressed ones (RLE) are refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from upres.config.limits import MAX_RESOLUTION, MAX_SIDE
from upres.errors import PictureError
from upres.image.codecs import stored_png, vips

_HEAD, _LARGEST_HEADER = 14, 138
_SIZES = (12, 40, 52, 56, 108, 124)  # of the header that follows
_PLAIN, _MASKED, _ALPHA_MASKED = 0, 3, 6
_NAMES = {1: "RLE-compressed", 2: "RLE-compressed", 4: "JPEG-compressed", 5: "PNG-compressed"}
_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}


@dataclass(frozen=True)
class _Layout:
    width: int
    height: int
    upward: bool  # the last row comes first
    bits: int
    offset: int
    palette: NDArray[np.uint8]  # `n 3`, R G B
    masks: tuple[int, int, int, int]
    resolution: tuple[int, int]  # pixels per metre, 0 for unknown

    @property
    def stride(self) -> int:
        return (self.width * self.bits + 31) // 32 * 4  # rows end on multiples of four bytes


def opened(path: Path, *, decode: bool = True) -> Any:
    """Open a BMP of 1 to 32 bits a pixel as a libvips image of 8 bits a channel; a gray palette gives gray.

    Args:
        path: the file.
        decode: `False` for an image that says size and kind, and is black.

    Raises:
        PictureError: damaged, cut short or compressed.
    """
    layout = _layout(path)
    if max(layout.width, layout.height, layout.stride) > MAX_SIDE:
        raise PictureError(
            f"{layout.width}×{layout.height}: a side is longer than libvips counts ({MAX_SIDE:,}); cut it",
            where=path,
        )
    expected = layout.offset + layout.stride * layout.height
    if path.stat().st_size < expected:
        raise PictureError(
            f"the BMP data is damaged or cut short ({path.stat().st_size:,} bytes of {expected:,}); "
            "get a whole copy of it",
            where=path,
        )
    if not decode:
        image = _unread(layout)
    else:
        # Not mapped by libvips: all pages of a map that were read count as the process's.
        image = stored_png.read_rows(
            path, offset=layout.offset, height=layout.height, row_bytes=layout.stride, upward=layout.upward
        )
        image = (_by_palette if layout.bits <= 8 else _by_channel)(image, layout)
    x, y = layout.resolution
    known = all(0 < each <= 1000 * MAX_RESOLUTION for each in (x, y))
    return image.copy(xres=x / 1000, yres=y / 1000) if known else image


def held_decoding(path: Path, image: Any) -> int:
    """Return the bytes that are held of a picture while it is decoded: all of it, at less than 8 bits a pixel."""
    bits = _layout(path).bits
    return int(image.width * image.height * (bits + 3)) if bits < 8 else 0


def save(image: Any, file: BinaryIO) -> None:
    """Write an image of uchar, 1 or 3 bands: gray by a palette of grays, colour as 24 bits a pixel."""
    gray = image.bands == 1
    palette = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    palette[:, 3] = 0
    table = palette.tobytes() if gray else b""
    stride = (image.width * image.bands + 3) // 4 * 4
    offset = _HEAD + 40 + len(table)
    known = (image.xres, image.yres) != (1, 1)  # 1 is what libvips says of a picture that does not know
    x, y = (round(image.xres * 1000), round(image.yres * 1000)) if known else (0, 0)
    file.write(struct.pack("<2sLHHL", b"BM", offset + stride * image.height, 0, 0, offset))
    bits = 8 * image.bands
    file.write(struct.pack("<LllHHLLllLL", 40, image.width, image.height, 1, bits, 0, 0, x, y, 256 * gray, 0))
    file.write(table)
    for top, rows in vips.chunks(image):
        lines = np.zeros((len(rows), stride), np.uint8)
        lines[:, : image.width * image.bands] = rows[..., ::-1].reshape(len(rows), -1)
        file.seek(offset + stride * (image.height - top - len(rows)))
        file.write(lines[::-1].tobytes())


def largest(height: int, width: int) -> bool:
    """Return whether a colour picture of this size fits: the file's length is a 4-byte number."""
    return (width * 3 + 3) // 4 * 4 * height < 2**32 - 2048


def _layout(path: Path) -> _Layout:
    damaged = PictureError("the BMP header is damaged or cut short; get a whole copy of it", where=path)
    with path.open("rb") as file:
        head = file.read(_HEAD + _LARGEST_HEADER + 12)
        offset, size = struct.unpack("<LL", head[10:18].ljust(8, b"\0"))
        if size not in _SIZES or len(head) < _HEAD + size:
            raise damaged
        compression, used, resolution = _PLAIN, 0, (0, 0)
        if size == 12:
            width, height, _, bits = struct.unpack("<HHHH", head[18:26])
        else:
            width, height, _, bits, compression, _, x, y, used = struct.unpack("<llHHLLllL", head[18:50])
            resolution = (x, y)
        if not (width > 0 and height != 0 and bits in (1, 4, 8, 16, 24, 32)):
            raise damaged
        if compression not in (_PLAIN, _MASKED, _ALPHA_MASKED):
            kind = _NAMES.get(compression, "compressed")
            raise PictureError(f"a BMP that is {kind}; upres reads plain ones, so save it as PNG", where=path)
        masks = _MASKS.get(bits, (0, 0, 0, 0))
        if compression != _PLAIN:
            stored = head[54:70].ljust(16, b"\0")
            masks = struct.unpack("<LLLL", stored)
            if size < 56 and compression != _ALPHA_MASKED:
                masks = (*masks[:3], 0)
        file.seek(_HEAD + size)
        entry, count = (3 if size == 12 else 4), min(used or 2**bits, 256)
        table = np.frombuffer(file.read(entry * count) if bits <= 8 else b"", np.uint8)
    palette = table[: len(table) // entry * entry].reshape(-1, entry)[:, 2::-1]
    if (bits <= 8 and not len(palette)) or (bits in _MASKS and not all(masks[:3])):
        raise damaged
    return _Layout(width, abs(height), height > 0, bits, offset, palette, masks, resolution)


def _unread(layout: _Layout) -> Any:
    black = vips.pyvips().Image.black(layout.width, layout.height)
    if layout.bits <= 8:
        image = black.maplut(vips.from_array(_table(layout)))
        return image.copy(interpretation="srgb" if image.bands == 3 else "b-w")
    bands = 3 if layout.bits == 24 else sum(map(bool, layout.masks))
    return black.bandjoin([black] * (bands - 1)).copy(interpretation="srgb")


def _table(layout: _Layout) -> NDArray[np.uint8]:
    """Return the palette, `1 256 c`; a gray one has one channel."""
    table = np.zeros((1, 256, 3), np.uint8)
    table[0, : len(layout.palette)] = layout.palette
    return table[..., :1] if (layout.palette == layout.palette[:, :1]).all() else table


def _by_palette(image: Any, layout: _Layout) -> Any:
    table = _table(layout)
    if layout.bits < 8:
        packed = np.unpackbits(vips.to_array(image)[..., 0], axis=1).reshape(layout.height, -1, layout.bits)
        weights = 1 << np.arange(layout.bits - 1, -1, -1, dtype=np.uint8)
        image = vips.from_array((packed @ weights).astype(np.uint8)[:, : layout.width, None])
    else:
        image = image.crop(0, 0, layout.width, layout.height)
    return image.maplut(vips.from_array(table)).copy(interpretation="srgb" if table.shape[2] == 3 else "b-w")


def _by_channel(image: Any, layout: _Layout) -> Any:
    size = layout.bits // 8
    image = image.crop(0, 0, layout.width * size, layout.height).bandfold(factor=size)
    if layout.bits == 24:
        return image[2].bandjoin([image[1], image[0]]).copy(interpretation="srgb")
    whole = image[0].cast("uint")
    for byte in range(1, size):
        whole = whole | (image[byte].cast("uint") << 8 * byte)
    bands = []
    for mask in layout.masks:
        if mask:
            shift = (mask & -mask).bit_length() - 1
            top = mask >> shift
            bands.append(((whole >> shift) & top).linear(255 / top, 0.5).cast("uchar"))
    return bands[0].bandjoin(bands[1:]).copy(interpretation="srgb")
