"""Files → opened pictures → pictures, bands of rows, or pages. Nothing else calls the decoders.

What enters is upright, whole, and gray or RGB, or it is an error.

What the formats themselves need is theirs: interlaced PNG and progressive JPEG are decoded as wholes by their
libraries. A picture that must be turned is read out of order, for which libvips keeps its decoded rows in a temporary
file when they are more than 100 MB.
"""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config.limits import MAX_FRAMES, MAX_PIXELS
from upres.errors import DamagedPictureWarning, PictureError
from upres.image.background import Colour, flattened, laid_on
from upres.image.bands import CLEAR, OPAQUE, PARTIAL, UNIT, Shape, from_span, neutral
from upres.image.codecs.compression import Compression, compression_of
from upres.image.codecs.decode import Decoder
from upres.image.codecs.header import Header
from upres.image.mapped import mapped
from upres.image.metadata.tags import Tags
from upres.image.picture import Again, Pages, Picture, check_unit_range, peak, profile_fits
from upres.image.prefetch import Prefetch

_BANDS_WAITING = 2
_HELD_AHEAD = 20_000_000


class OpenedPicture:
    """A picture file that has been opened, once. Its rows are decoded as they are asked for.

    Args:
        path: a picture file, whatever its suffix; `upres formats` lists the formats.
        max_pixels: refuse larger pictures before decoding them; `None` takes any.
        max_frames: refuse a file of more frames or pages, by its header; `None` takes any.
        page: which page of a TIFF or frame of a GIF or WebP, from 0; `pages` gives all.
        background: lay a picture with alpha on this colour, as `laid_on` does.
        rows: how many rows a band has; `None` for what is quick.
        strict: refuse data of which a decoder warns (`warnings`), though it gives every pixel.
        shown: what `warn` calls the file, where a person does not know its path.

    Attributes:
        path: the file.
        header: what it says about itself.
        shape: what the bands are bands of.

    Raises:
        PictureError: missing, empty, no picture, too large, or of a kind that upres does not take. What is wrong
            deeper in the file comes out of `bands`, `picture` and `pages`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_pixels: int | None = MAX_PIXELS,
        max_frames: int | None = MAX_FRAMES,
        page: int = 0,
        background: Colour | None = None,
        rows: int | None = None,
        strict: bool = False,
        shown: str | None = None,
    ) -> None:
        self.path = Path(path)
        self._shown = str(path) if shown is None else shown
        self._max_pixels, self._page, self._background, self._strict = max_pixels, page, background, strict
        self._decoder = Decoder(self.path, page=page, strict=strict)
        self.header: Header = self._decoder.header
        _check_pixels(self.path, self.header, max_pixels)
        _check_frames(self.path, self.header, max_frames)
        self._stored_shape = Shape(*self._decoder.size, self._decoder.bands, self._decoder.dtype)
        self.shape = self._stored_shape.laid_on(background)
        self._rows = self._stored_shape.band_rows() if rows is None else rows
        self._begun: Prefetch[NDArray[Any]] | None = None

    @functools.cached_property
    def tags(self) -> Tags:
        """What travels with the pixels; a profile for other channels than the picture's is left behind."""
        tags = self._decoder.tags
        fits = tags.profile and profile_fits(tags.profile, self.shape.channels - self.shape.alpha)
        return tags if fits else replace(tags, profile=None)

    @functools.cached_property
    def compression(self) -> Compression | None:
        """What the file's header says of how it was compressed; `None` where it says nothing, or nothing was lost."""
        return compression_of(self.path, self.header.format)

    @functools.cached_property
    def span(self) -> tuple[float, float]:
        """As in `Picture`: what 0 and 1 of float bands stand for in the file. A float file is decoded for it, once.

        Raises:
            PictureError: NaN or infinite numbers.
        """
        if self.shape.dtype != "float32":
            return UNIT
        low = np.full(self._stored_shape.channels, np.inf)
        high = -low
        for band in self._stored():
            with np.errstate(invalid="ignore"):  # NaN stays NaN, and is refused below
                low, high = np.minimum(low, band.min(axis=(0, 1))), np.maximum(high, band.max(axis=(0, 1)))
        if self._stored_shape.alpha:
            self._check(np.array([low[-1], high[-1]], np.float32))
            low, high = low[:-1], high[:-1]
        return _span_of(self.path, float(low.min()), float(high.max()))

    @functools.cached_property
    def alpha(self) -> str | None:
        """`OPAQUE` when alpha is white all over, `CLEAR` when it is 0 anywhere, else `PARTIAL`; `None` without it.

        This decodes the file once more.
        """
        if not self.shape.alpha:
            return None
        white, opaque = peak(self.shape.dtype), True
        for band in self._stored():
            if (band[..., -1] == 0).any():
                return CLEAR
            opaque = opaque and bool((band[..., -1] == white).all())
        return OPAQUE if opaque else PARTIAL

    @functools.cached_property
    def neutral(self) -> bool:
        """Whether a picture of R, G, B is gray all over. The file is decoded once more, up to its first colour."""
        if self.shape.channels not in (3, 4):
            return False
        flat = self._stored_shape.alpha and not self.shape.alpha
        with contextlib.closing(self._bands() if flat else self._stored()) as bands:
            return all(neutral(band) for band in bands)

    def middle(self, height: int, width: int) -> NDArray[Any]:
        """Return the middle of the picture, `h w c` with alpha last, as its file stores it, at most so large.

        What lies above it is decoded, and forgotten: of 100 megapixels in 0.9 s of CPU (JPEG) to 1.4 (PNG), 1.3 % of
        the quickest enlargement of them (bicubic ×2). Only a tiled TIFF would give its middle for less.

        Raises:
            PictureError: the data is damaged or cut short.
        """
        rows, columns = self._stored_shape.size
        first, left = max(0, (rows - height) // 2), max(0, (columns - width) // 2)
        last, top, kept = min(rows, first + height), 0, []
        with contextlib.closing(self._stored()) as bands:
            for band in bands:
                if top + len(band) > first:
                    kept.append(band[max(0, first - top) : last - top, left : left + width].copy())
                top += len(band)
                if top >= last:
                    break
        return np.concatenate(kept)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the data and keeps no pixel from being decoded, in words; known after decoding."""
        return self._decoder.warnings

    @property
    def held_bytes(self) -> int:
        """How many bytes decoding holds of the whole picture; 0 where rows are read, decoded and forgotten."""
        return self._decoder.held_bytes

    def warn(self) -> None:
        """Issue a `DamagedPictureWarning` of each of `warnings`, at the line outside upres that asked for the file."""
        for warning in self.warnings:
            warnings.warn(f"{self._shown}: {warning}", DamagedPictureWarning, stacklevel=3)

    def begin(self) -> None:
        """Begin to decode in a thread of its own: the next `bands` goes on from there. `close` ends it.

        What is decoded as a whole and is large is left for later: one such picture at a time is enough.
        """
        if self.held_bytes <= _HELD_AHEAD:
            self._begun = Prefetch(self._bands(), _BANDS_WAITING)

    def bands(self) -> Prefetch[NDArray[Any]]:
        """Decode from the top, a few bands ahead of what has been asked for. Leave the `with` of it, or `close`.

        Raises:
            PictureError: the data is damaged or cut short.
        """
        begun, self._begun = self._begun, None
        return begun or Prefetch(self._bands(), _BANDS_WAITING)

    def close(self) -> None:
        """End what `begin` began and nobody has taken."""
        if self._begun is not None:
            self._begun.close()
            self._begun = None

    def picture(self) -> Picture:
        """Decode the whole picture.

        Raises:
            PictureError: the data is damaged or cut short, or holds numbers that no picture has.
        """
        picture = _picture_of(self.path, self._decoder.samples(), self._decoder.tags)
        return picture if self._background is None else laid_on(picture, self._background)

    def pages(self) -> Pages:
        """Return all pictures of the file, decoded while they are gone through; an ordinary file has one.

        Frames are whole pictures, as they are shown. Of a TIFF the pages that are smaller copies or masks of others
        are left out. The frames of a PNG have alpha always; its metadata is the file's.

        Raises:
            PictureError: as `picture`; what is wrong with a later picture is found when it is reached.
        """
        if self.header.pages == 1:
            return Pages(Again(lambda: iter([self.picture()])), 1)
        if self._decoder.form.pages:
            numbers = self._decoder.pages()
            return Pages(Again(lambda: (self._other(number).picture() for number in numbers)), len(numbers))
        delays, loop = self._decoder.timing()
        return Pages(Again(self._frames), len(delays), delays, loop)

    def _other(self, page: int) -> OpenedPicture:
        return OpenedPicture(
            self.path,
            max_pixels=self._max_pixels,
            max_frames=None,
            page=page,
            background=self._background,
            strict=self._strict,
        )

    def _frames(self) -> Iterator[Picture]:
        for samples in self._decoder.frames():
            picture = _picture_of(self.path, samples, self._decoder.tags)
            yield picture if self._background is None else laid_on(picture, self._background)

    def _check(self, alpha: NDArray[np.float32]) -> None:
        try:
            check_unit_range(alpha, "alpha")
        except PictureError as error:
            raise error.at(self.path) from None

    def _stored(self) -> Generator[NDArray[Any], None, None]:
        return self._decoder.rows(self._rows)

    def _bands(self) -> Generator[NDArray[Any], None, None]:
        flat = self._stored_shape.alpha and not self.shape.alpha
        for band in self._stored():
            unit = from_span(band, self.span, alpha=self._stored_shape.alpha)
            made = flattened(unit[..., :-1], unit[..., -1], self._background or (0, 0, 0)) if flat else unit
            held = mapped(made.shape, made.dtype)
            held[:] = made
            yield held


def read_header(path: str | Path) -> Header:
    """Return what a picture file says about itself, without decoding it.

    Raises:
        PictureError: missing, empty, not a picture, or of a kind that upres does not take.
    """
    return OpenedPicture(path, max_pixels=None, max_frames=None).header


def read(path: str | Path, *, max_pixels: int = MAX_PIXELS, page: int = 0, strict: bool = False) -> Picture:
    """Decode a picture file: upright, gray or RGB, with alpha, profile and metadata.

    CMYK and Lab are converted to sRGB through the embedded profile (or libvips' own where there is none);
    palettes and 1-bit pictures are expanded; colours that were stored multiplied by alpha are divided again.
    A profile for other channels than the file's (a gray file with an RGB profile) is left behind. A float
    TIFF that goes beyond [0, 1] is brought into it, and the picture's `span` says from where.

    Args:
        path: a picture file, whatever its suffix; `upres formats` lists the formats.
        max_pixels: refuse larger pictures before decoding them.
        page: which page of a TIFF or frame of a GIF or WebP, from 0; `read_pages` reads all.
        strict: refuse a file with odd data, of which otherwise a `DamagedPictureWarning` tells.

    Raises:
        PictureError: missing, empty, no picture, truncated, too large, or of a kind that upres does not take.
    """
    opened = OpenedPicture(path, max_pixels=max_pixels, max_frames=None, page=page, strict=strict)
    picture = opened.picture()
    opened.warn()
    return picture


def read_pages(
    path: str | Path, *, max_pixels: int = MAX_PIXELS, max_frames: int = MAX_FRAMES, strict: bool = False
) -> Pages:
    """Return all pictures of a file, each as `read` gives it; as `OpenedPicture.pages`.

    Args:
        path, strict: as in `read`; a `DamagedPictureWarning` is issued when its picture is reached.
        max_pixels: refuse a file with a larger picture before decoding it.
        max_frames: refuse a file of more pictures before decoding any.

    Raises:
        PictureError: as `read`; what is wrong with a later picture is found when it is reached.
    """
    opened = OpenedPicture(path, max_pixels=max_pixels, max_frames=max_frames, strict=strict)
    pages = opened.pages()
    return replace(pages, pictures=Again(lambda: _warning(opened, pages)))


def _warning(opened: OpenedPicture, pages: Pages) -> Iterator[Picture]:
    told = False  # what is odd is odd about the file
    for picture in pages:
        if opened.warnings and not told:
            opened.warn()
            told = True
        yield picture


def _check_pixels(path: Path, header: Header, max_pixels: int | None) -> None:
    count = header.width * header.height
    if max_pixels is not None and count > max_pixels:
        raise PictureError(
            f"{header.width}×{header.height} is {count:,} pixels, more "
            f"than the {max_pixels:,} allowed; reduce it, or raise max_pixels",
            where=path,
            settings=("max_pixels",),
        )


def _check_frames(path: Path, header: Header, max_frames: int | None) -> None:
    if max_frames is not None and header.pages > max_frames:
        raise PictureError(
            f"{header.pages:,} frames or pages, more than the {max_frames:,} allowed; take them apart, or raise "
            "max_frames",
            where=path,
            settings=("max_frames",),
        )


def _picture_of(path: Path, samples: NDArray[Any], tags: Tags) -> Picture:
    """Return decoded samples `h w c`, alpha last when c is even, as a picture.

    Raises:
        PictureError: numbers that no picture holds.
    """
    alpha = np.ascontiguousarray(samples[..., -1]) if samples.shape[2] in (2, 4) else None
    colours = np.ascontiguousarray(samples[..., :-1]) if alpha is not None else samples
    span = UNIT
    if colours.dtype == np.float32:
        span = _span_of(path, float(colours.min()), float(colours.max()))
        colours = from_span(colours, span, alpha=False)
    profile = tags.profile if tags.profile and profile_fits(tags.profile, colours.shape[2]) else None
    try:
        return Picture(colours, alpha, profile, tags.metadata, tags.resolution, span, tags.cicp)
    except PictureError as error:
        raise error.at(path) from None


def _span_of(path: Path, low: float, high: float) -> tuple[float, float]:
    """Return what 0 and 1 must stand for so that numbers from `low` to `high` lie between them.

    Raises:
        PictureError: NaN or infinite numbers.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PictureError(
            "holds NaN or infinite numbers, which have no enlargement; fill them in, then try again", where=path
        )
    return min(0.0, low), max(1.0, high)
