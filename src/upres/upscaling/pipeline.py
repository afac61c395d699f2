"""The one path: an opened picture, enlarged into a sink. Whoever enlarges a file comes through here."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from pathlib import Path

from upres.config.limits import MAX_FRAMES, MAX_PIXELS
from upres.errors import CancelledError
from upres.image.background import Colour
from upres.image.bands import CLEAR, OPAQUE, Shape, neutral, shape_of, without_alpha
from upres.image.opening import OpenedPicture
from upres.image.picture import Picture
from upres.image.prefetch import Prefetch
from upres.image.writing import FileSink
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.memory import Held
from upres.upscaling.pages import upscale_pages
from upres.upscaling.progress import Progress

_BANDS_WAITING = 2
# Of a page before it is enlarged: as it is decoded, as it is enlarged, and the one before, to see whether it repeats.
_LR_PAGES = 3


@dataclass(frozen=True)
class Settings:
    """How files are read and written.

    Attributes:
        quality, lossless: as in `upres.write`.
        max_pixels, strict: as in `upres.read`.
        max_frames: as in `upres.read_pages`.
        background: the colour on which transparent pictures are laid, or `None`.
        strip: leave EXIF, IPTC and XMP behind.
    """

    quality: int = 95
    lossless: bool = False
    max_pixels: int = MAX_PIXELS
    max_frames: int = MAX_FRAMES
    strict: bool = False
    background: Colour | None = None
    strip: bool = False

    def opened(self, path: str | Path) -> OpenedPicture:
        """Open a picture file.

        Raises:
            PictureError: it cannot be read.
        """
        return OpenedPicture(
            path,
            max_pixels=self.max_pixels,
            max_frames=self.max_frames,
            background=self.background,
            strict=self.strict,
        )

    def sink(self, path: str | Path, *, into: Path | None = None) -> FileSink:
        """Return the file to write into; `into` is as in `FileSink`.

        Raises:
            PictureError: no format has its suffix, or the quality is out of range.
        """
        return FileSink(path, quality=self.quality, lossless=self.lossless, strip=self.strip, into=into)


@dataclass(frozen=True)
class Summary:
    """What an enlargement of an opened picture comes to; sizes are height and width.

    Attributes:
        input, output: the sizes.
        model, scale: what enlarges it.
        denoise, detail: at which place between the model's corners.
        tiles: how many predictions that takes, of one page.
        pages: how many pages or frames the file has.
        changes: what reading does to the colours, in words.
        worst_difference: how far tiles may be from the whole, as `Upscaler.worst_difference` measures.
    """

    input: tuple[int, int]
    output: tuple[int, int]
    model: str
    scale: float
    tiles: int
    pages: int
    changes: tuple[str, ...]
    worst_difference: float
    denoise: float = 0.0
    detail: float = 0.0

    @property
    def megapixels(self) -> float:
        """Millions of pixels that are written, in all pages."""
        return self.output[0] * self.output[1] * self.pages / 1e6


def enlarge(
    source: OpenedPicture,
    sink: FileSink,
    enlargement: Enlargement,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> None:
    """Enlarge a picture while it is read and written: neither is ever held whole. Of several pages, one is held.

    Args:
        source: what is enlarged.
        sink: where it goes.
        enlargement: how.
        progress: called after every tile with the tiles that are done and their number. An exception that it raises
            stops the work and passes through.
        cancel: once it is set, the work stops after the tile at hand.

    Raises:
        PictureError: the source cannot be read, or the sink not hold the result; nothing was written.
        ConfigError: the memory that is allowed is too small for it.
        ModelError: the model does not do what its facts say.
        FailedError: a tile or the encoder failed; nothing was written.
        CancelledError: `cancel` was set; nothing was written.
    """

    def told(done: int, total: int) -> None:
        if cancel is not None and cancel.is_set():
            raise CancelledError("stopped as asked; nothing was written", where=source.path)
        if progress is not None:
            progress(done, total)

    if source.header.pages > 1:
        pages = source.pages()
        sink.check_pages(pages, *enlargement.size(*source.shape.size))
        enlargement.check_memory(source.shape, held_of(source, sink, enlargement, source.shape))

        def page(picture: Picture, *, progress: Progress | None = None) -> Picture:
            shape = shape_of(picture)
            enlargement.check_memory(shape, held_of(source, sink, enlargement, shape))
            return enlargement.picture(picture, progress=progress)

        sink.write_pages(upscale_pages(page, pages, progress=told))
        return
    sink.check(enlargement.shape(source.shape).without_alpha(), tags=source.tags)
    # Before anything is decoded: what alpha and span need may be all of the picture.
    held = held_of(source, sink, enlargement)
    enlargement.check_memory(source.shape, held)
    shape = _written_shape(source, sink, enlargement)
    sink.check(shape, source.span)
    with source.bands() as lr:
        clear, first = source.alpha == CLEAR, [next(iter(lr))]
        # The file is only decoded once more where the first band shows no colour.
        gray = neutral(first[0]) and source.neutral
        bands = itertools.chain((first.pop() for _ in range(1)), lr)  # nobody keeps the first
        made = enlargement.bands(bands, source.shape, clear=clear, neutral=gray, held=held, progress=told)
        with Prefetch(made, _BANDS_WAITING) as sr:
            written = sr if shape.alpha == source.shape.alpha else without_alpha(sr)
            sink.write_bands(written, shape, enlargement.tags(source.tags), span=source.span)


def summary(source: OpenedPicture, enlargement: Enlargement) -> Summary:
    """Return what an enlargement comes to, before it is begun."""
    size = source.shape.size
    return Summary(
        input=size,
        output=enlargement.size(*size),
        model=enlargement.predictors[0].facts.name if enlargement.predictors else "reduction",
        scale=enlargement.scale,
        tiles=enlargement.tiles(*size, clear=source.alpha == CLEAR),
        pages=source.header.pages,
        changes=source.header.changes,
        worst_difference=enlargement.worst_difference,
    )


def held_of(source: OpenedPicture, sink: FileSink, enlargement: Enlargement, page: Shape | None = None) -> Held:
    """Return what is held of whole pictures: by the coders, and of a page of several."""
    lr = page or source.shape
    sr = enlargement.shape(lr)
    return Held(
        reading=source.held_bytes,
        writing=sink.held_bytes(sr),
        pages=0 if page is None else _LR_PAGES * lr.height * lr.row_bytes + sink.held_page_bytes(sr),
        source=source.header.format,
        target=sink.form.name,
    )


def _written_shape(source: OpenedPicture, sink: FileSink, enlargement: Enlargement) -> Shape:
    """Return what is written: without alpha where it is opaque and the format holds none."""
    shape = enlargement.shape(source.shape)
    drops = shape.alpha and not sink.form.alpha and source.alpha == OPAQUE
    return shape.without_alpha() if drops else shape
