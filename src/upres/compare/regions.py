"""Which parts of a picture are shown, and what must be enlarged around them so that they are the whole's pixels."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from upres.errors import ConfigError
from upres.upscaling.channels import RADIUS
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.tiled_prediction import halo

# Below this, in pixels of lr, a region shows too little to judge by; fewer of them are chosen before they get smaller.
_LEAST_SIDE = 48


@dataclass(frozen=True)
class Region:
    """A part of a picture, in pixels of lr: `x` and `y` of its upper left corner, and its size."""

    x: int
    y: int
    width: int
    height: int

    def describe(self) -> str:
        """Return the region as it is written on the command line."""
        return f"{self.x},{self.y},{self.width},{self.height}"

    def times(self, scale: int) -> Region:
        """Return the same part of the enlarged picture, in its pixels."""
        return Region(self.x * scale, self.y * scale, self.width * scale, self.height * scale)

    def inside(self, other: Region) -> Region:
        """Return the same region in the coordinates of one that holds it."""
        return Region(self.x - other.x, self.y - other.y, self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def shrunk(self, share: float) -> Region:
        """Return the middle of the region with this share of its area."""
        side = math.sqrt(share)
        width, height = max(1, math.floor(self.width * side)), max(1, math.floor(self.height * side))
        return Region(self.x + (self.width - width) // 2, self.y + (self.height - height) // 2, width, height)


def parse_region(text: str) -> Region:
    """Read a region.

    >>> parse_region("40,10,200,150")
    Region(x=40, y=10, width=200, height=150)

    Raises:
        ConfigError: not four whole numbers, or nothing is inside.
    """
    found = re.fullmatch(r"\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*", text)
    if found is None or not (int(found[3]) and int(found[4])):
        raise ConfigError(
            f"crop {text!r}: should be x,y,width,height in pixels of the picture, as 40,10,200,150", settings=("crop",)
        )
    x, y, width, height = map(int, found.groups())
    return Region(x, y, width, height)


def evenly_chosen(height: int, width: int, *, most_pixels: float, count: int) -> list[Region]:
    """Return the whole picture where it fits, or else regions of one size, evenly spaced over it.

    Args:
        height, width: of lr.
        most_pixels: what may be shown of it in all, in pixels of lr.
        count: how many regions are wanted; 4, or 1.
    """
    if height * width <= most_pixels:
        return [Region(0, 0, width, height)]
    if most_pixels / count < _LEAST_SIDE**2:
        count = 1
    side = max(_LEAST_SIDE, math.floor(math.sqrt(most_pixels / count)))
    rows = columns = math.isqrt(count)
    # A region is as square as the picture allows: what one side lacks, the other gets.
    high = min(side, height // rows)
    wide = min(max(1, math.floor(max(side * side, _LEAST_SIDE**2) / high)), width // columns)
    centres = ((row * 2 + 1, column * 2 + 1) for row in range(rows) for column in range(columns))
    return [
        Region(column * width // (2 * columns) - wide // 2, row * height // (2 * rows) - high // 2, wide, high)
        for row, column in centres
    ]


def surroundings(region: Region, enlargement: Enlargement, height: int, width: int, *, clear: bool) -> Region:
    """Return what of lr must be enlarged so that the region's pixels are those of the whole picture.

    Args:
        region: what is wanted.
        enlargement: what enlarges it.
        height, width: of lr.
        clear: whether the picture has clear pixels, under which colour is carried.
    """
    reached, margin, multiple = 1, 2, 1  # what is reduced in the end looks less than two pixels of lr far
    for predictor in enlargement.predictors:
        facts = predictor.facts
        if facts.radius is None:
            return Region(0, 0, width, height)
        margin += math.ceil(max(halo(facts, None, clear=clear), RADIUS) / reached)
        multiple = math.lcm(multiple, facts.multiple)
        reached *= facts.scale
    left, top = (max(0, start - margin) // multiple * multiple for start in (region.x, region.y))
    right, bottom = min(width, region.x + region.width + margin), min(height, region.y + region.height + margin)
    return Region(left, top, right - left, bottom - top)
