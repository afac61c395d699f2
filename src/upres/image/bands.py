"""Files ⇄ bands of rows: pictures of which no more than a few hundred rows are in memory at a time.

Bands are `rows w c` with alpha last when there is one, uint8, uint16, or float32 in [0, 1], from the top.

What the formats themselves need is theirs: interlaced PNG and progressive JPEG are decoded, and WebP, AVIF,
JPEG XL and GIF coded, as wholes by their libraries. A picture that must be turned is read out of order, for
which libvips keeps its decoded rows in a temporary file when they are more than 100 MB.
"""

from __future__ import annotations

import functools
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from upres.errors import PictureError
from upres.image.background import Colour, flattened
from upres.image.codecs import encode, vips
from upres.image.codecs.decode import (
    SAMPLES,
    Header,
    decoding,
    harmless,
    header_of,
    opened,
    reason,
    sniffed,
    tags_of,
    upright,
)
from upres.image.codecs.formats import FORMATS, Format, format_for
from upres.image.files import MAX_PIXELS, check_pixels, check_writable, picture_of, unfinished
from upres.image.metadata.tags import Tags
from upres.image.picture import from_unit, peak, profile_fits, to_unit

OPAQUE, CLEAR, PARTIAL = "opaque", "clear", "partial"

_UNIT = (0.0, 1.0)
_BAND_BYTES = 8_000_000
_MOST_ROWS = 256


