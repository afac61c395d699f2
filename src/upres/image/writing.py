"""Pictures, bands of rows and pages → files, which are complete or not there.

WebP, AVIF, JPEG XL and GIF are coded as wholes by their libraries.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config.limits import MAX_SIDE
from upres.errors import FailedError, PictureError
from upres.image.band_encoder import BandEncoder
from upres.image.bands import UNIT, Shape, shape_of, to_stored
from upres.image.codecs import encode, frames, vips
from upres.image.codecs.table import FORMATS, Format, Writing, format_for
from upres.image.metadata.tags import Tags
from upres.image.picture import Pages, Picture
from upres.storage.atomic import whole_file
from upres.storage.names import refused_by_windows

# What a message proposes instead: lossless, and read everywhere.
_ADVISED = ("png", "webp", "tiff")
# A picture up to this size is given to the encoder at once: the pipe to it would cost as much time as half of a JPEG.
_WHOLE_BYTES = 4_000_000


class FileSink:
    """A file to be written: it says what it can hold before any work is done, and appears whole or not at all.

    Args:
        path: in a folder that exists; its suffix is one of `upres formats`.
        quality: 1 to 100, of JPEG and AVIF (which keep full colour resolution, 4:4:4), lossy WebP and JPEG XL.
        lossless: make WebP, AVIF and JPEG XL lossless, and refuse JPEG; PNG and TIFF are lossless anyway.
        strip: leave EXIF, IPTC and XMP behind. What says how colours are meant, and the size on paper, stay.
        into: an open file's path that is written in place of `path`, which then only says the format; of one picture.

    Raises:
        PictureError: no format has the suffix, or the quality is out of range.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        quality: int = 95,
        lossless: bool = False,
        strip: bool = False,
        into: Path | None = None,
    ) -> None:
        self.path = Path(path)
        self._strip = strip
        self._into = into
        if not 1 <= quality <= 100:
            raise PictureError(f"quality = {quality}: should be from 1 to 100", where=path)
        self.form = format_for(self.path)
        self._writing = Writing(quality=quality, lossless=lossless)

    def check(self, shape: Shape, span: tuple[float, float] = UNIT, tags: Tags | None = None) -> None:
        """Be sure that such a picture, with such tags, can be put here.

        Raises:
            PictureError: names what stands in the way, and a format that would do.
        """
        check_writable(
            self.path,
            height=shape.height,
            width=shape.width,
            alpha=shape.alpha,
            lossless=self._writing.lossless,
            span=span,
        )
        if tags is not None and tags.needs_cicp and not self.form.cicp:
            raise PictureError(
                f"the picture is HDR, or of another range than a profile can tell, by PNG's cICP or HEIF's nclx; "
                f"{self.form.name} as upres writes it would not say so. Write .png, or convert it to sRGB first",
                where=self.path,
            )

    def held_bytes(self, shape: Shape) -> int:
        """Return how many bytes encoding holds of the whole picture; 0 where rows are coded, written and forgotten."""
        return self.form.encoder_bytes(shape.height * shape.width, shape.channels, self._writing)

    def held_page_bytes(self, shape: Shape) -> int:
        """Return how many bytes are held of a page or frame that is written, its encoder apart."""
        samples = shape.height * shape.row_bytes
        if encode.stored_dtype(self.form, shape.dtype) == shape.dtype:
            return samples * (2 if shape.alpha else 1)
        return samples * 2 + 9 * shape.height * shape.width * shape.channels  # rounded by way of two float copies

    def check_pages(self, pages: Pages, height: int, width: int) -> None:
        """Be sure that so many pictures, the first of this size, can be put here; as `check`."""
        check_pages(self.path, pages)
        together = pages.count * height  # frames are coded one below the other, but for PNG's
        if pages.count > 1 and self.form.frames and self.form is not FORMATS["png"] and together > MAX_SIDE:
            raise PictureError(
                f"{pages.count:,} frames of {height:,} rows are more than the {MAX_SIDE:,} that libvips "
                f"writes into a {self.form.name}; write .png",
                where=self.path,
            )
        check_writable(self.path, height=height, width=width, lossless=self._writing.lossless)

    def write_bands(
        self, bands: Iterable[NDArray[Any]], shape: Shape, tags: Tags, *, span: tuple[float, float] = UNIT
    ) -> None:
        """Encode bands: the very file that `write` makes.

        The encoder runs in a thread of its own and takes rows as it needs them. What `bands` raises passes
        through, and then nothing is left behind.

        Args:
            bands: `shape.height` rows in all.
            shape: what they are bands of.
            tags: what travels with the pixels.
            span: as in `Picture`.

        Raises:
            PictureError: the format cannot hold the picture, or the path cannot be written; nothing was written.
            FailedError: encoding failed (a full disk, say); nothing is left behind.
        """
        self.check(shape, span, tags)
        tags = self._kept(tags)
        dtype = encode.stored_dtype(self.form, shape.dtype)
        coded = (to_stored(band, dtype, span=span, alpha=shape.alpha) for band in bands)
        stored = dataclasses.replace(shape, dtype=dtype)
        if stored.height * stored.row_bytes <= _WHOLE_BYTES:
            parts = list(coded)
            rows = sum(map(len, parts))
            if rows != shape.height:
                said = f"could not be written ({rows} rows, and not {shape.height}); nothing was left behind"
                raise FailedError(said, where=self.path)
            image = vips.from_array(np.concatenate(parts))
            with _unfinished(self.path, self._into) as temporary:
                encode.save(image, temporary, self.form, tags, self._writing)
            return
        with _unfinished(self.path, self._into) as temporary:
            encoder = BandEncoder(temporary, stored, self.form, tags, self._writing)
            try:
                encoder.feed(coded)
            finally:
                encoder.leave()
            encoder.check()

    def write(self, picture: Picture) -> None:
        """Encode a picture; as `write`."""
        if picture.alpha is not None and not self.form.alpha and _opaque(picture.alpha):
            picture = dataclasses.replace(picture, alpha=None)
        self.check(shape_of(picture), picture.span, picture.tags)
        image = vips.from_array(_samples_of(picture, self.form))
        with _unfinished(self.path, self._into) as temporary:
            encode.save(image, temporary, self.form, self._kept(picture.tags), self._writing)

    def write_pages(self, pages: Pages) -> None:
        """Encode several pictures; as `write_pages`."""
        if pages.count == 1:
            self.write(next(iter(pages)))
            return
        check_pages(self.path, pages)
        form, coded = self.form, self._coded(pages)
        begun = [next(coded)]  # before there is a file; nobody keeps it beside the next
        coded = itertools.chain((begun.pop() for _ in range(1)), coded)
        with _unfinished(self.path, self._into) as temporary:
            if form.pages:
                frames.write_pages(coded, pages.count, temporary, form, self._writing)
            else:
                timing = frames.Timing(pages.delays or (), pages.loop)
                frames.write_frames(coded, pages.count, timing, temporary, form, self._writing)

    def _kept(self, tags: Tags) -> Tags:
        return dataclasses.replace(tags, metadata={}) if self._strip else tags

    def _coded(self, pages: Pages) -> Iterator[frames.Coded]:
        """Yield each picture as the format stores it; one is held at a time."""
        pictures, kind = iter(pages), None
        for number in itertools.count(1):
            picture = next(pictures, None)
            if picture is None:
                return
            own = (picture.pixels.shape, picture.pixels.dtype, picture.alpha is None)
            if kind is None:
                kind = own
                self.check(shape_of(picture), picture.span, picture.tags)
            if not self.form.pages and own != kind:
                raise PictureError(
                    f"picture {number} is of another size or kind than the first; write .tif", where=self.path
                )
            tags, samples = self._kept(picture.tags), _samples_of(picture, self.form)
            del picture
            yield samples, tags
            del samples


