"""Enlarge files of several pictures, one picture in memory at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upres.image import Pages, Picture, check_pages, check_writable, read_header, read_pages, write_pages
from upres.image.background import Colour, laid_on
from upres.image.files import MAX_PIXELS

if TYPE_CHECKING:
    from upres.upscaler import Progress, Upscaler


def upscale_pages(upscaler: Upscaler, pages: Pages, *, progress: Progress | None = None) -> Pages:
    """Return pages that are enlarged when they are gone through; delays and loop count stay.

    Args:
        upscaler: enlarges each of them; what it raises passes through.
        pages: frames or pages, of any sizes.
        progress: called after every tile with thousandths of all the work, done and in all (1000 a picture):
            how many tiles the later pictures have is known when they are read.
    """
    return dataclasses.replace(pages, pictures=_Enlarged(upscaler, pages, progress))


class _Enlarged:
    def __init__(self, upscaler: Upscaler, pages: Pages, progress: Progress | None) -> None:
        self._upscaler = upscaler
        self._pages = pages
        self._progress = progress

    def __iter__(self) -> Iterator[Picture]:
        for number, picture in enumerate(self._pages):
            yield self._upscaler.picture(picture, progress=self._within(number))

    def _within(self, number: int) -> Progress | None:
        progress, total = self._progress, 1000 * len(self._pages)
        if progress is None:
            return None
        return lambda done, tiles: progress(1000 * number + 1000 * done // tiles, total)


@dataclass(frozen=True)
class Enlargement:
    """What was made of a file of several pictures: their number, and the sizes of the first before and after."""

    count: int
    before: tuple[int, int]
    after: tuple[int, int]


def upscale_file(
    upscaler: Upscaler,
    source: Path,
    target: Path,
    *,
    quality: int = 95,
    lossless: bool = False,
    max_pixels: int = MAX_PIXELS,
    background: Colour | None = None,
    progress: Progress | None = None,
) -> Enlargement:
    """Enlarge every picture of a file into another file.

    Args:
        upscaler: enlarges each of them.
        source: an animation, a multi-page TIFF, or an ordinary picture.
        target: where to write; its format holds several pictures when `source` has them.
        quality, lossless, max_pixels: as in `upres.image.write` and `upres.image.read`.
        background: lay pictures with transparency on this colour first.
        progress: as in `upscale_pages`.

    Raises:
        PictureError, FailedError: as `read_pages` and `write_pages`; nothing was written.
    """
    header = read_header(source)
    height, width = upscaler.size(header.height, header.width)
    pages = read_pages(source, max_pixels=max_pixels)
    check_pages(target, pages)
    check_writable(target, height=height, width=width, lossless=lossless)
    if background is not None:
        pages = dataclasses.replace(pages, pictures=_Flat(pages, background))
    write_pages(upscale_pages(upscaler, pages, progress=progress), target, quality=quality, lossless=lossless)
    return Enlargement(len(pages), (header.height, header.width), (height, width))


class _Flat:
    def __init__(self, pages: Pages, background: Colour) -> None:
        self._pages = pages
        self._background = background

    def __iter__(self) -> Iterator[Picture]:
        return (laid_on(picture, self._background) for picture in self._pages)