@dataclass(frozen=True)
class Shape:
    """What bands are bands of.

    Attributes:
        height, width: the whole picture.
        channels: 1 (gray), 2 (gray, alpha), 3 (R, G, B) or 4 (R, G, B, alpha).
        dtype: uint8, uint16 or float32, by name.
    """

    height: int
    width: int
    channels: int
    dtype: str

    @property
    def alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.channels in (2, 4)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.width * self.channels * np.dtype(self.dtype).itemsize

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    def band_rows(self) -> int:
        """Return how many rows to handle at once, where nothing else decides it."""
        return max(1, min(_MOST_ROWS, _BAND_BYTES // self.row_bytes, self.height))


class BandReader:
    """A picture file whose rows are decoded as they are asked for.

    Args:
        path, max_pixels, page: as in `read`.
        background: lay a picture with alpha on this colour, as `laid_on` does.

    Attributes:
        path: the file.
        header: what the file says about itself.
        shape: what the bands are bands of.
        tags: what travels with the pixels.
        span: as in `Picture`: what 0 and 1 of float bands stand for in the file.
        warnings: what is odd about the data and keeps no pixel from being decoded, in words; known after `bands`.

    Raises:
        PictureError: as `read`; what is wrong deeper in the file comes out of `bands`.
    """

    def __init__(
        self, path: str | Path, *, max_pixels: int = MAX_PIXELS, page: int = 0, background: Colour | None = None
    ) -> None:
        self.path = Path(path)
        self.background = background
        self.warnings: list[str] = []
        self._page = page
        self._form = sniffed(self.path)
        with decoding(self.path, self._form):
            image = self._opened(strict=True)
            self.header: Header = header_of(self.path, self._form, image)
            check_pixels(self.path, self.header, max_pixels)
            turned, profile = upright(image, self.header)
            tags = tags_of(self.path, self._form, image, self.header, profile)
        dtype = np.dtype(SAMPLES[turned.format]).name
        self._stored_shape = Shape(turned.height, turned.width, turned.bands, dtype)
        self.shape = self._stored_shape if background is None else _flat_shape(self._stored_shape, background)
        fits = tags.profile and profile_fits(tags.profile, self.shape.channels - self.shape.alpha)
        self.tags = tags if fits else replace(tags, profile=None)
        self.span = self._measured_span() if dtype == "float32" else _UNIT

    def bands(self) -> Iterator[NDArray[Any]]:
        """Decode from the top.

        Raises:
            PictureError: the data is damaged or cut short.
        """
        for band in self._stored():
            unit = band if self.span == _UNIT else _spanned(band, self.span, alpha=self._stored_shape.alpha)
            flat = self._stored_shape.alpha and not self.shape.alpha
            yield flattened(unit[..., :-1], unit[..., -1], self.background or (0, 0, 0)) if flat else unit

    @functools.cached_property
    def alpha(self) -> str | None:
        """`OPAQUE` when alpha is white all over, `CLEAR` when it is 0 anywhere, else `PARTIAL`; `None` without it.

        This decodes the file once more; it is remembered.
        """
        if not self.shape.alpha:
            return None
        white, opaque = peak(self.shape.dtype), True
        for band in self._stored():
            if (band[..., -1] == 0).any():
                return CLEAR
            opaque = opaque and bool((band[..., -1] == white).all())
        return OPAQUE if opaque else PARTIAL

    def _opened(self, *, strict: bool) -> Any:
        fail_on = "warning" if strict and self._form is FORMATS["jpeg"] else "error"
        return opened(self.path, self._form, page=self._page, fail_on=fail_on)

    def _stored(self) -> Iterator[NDArray[Any]]:
        """Decode the numbers as the file has them."""
        done, strict = 0, True
        with decoding(self.path, self._form):
            while done < self.shape.height:
                try:
                    with vips.errors():
                        for band in self._fetched(done, strict=strict):
                            done += len(band)
                            yield band
                except vips.pyvips().Error as error:
                    if not (strict and harmless(error)):
                        raise
                    strict = False
                    # libjpeg tells its first warning only, so nobody knows what it would say of the rest.
                    self.warnings = [
                        f"the {self._form.name} data is odd{reason(error, self.path)}; "
                        "all of it was decoded, and may be damaged: look at the result"
                    ]

    def _fetched(self, top: int, *, strict: bool) -> Iterator[NDArray[Any]]:
        image = upright(self._opened(strict=strict), self.header)[0]
        # A region is filled by the thread that asks, row after row. Crops are filled by several threads, twice as
        # fast, but what is small may then be read out of order, which a file that is read once does not allow.
        region = vips.pyvips().Region.new(image)
        rows, (height, width) = self.shape.band_rows(), self.shape.size
        dtype = {name: kind for kind, name in vips.FORMATS.items()}.get(image.format, "float64")
        while top < height:
            count = min(rows, height - top)
            band = np.frombuffer(region.fetch(0, top, width, count), dtype).reshape(count, width, image.bands)
            yield np.ascontiguousarray(band.astype(self.shape.dtype, copy=False))
            top += count

    def _measured_span(self) -> tuple[float, float]:
        """Decode once to see the range of a float file; only then is it known what 0 and 1 stand for."""
        channels = self._stored_shape.channels
        low, high = np.full(channels, np.inf), np.full(channels, -np.inf)
        for band in self._stored():
            low, high = np.minimum(low, band.min(axis=(0, 1))), np.maximum(high, band.max(axis=(0, 1)))
        extremes = np.stack([low, high]).astype(np.float32)[:, None]
        return picture_of(self.path, extremes, Tags()).span  # refuses what no picture holds


def _flat_shape(shape: Shape, background: Colour) -> Shape:
    if not shape.alpha:
        return shape
    return replace(shape, channels=1 if shape.channels == 2 and len(set(background)) == 1 else 3)


def _spanned(band: NDArray[Any], span: tuple[float, float], *, alpha: bool) -> NDArray[Any]:
    low, high = span
    colours = band[..., :-1] if alpha else band
    scaled = np.clip((colours - np.float64(low)) / (high - low), 0, 1).astype(np.float32)
    return np.concatenate([scaled, band[..., -1:]], axis=2) if alpha else scaled


def stored(band: NDArray[Any], dtype: str, *, span: tuple[float, float] = _UNIT, alpha: bool) -> NDArray[Any]:
    """Return a band in the numbers that a file holds: of another dtype, or of the picture's own span."""
    if span != _UNIT:
        low, high = span
        colours = band[..., :-1] if alpha else band
        scaled = (colours * np.float64(high - low) + low).astype(np.float32)
        band = np.concatenate([scaled, band[..., -1:]], axis=2) if alpha else scaled
    return np.ascontiguousarray(band if band.dtype == dtype else from_unit(to_unit(band), dtype))


def write_bands(
    bands: Iterable[NDArray[Any]],
    path: str | Path,
    shape: Shape,
    tags: Tags,
    *,
    span: tuple[float, float] = _UNIT,
    quality: int = 95,
    lossless: bool = False,
) -> None:
    """Encode bands into the format that the path's suffix asks for: the very file that `write` makes.

    The encoder runs in a thread of its own and takes rows as it needs them. What `bands` raises passes
    through, and then nothing is left behind.

    Args:
        bands: `shape.height` rows in all.
        path, quality, lossless: as in `write`.
        shape: what the bands are bands of.
        tags: what travels with the pixels.
        span: as in `Picture`.

    Raises:
        PictureError: the format cannot hold the picture, or the path cannot be written; nothing was written.
        FailedError: encoding failed (a full disk, say); nothing is left behind.
    """
    path = Path(path)
    if not 1 <= quality <= 100:
        raise PictureError(f"{path}: quality = {quality}: should be from 1 to 100")
    check_writable(path, height=shape.height, width=shape.width, alpha=shape.alpha, lossless=lossless, span=span)
    form = format_for(path)
    dtype = encode.stored_dtype(form, shape.dtype)
    coded = (stored(band, dtype, span=span, alpha=shape.alpha) for band in bands)
    with unfinished(path) as temporary:
        saver = _Saver(temporary, replace(shape, dtype=dtype), form, tags, quality, lossless)
        try:
            saver.feed(coded)
        finally:
            saver.leave()
        saver.check()


class _Saver:
    """libvips' encoder in a thread, at the far end of a pipe.

    Of libvips' loaders that read from a pipe, PNG's is in every build. Bands go through it as the gray pixels of
    an uncompressed PNG as wide as a row has bytes, and are folded back into channels behind it: 240 MB/s,
    checksums included, where the fastest encoder behind it takes 190 (TIFF, 96 megapixels, two cores).
    """

    def __init__(self, path: Path, shape: Shape, form: Format, tags: Tags, quality: int, lossless: bool) -> None:
        self._shape = shape
        self._read, self._write = os.pipe()
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._job = (path, form, tags, quality, lossless)
        self._thread = threading.Thread(target=self._run, name="upres-write", daemon=True)
        self._thread.start()

    def feed(self, bands: Iterable[NDArray[Any]]) -> None:
        """Send every band; return early when the encoder has failed."""
        try:
            for part in _png(bands, self._shape):
                rest = memoryview(part).cast("B")
                while len(rest):
                    if self._done.is_set():
                        return
                    rest = rest[os.write(self._write, rest) :]
        finally:
            os.close(self._write)

    def leave(self) -> None:
        """Wait for the encoder to end; a picture whose last row it has not seen is an error to it."""
        self._thread.join()

    def check(self) -> None:
        """Raise what the encoder raised."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._save()
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()
            with os.fdopen(self._read, "rb", buffering=0) as rest:
                while rest.read(1 << 20):  # or `feed` would wait for ever with a full pipe
                    pass

    def _save(self) -> None:
        path, form, tags, quality, lossless = self._job
        pyvips = vips.pyvips()
        with vips.errors():
            source = pyvips.Source.new_from_descriptor(self._read)
            flat = pyvips.Image.pngload_source(source, access="sequential", unlimited=True, fail_on="error")
            encode.save(self._folded(flat), path, form, tags, quality=quality, lossless=lossless)

    def _folded(self, flat: Any) -> Any:
        shape = self._shape
        item = np.dtype(shape.dtype).itemsize
        bytes_ = flat.bandfold(factor=shape.channels * item)
        return bytes_.copy(
            format=vips.FORMATS[shape.dtype],
            bands=shape.channels,
            interpretation=vips.space(shape.dtype, gray=shape.channels < 3),
        )


def _png(bands: Iterable[NDArray[Any]], shape: Shape) -> Iterator[bytes]:
    """Yield the parts of an uncompressed gray PNG (PNG 1.2, 3.2, 4.1 and 9.2) that holds the bands' bytes."""
    yield b"\x89PNG\r\n\x1a\n"
    yield from _chunk(b"IHDR", struct.pack(">IIBBBBB", shape.row_bytes, shape.height, 8, 0, 0, 0, 0))
    packed = zlib.compressobj(0)
    rows = shape.band_rows()
    for band in bands:
        for top in range(0, len(band), rows):
            part = band[top : top + rows]
            lines = np.zeros((len(part), 1 + shape.row_bytes), np.uint8)  # each line begins with its filter: none
            lines[:, 1:] = part.view(np.uint8).reshape(len(part), shape.row_bytes)
            yield from _chunk(b"IDAT", packed.compress(cast(Any, lines.data)))
    yield from _chunk(b"IDAT", packed.flush())
    yield from _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> Iterator[bytes]:
    yield struct.pack(">I", len(content)) + kind
    yield content
    yield struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