def write(picture: Picture, path: str | Path, *, quality: int = 95, lossless: bool = False) -> None:
    """Encode a picture into the format that the path's suffix asks for.

    The file appears complete or not at all: it is written beside its place and renamed. What the format
    cannot hold in depth is rounded (16-bit and float into JPEG, WebP, GIF and BMP: 8 bits; into AVIF: 12; float
    into PNG and PPM: 16). Size and orientation tags are made true. Alpha that is opaque everywhere does not keep
    a picture out of JPEG. What has no place is left behind: IPTC outside JPEG and TIFF, XMP or IPTC beyond 64 KB
    in JPEG, resolution without EXIF in WebP and AVIF, all metadata in GIF, BMP and PPM. WebP and AVIF hold gray
    as three equal channels; GIF holds 256 colours, and of alpha whether it is above one half.

    Args:
        picture: what to write.
        path, quality, lossless: as in `FileSink`.

    Raises:
        PictureError: the format cannot hold the picture, or the path cannot be written; nothing was written.
        FailedError: encoding failed (a full disk, say); nothing is left behind.
    """
    FileSink(path, quality=quality, lossless=lossless).write(picture)


def write_pages(pages: Pages, path: str | Path, *, quality: int = 95, lossless: bool = False) -> None:
    """Encode several pictures into one file, in the format that the path's suffix asks for.

    The file appears complete or not at all. An animation keeps its delays (GIF: in steps of 10 ms) and its loop
    count; in a TIFF, frames become pages and their timing is left behind.

    Args:
        pages: what to write; the frames of an animation are all of one size, depth and kind.
        path, quality, lossless: as in `FileSink`.

    Raises:
        PictureError: the format cannot hold these pictures, or as `write`; nothing was written.
        FailedError: as `write`.
    """
    FileSink(path, quality=quality, lossless=lossless).write_pages(pages)


