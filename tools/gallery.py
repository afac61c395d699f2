"""The gallery's pictures: bicubic, three places of the detail slider, and a published network side by side.

python -m tools.gallery --photos PHOTOS --more MORE --peer realesr-animevideov3.pth [--output docs/pictures/gallery]

PHOTOS holds gb82 and budgie, MORE what the list of further pictures lays out (city/, photo/, drawing/). Each picture is
cut, or reduced and cut, and the part is enlarged four times.
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np

import upres
from benchmarks.common import run
from tools.shown_parts import ShownPart, write_parts
from upres.image import OpenedPicture, Picture, imresize, read, write
from upres.upscaling.choosing import denoise_for

SIDE = 256
"""Pixels of a tile: five of them fit a page."""

_SCALE = 4
_MARGIN = 24  # lr pixels around the part that is shown: nobody sees the cut
_GAP = 4


PARTS = (
    ShownPart("portrait", "gb82/girl-lossless.webp", 2, 56, 172),
    ShownPart("skin", "gb82/baby-lossless.webp", 2, 150, 90),
    ShownPart("fur", "gb82/dog-lossless.webp", 2, 60, 110),
    ShownPart("foliage", "gb82/sumac-lossless.webp", 2, 120, 100),
    ShownPart("building", "city/hum-parliament-posx.webp", 2, 110, 300),
    ShownPart("sign", "photo/pop-kait-herzog-8242.webp", 4, 150, 80),
    ShownPart("print", "drawing/akc-gasshukoku-suishi-teitoku-kojogaki.webp", 2, 110, 210),
    ShownPart("camera-jpeg", "budgie/kitten-on-lawn.jpg", 1, 1396, 1722),
    ShownPart("web-jpeg", "gb82/path-lossless.webp", 2, 190, 90, quality=75),
    ShownPart("old-photograph", "city/akc-nyc-mulberry-street.webp", 1, 620, 380),
)


def row(part: ShownPart, original: Path, given: Namespace) -> Picture:
    """Return what bicubic, upres at detail 0, 0.5 and 1, and the peer make of a part."""
    rows, columns = (slice(start - _MARGIN, start + SIDE // _SCALE + _MARGIN) for start in (part.top, part.left))
    whole = read(original).pixels
    reduced = whole if part.shrink == 1 else imresize(whole, 1 / part.shrink)
    with tempfile.TemporaryDirectory() as folder:
        suffix = "png" if part.quality is None else "jpg"
        file = Path(folder) / f"part.{suffix}"
        write(Picture(np.ascontiguousarray(reduced[rows, columns])), file, quality=part.quality or 95)
        made = [imresize(read(file).pixels, _SCALE)]
        # What is cut from a camera's file is stored without loss, and enlarged as the camera's file would be.
        denoise = denoise_for(OpenedPicture(file if part.shrink > 1 else original)).position
        made += [upres.upscale(file, denoise=denoise, detail=detail).pixels for detail in (0.0, 0.5, 1.0)]
        made.append(upres.upscale(file, model=given.peer).pixels)
    inner = slice(_SCALE * _MARGIN, -_SCALE * _MARGIN)
    gap = np.full((SIDE, _GAP, 3), 255, np.uint8)
    tiles = [tile for pixels in made for tile in (pixels[inner, inner], gap)]
    return Picture(np.concatenate(tiles[:-1], axis=1))


def main() -> None:
    write_parts(PARTS, row, str(__doc__), "docs/pictures/gallery", "peer")


if __name__ == "__main__":
    run(main)
