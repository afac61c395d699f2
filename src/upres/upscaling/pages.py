"""Enlarge files of several pictures, one picture in memory at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from upres.image import Pages, Picture
from upres.upscaling.progress import Progress


class Enlarge(Protocol):
    """What enlarges a picture; `Upscaler.picture` does."""

    def __call__(self, picture: Picture, *, progress: Progress | None = None) -> Picture:
        """Return the picture enlarged."""


def upscale_pages(enlarge: Enlarge, pages: Pages, *, progress: Progress | None = None) -> Pages:
    """Return pages that are enlarged when they are gone through; delays and loop count stay.

    A frame that repeats the one before it, as animations hold them to make a pause, is not predicted again.

    Args:
        enlarge: enlarges each of them; what it raises passes through.
        pages: frames or pages, of any sizes.
        progress: called after every tile with thousandths of all the work, done and in all (1000 a picture):
            how many tiles the later pictures have is known when they are read.
    """
    return dataclasses.replace(pages, pictures=_Enlarged(enlarge, pages, progress))


class _Enlarged:
    def __init__(self, enlarge: Enlarge, pages: Pages, progress: Progress | None) -> None:
        self._enlarge = enlarge
        self._pages = pages
        self._progress = progress

    def __iter__(self) -> Iterator[Picture]:
        return upscale_each(self._enlarge, self._pages, self._within)

    def _within(self, number: int) -> Progress | None:
        progress, total = self._progress, 1000 * len(self._pages)
        if progress is None:
            return None
        return lambda done, tiles: progress(1000 * number + 1000 * done // tiles, total)


def upscale_each(
    enlarge: Enlarge, pictures: Iterable[Picture], within: Callable[[int], Progress | None]
) -> Iterator[Picture]:
    """Yield pictures enlarged, one in memory at a time; one that repeats the one before it is the same object again.

    Args:
        enlarge: enlarges each of them; what it raises passes through.
        pictures: of any sizes.
        within: gives what is called after every tile of a picture, by the picture's number.
    """
    lr: Picture | None = None
    sr: Picture | None = None
    for number, picture in enumerate(pictures):
        progress = within(number)
        if lr is None or sr is None or not same(lr, picture):
            sr = None  # lets the frame before go while this one is made
            lr, sr = picture, enlarge(picture, progress=progress)
        elif progress is not None:
            progress(1, 1)
        yield sr


def same(one: Picture, other: Picture) -> bool:
    """Return whether two pictures are equal in everything, what travels with the pixels included."""
    return (
        one.tags == other.tags
        and one.span == other.span
        and _equal(one.pixels, other.pixels)
        and (one.alpha is None) == (other.alpha is None)
        and (one.alpha is None or other.alpha is None or _equal(one.alpha, other.alpha))
    )


def _equal(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other)
