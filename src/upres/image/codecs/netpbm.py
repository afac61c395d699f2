"""PPM, PGM and PBM, which few builds of libvips read: a line of numbers, then the samples.

Source: the netpbm project's format descriptions ppm(5), pgm(5), pbm(5).
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from upres.config.limits import MAX_NETPBM_HEADER, MAX_SIDE
from upres.errors import FailedError, PictureError
from upres.image.codecs import stored_png, vips

_TOKEN = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*([^\s#]+)")
_BANDS = {1: 1, 2: 1, 3: 3, 4: 1, 5: 1, 6: 3}
_PLAIN, _BITS = (1, 2, 3), (1, 4)  # samples as text; black and white
_SPACES = {(1, False): "b-w", (1, True): "grey16", (3, False): "srgb", (3, True): "rgb16"}
_COMMENT, _LINE_END = re.compile(rb"#[^\n\r]*"), re.compile(rb"[\n\r]")
_SPACE = b" \t\n\v\f\r"
_NO_NUMBER = re.compile(rb"[^0-9%s]" % _SPACE)


def opened(path: Path, *, decode: bool = True, part: int = 1 << 20) -> Any:
    """Open a file P1 to P6 as a libvips image, 8 or 16 bits; samples up to another white are rescaled.

    Args:
        path: the file.
        decode: `False` for an image that says size and kind, and is black.
        part: bytes of text that are read at a time.

    Raises:
        PictureError: the header makes no sense, or samples are missing.
    """
    with path.open("rb") as file:
        head = file.read(MAX_NETPBM_HEADER)
    kind = head[1] - ord("0")
    (width, height, white), offset = _numbers(path, head, 2 if kind in _BITS else 3)
    if min(width, height) < 1 or not 1 <= white <= 65_535:
        raise PictureError(f"the PPM header says {width}×{height} up to {white}; get a whole copy of it", where=path)
    if max(width, height) > MAX_SIDE:  # libvips makes 1 of it and says nothing
        raise PictureError(
            f"{width}×{height}: a side is longer than the {MAX_SIDE:,} pixels that libvips counts; cut it",
            where=path,
        )
    bands = _BANDS[kind]
    deep = white > 255
    if kind not in (*_PLAIN, *_BITS):
        _check_length(path, offset + width * height * bands * (1 + deep))
    if not decode:
        return _black(height, width, bands, deep=deep)
    item, stored = bands * (1 + deep), "ushort" if deep else "uchar"
    if kind in _PLAIN:
        read = _text(path, offset, (height, width, bands), white, kind, part)
        if width * item > MAX_SIDE:  # longer than libvips counts, in bytes
            with read:
                return vips.from_array(np.fromfile(read, np.uint16 if deep else np.uint8).reshape(height, width, bands))
        image = stored_png.read_rows(read, offset=0, height=height, row_bytes=width * item, item_bytes=item)
        return image.copy(format=stored, bands=bands, interpretation=_SPACES[bands, deep])
    if kind in _BITS:
        return vips.from_array(_bitmap(path, offset, height, width))
    if width * item > MAX_SIDE:  # longer than libvips counts, in bytes
        image = vips.load("raw", path, width, height, bands, offset=offset, format=stored, revalidate=True)
    else:  # not mapped: all pages of a map that were read count as the process's
        image = stored_png.read_rows(path, offset=offset, height=height, row_bytes=width * item, item_bytes=item)
        image = image.copy(format=stored, bands=bands)
    if deep:
        image = image.byteswap()  # most significant byte first
    full = 65_535 if deep else 255
    if white != full:
        image = (image > white).ifthenelse(white, image).linear(full / white, 0.5).cast("ushort" if deep else "uchar")
    return image.copy(interpretation=_SPACES[bands, deep])


def held_decoding(path: Path, image: Any) -> int:
    """Return the bytes that are held of a picture while it is decoded: all of it, where it is bits."""
    with path.open("rb") as file:
        kind = file.read(2)[1] - ord("0")
    return 3 * int(image.width * image.height) if kind in _BITS else 0


def save(image: Any, file: BinaryIO) -> None:
    """Write an image of uchar or ushort, 1 or 3 bands, as PGM or PPM."""
    deep = image.format == "ushort"
    file.write(b"P%d\n%d %d\n%d\n" % (6 if image.bands == 3 else 5, image.width, image.height, 65_535 if deep else 255))
    for _, rows in vips.chunks(image):
        file.write((rows.astype(">u2") if deep else rows).tobytes())


def _black(height: int, width: int, bands: int, *, deep: bool) -> Any:
    image = vips.pyvips().Image.black(width, height, bands=bands).cast("ushort" if deep else "uchar")
    return image.copy(interpretation=_SPACES[bands, deep])


def _numbers(path: Path, head: bytes, count: int) -> tuple[tuple[int, int, int], int]:
    found, at = [], 2
    for _ in range(count):
        token = _TOKEN.match(head, at)
        if token is None or not token[1].isdigit() or len(token[1]) > 9:
            raise PictureError("the PPM header is damaged or cut short; get a whole copy of it", where=path)
        found.append(int(token[1]))
        at = token.end()
    return (found[0], found[1], found[2] if count == 3 else 1), at + 1  # one white space ends the header


def _check_length(path: Path, expected: int) -> None:
    if path.stat().st_size < expected:
        raise PictureError(
            f"the PPM data is damaged or cut short ({path.stat().st_size:,} bytes of {expected:,}); "
            "get a whole copy of it",
            where=path,
        )


def _text(path: Path, offset: int, shape: tuple[int, int, int], white: int, kind: int, part: int) -> IO[bytes]:
    """Return a file that is gone when it is closed, of the samples that are written as words in another.

    That is read a part at a time: its numbers take many times their text, and the picture may be larger than memory.
    """
    count, done = int(np.prod(shape)), 0
    with contextlib.ExitStack() as held:
        file = held.enter_context(tempfile.TemporaryFile())
        for numbers in _numbers_of_text(path, offset, part, separate=kind != 1):
            some = numbers[: count - done]
            levels = _scaled(np.minimum(some, white), white, kind)
            stored = levels.astype(np.uint16 if white > 255 else np.uint8)
            try:
                file.write(stored.tobytes())
                file.flush()
            except OSError as error:
                raise FailedError(
                    f"the samples of PPM in text go into {tempfile.gettempdir()} first ({error.strerror}); free "
                    f"{count * stored.itemsize / 1e6:,.1f} MB there, or set TMPDIR to a folder elsewhere",
                    where=path,
                ) from error
            done += len(some)
            if done == count:
                file.seek(0)
                held.pop_all()  # it is closed by who reads it
                return file
    raise PictureError(
        f"the PPM data is damaged or cut short ({done:,} of {count:,} samples are whole); get a whole copy of it",
        where=path,
    )


def _numbers_of_text(path: Path, offset: int, length: int, *, separate: bool) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of a file up to its end or to what is no number, many at a time, without its comments.

    Each digit is a number where they are not apart; `length` bytes are read at a time.
    """
    rest, inside = b"", False  # a number that may go on, and whether a comment does
    with path.open("rb") as file:
        file.seek(offset - 1)
        while True:
            part = file.read(length)
            ended = not part
            if inside:
                line = _LINE_END.search(part)
                inside, part = line is None and not ended, b"" if line is None else part[line.start() :]
            part = rest + part
            comment = part.rfind(b"#")
            inside = inside or (comment >= 0 and _LINE_END.search(part, comment) is None)
            part = _COMMENT.sub(b"", part)
            whole = len(part) if ended or inside or not separate else _last_space(part)
            text, rest = part[:whole], part[whole:]
            odd = _NO_NUMBER.search(text)
            if odd is not None:  # the number before it may be a part of it
                text = text[: _last_space(text[: odd.start()])] if separate else text[: odd.start()]
            if separate:
                yield np.fromstring(text, np.int64, sep=" ") if text.strip() else np.empty(0, np.int64)
            else:
                yield np.frombuffer(text.translate(None, _SPACE), np.uint8).astype(np.int64) - ord("0")
            if ended or odd is not None or len(rest) > length:  # no number is so long
                return


def _last_space(text: bytes) -> int:
    """Return where the last word begins that may go on behind the text."""
    return len(text) - len(text.rsplit(None, 1)[-1]) if text.strip() and not text[-1:].isspace() else len(text)


def _scaled(samples: NDArray[Any], white: int, kind: int) -> NDArray[Any]:
    if kind == 1:
        samples = 1 - np.clip(samples, 0, 1)  # 1 is black
    full, dtype = (65_535, np.uint16) if white > 255 else (255, np.uint8)
    levels: NDArray[Any] = np.clip(samples, 0, white) * full / white + 0.5
    return levels.astype(dtype)


def _bitmap(path: Path, offset: int, height: int, width: int) -> NDArray[Any]:
    stride = (width + 7) // 8
    _check_length(path, offset + stride * height)
    packed = np.fromfile(path, np.uint8, stride * height, offset=offset).reshape(height, stride)
    levels: NDArray[np.uint8] = 255 * (1 - np.unpackbits(packed, axis=1)[:, :width, None])
    return levels
