"""Which pictures of a source are used, and what is done to each before it is the truth (hr)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from upres.config import config
from upres.errors import DataError
from upres.image import imresize

T = TypeVar("T")

Side = int | tuple[int, int]


@config
class PictureOptions:
    """What every source takes besides its own options. They apply in the order in which they stand here.

    Attributes:
        shuffle: a seed; put the pictures in an order of its own (always the same one), and choose from that.
        skip: leave out this many at the beginning; negative: all but the last that many (`pictures[skip:]`).
        take: use at most this many of those; negative: leave out that many at the end (`pictures[:take]`).
        crop: keep the centre: a square side, or height and width in pixels.
        shrink: reduce by this whole factor (antialiased bicubic): takes away the noise of JPEG and of sensors.
        resize: bring to exactly this size (a square side, or height and width) by MATLAB's bicubic; nothing is ever
            enlarged.
        fit: how a picture of another shape becomes that of `resize`: `crop` cuts its centre to that shape first, so
            that nothing is stretched; `stretch` takes the whole of it and changes its proportions, as libraries'
            resizing to a size does.
    """

    shuffle: int | None = None
    skip: int = 0
    take: int | None = None
    crop: Side | None = None
    shrink: int = 1
    resize: Side | None = None
    fit: Literal["crop", "stretch"] = field(default="crop", repr=False)  # see `identity`

    def __post_init__(self) -> None:
        if self.take == 0:
            raise ValueError("take = 0 leaves no pictures: give how many, or leave it out")
        if self.shrink < 1:
            raise ValueError(f"shrink = {self.shrink}: should be at least 1")
        for name, side in (("crop", self.crop), ("resize", self.resize)):
            if side is not None and min(_pair(side)) < 1:
                raise ValueError(f"{name} = {side}: should be at least 1 pixel")
        if self.fit == "stretch" and self.resize is None:
            raise ValueError("fit = stretch: there is no resize to stretch to; give resize, or leave fit out")

    @property
    def identity(self) -> str:
        """What they are in a cache's identity; caches of before there was `fit` are found by these words."""
        return f"{self} fit={self.fit}" if self.fit != "crop" else f"{self}"

    @property
    def changes_size(self) -> bool:
        """Whether pictures leave with another size than that of their file."""
        return self.crop is not None or self.resize is not None or self.shrink > 1

    def words(self) -> str:
        """Return what differs from taking all pictures as they are, as a suffix of a description."""
        given = {
            name: getattr(self, name) for name in ("shuffle", "skip", "take", "crop", "shrink", "resize", "fit")
        }  # in the order in which they apply
        said = [
            f"{name} {'×'.join(map(str, reversed(_pair(value)))) if name in ('crop', 'resize') else value}"
            for name, value in given.items()
            if value is not None and (name, value) not in (("skip", 0), ("shrink", 1), ("fit", "crop"))
        ]
        return f" ({', '.join(said)})" if said else ""


def selected(pictures: Sequence[T], options: PictureOptions) -> list[T]:
    """Return the chosen ones, in the order in which they are used.

    >>> selected("abcdef", PictureOptions(skip=-4, take=3))
    ['c', 'd', 'e']
    """
    ordered = list(pictures)
    if options.shuffle is not None:
        ordered = [ordered[index] for index in np.random.default_rng(options.shuffle).permutation(len(ordered))]
    return ordered[options.skip :][: options.take]


def prepared_size(height: int, width: int, options: PictureOptions, where: str) -> tuple[int, int]:
    """Return the size that `prepared` gives.

    Raises:
        DataError: the picture is too small for it.
    """
    steps = _steps(height, width, options, where)
    return steps[-1][1] if steps else (height, width)


def prepared(pixels: NDArray[np.uint8], options: PictureOptions, where: str) -> NDArray[np.uint8]:
    """Crop, shrink and resize `h w c`.

    Raises:
        DataError: the picture is too small for it.
    """
    for crop, size in _steps(pixels.shape[0], pixels.shape[1], options, where):
        pixels = _centre(pixels, crop)
        if pixels.shape[:2] != size:
            pixels = imresize(pixels, size=size) if crop is not None else imresize(pixels, 1 / options.shrink)
    return np.ascontiguousarray(pixels)


def _steps(
    height: int, width: int, options: PictureOptions, where: str
) -> list[tuple[tuple[int, int] | None, tuple[int, int]]]:
    """Return the cuts of the centre and the sizes to which they are brought, one after the other.

    A cut of `None` is `shrink`'s: nothing is cut, and the size follows from the factor.
    """
    steps: list[tuple[tuple[int, int] | None, tuple[int, int]]] = []
    if options.crop is not None:
        size = _pair(options.crop)
        _check(height, width, size, "crop", where)
        steps.append((size, size))
        height, width = size
    if options.shrink > 1:
        height, width = -(-height // options.shrink), -(-width // options.shrink)
        steps.append((None, (height, width)))
    if options.resize is not None:
        size = _pair(options.resize)
        _check(height, width, size, "resize", where)
        steps.append(((height, width) if options.fit == "stretch" else _shaped(height, width, size), size))
    return steps


def _check(height: int, width: int, size: tuple[int, int], name: str, where: str) -> None:
    if height < size[0] or width < size[1]:
        raise DataError(
            f"{where}: {width}×{height} is smaller than {name} = {size[1]}×{size[0]}, and enlarged pictures are no "
            f"truth to learn from; remove it or lower {name}"
        )


def _shaped(height: int, width: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return the largest part of `height width` that has the shape of `size`."""
    if height * size[1] > width * size[0]:
        return max(size[0], round(width * size[0] / size[1])), width
    return height, max(size[1], round(height * size[1] / size[0]))


def _centre(pixels: NDArray[np.uint8], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    if size is None:
        return pixels
    top, left = (pixels.shape[0] - size[0]) // 2, (pixels.shape[1] - size[1]) // 2
    return pixels[top : top + size[0], left : left + size[1]]


def _pair(side: Side) -> tuple[int, int]:
    return (side, side) if isinstance(side, int) else side
