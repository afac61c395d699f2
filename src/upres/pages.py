"""Enlarge files of several pictures, one picture in memory at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from upres.image import Pages, Picture

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