def check_writable(
    path: str | Path,
    *,
    height: int,
    width: int,
    alpha: bool = False,
    lossless: bool = False,
    span: tuple[float, float] = (0.0, 1.0),
) -> Format:
    """Return the format for `path`, sure that such a picture can be put there, before any work is done.

    Raises:
        PictureError: names what stands in the way, and a format that would do.
    """
    path = Path(path)
    form = format_for(path)
    if not encode.can_write(form):
        raise PictureError(
            f"the installed libvips is built without writing {form.name}; "
            f"write {_suffixes(most=max(height, width), alpha=alpha)}, or install a libvips that has it",
            where=path,
        )
    if max(height, width) > form.most:
        raise PictureError(
            f"{width}×{height} does not fit {form.name}, whose sides end at {form.most:,}; "
            f"write {_suffixes(most=max(height, width), alpha=alpha)}",
            where=path,
        )
    if alpha and not form.alpha:
        raise PictureError(
            f"the picture has transparency and {form.name} holds none; "
            f"write {_suffixes(most=max(height, width), alpha=True)}, or lay it on a background such as white",
            where=path,
            settings=("background",),
        )
    if lossless and not form.lossless:
        raise PictureError(
            f"{form.name} is never lossless; write {_suffixes(most=max(height, width), alpha=alpha)}", where=path
        )
    if span != (0, 1) and 32 not in form.depths:
        raise PictureError(
            f"the picture goes from {span[0]:g} to {span[1]:g}, and {form.name} ends at 0 and 1; write .tif", where=path
        )
    encode.check_size(path, form, height, width)
    if path.is_dir():
        raise PictureError("is a folder; give the name of a file in it", where=path)
    # Windows would write into a device, or into a hidden stream of another file, and say that all went well.
    if os.name == "nt" and (reason := refused_by_windows(path.name)):
        raise PictureError(f"{reason}, which Windows does not keep; name the output otherwise", where=path)
    if not path.parent.is_dir():
        raise PictureError(f"there is no folder {path.parent}; create it first", where=path)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PictureError(f"the folder {path.parent} may not be written to; choose another place", where=path)
    return form


def check_pages(path: str | Path, pages: Pages) -> None:
    """Be sure that a file of this name can hold so many pictures, before any work is done.

    Raises:
        PictureError: names the formats that can.
    """
    form = format_for(Path(path))
    if pages.count > 1 and not form.pages and not (form.frames and pages.delays is not None):
        what = "frames" if pages.delays is not None else "pages without timing"
        fitting = [
            other.suffixes[0]
            for other in FORMATS.values()
            if encode.can_write(other) and (other.pages or (other.frames and pages.delays is not None))
        ]
        raise PictureError(f"{form.name} does not hold {pages.count} {what}; write {' or '.join(fitting)}", where=path)


@contextlib.contextmanager
def _unfinished(path: Path, into: Path | None) -> Iterator[Path]:
    """Give a path to write to, renamed to `path` when all went well; what stops the writing gets its own line.

    With `into` that is the path, and nothing is renamed.

    Raises:
        FailedError: libvips or the system failed (a full disk, say); nothing is left behind.
    """
    temporary = None
    try:
        with vips.errors(), contextlib.nullcontext(into) if into else whole_file(path) as temporary:
            yield temporary
    except (vips.pyvips().Error, OSError) as error:
        said = vips.reason(error, into or path, None if into else temporary)
        raise FailedError(f"could not be written{said}; nothing was left behind", where=path) from error


def _samples_of(picture: Picture, form: Format) -> NDArray[Any]:
    """Return `h w c` with alpha last, in the deepest dtype that the format holds and that the picture needs."""
    alpha = picture.alpha is not None
    dtype = encode.stored_dtype(form, picture.pixels.dtype.name)
    return to_stored(picture.samples, dtype, span=picture.span, alpha=alpha)


def _opaque(alpha: NDArray[Any]) -> bool:
    """Return whether alpha hides nothing."""
    return bool((alpha == (1 if alpha.dtype == np.float32 else np.iinfo(alpha.dtype).max)).all())


def _suffixes(*, most: int, alpha: bool) -> str:
    fitting = (form for form in map(FORMATS.__getitem__, _ADVISED) if form.most >= most and form.alpha >= alpha)
    return " or ".join(form.suffixes[0] for form in fitting)
