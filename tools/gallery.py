"""The gallery's pictures: bicubic, three places of the detail slider, and a published network side by side.

python -m tools.gallery --photos PHOTOS --more MORE --peer realesr-animevideov3.pth [--output docs/pictures/gallery]

PHOTOS holds gb82 and budgie, MORE what the list of further pictures lays out (city/, photo/, drawing/). Each picture is
cut, or reduced and cut, and the part is enlarged four times.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import upres
from benchmarks.common import argument_parser, run
from upres.image import OpenedPicture, Picture, imresize, read, write
from upres.upscaling.choosing import DEFAULT_DETAIL, denoise_for

SIDE = 256
"""Pixels of a tile: five of them fit a page."""

_SCALE = 4
_MARGIN = 24  # lr pixels around the part that is shown: nobody sees the cut
_GAP = 4


@dataclass(frozen=True)
class Case:
    """A part of a picture.

    Attributes:
        name: of the file that is written.
        source: below PHOTOS or MORE, or of the documents' own pictures.
        shrink: the original's side ÷ that of what is enlarged.
        top, left: of the part, in pixels of what is enlarged.
        quality: saved as a JPEG of this quality before; `None` for a lossless file.
    """

    name: str
    source: str
    shrink: int
    top: int
    left: int
    quality: int | None = None


CASES = (
    Case("portrait", "gb82/girl-lossless.webp", 2, 56, 172),
    Case("skin", "gb82/baby-lossless.webp", 2, 150, 90),
    Case("fur", "gb82/dog-lossless.webp", 2, 60, 110),
    Case("foliage", "gb82/sumac-lossless.webp", 2, 120, 100),
    Case("building", "city/hum-parliament-posx.webp", 2, 110, 300),
    Case("sign", "photo/pop-kait-herzog-8242.webp", 4, 150, 80),
    Case("print", "drawing/akc-gasshukoku-suishi-teitoku-kojogaki.webp", 2, 110, 210),
    Case("camera-jpeg", "budgie/kitten-on-lawn.jpg", 1, 1396, 1722),
    Case("web-jpeg", "gb82/path-lossless.webp", 2, 190, 90, quality=75),
    Case("old-photograph", "city/akc-nyc-mulberry-street.webp", 1, 620, 380),
)


def row(case: Case, original: Path, peer: Path) -> Picture:
    """Return what bicubic, upres at detail 0, at its default and at 1, and the peer make of a part."""
    rows, columns = (slice(start - _MARGIN, start + SIDE // _SCALE + _MARGIN) for start in (case.top, case.left))
    whole = read(original).pixels
    reduced = whole if case.shrink == 1 else imresize(whole, 1 / case.shrink)
    with tempfile.TemporaryDirectory() as folder:
        suffix = "png" if case.quality is None else "jpg"
        file = Path(folder) / f"part.{suffix}"
        write(Picture(np.ascontiguousarray(reduced[rows, columns])), file, quality=case.quality or 95)
        part = read(file).pixels
        made = [imresize(part, _SCALE)]
        # What is cut from a camera's file is stored without loss, and enlarged as the camera's file would be.
        denoise = denoise_for(OpenedPicture(file if case.shrink > 1 else original)).position
        made += [upres.upscale(file, denoise=denoise, detail=detail).pixels for detail in (0.0, DEFAULT_DETAIL, 1.0)]
        made.append(upres.upscale(file, model=peer).pixels)
    inner = slice(_SCALE * _MARGIN, -_SCALE * _MARGIN)
    gap = np.full((SIDE, _GAP, 3), 255, np.uint8)
    tiles = [tile for pixels in made for tile in (pixels[inner, inner], gap)]
    return Picture(np.concatenate(tiles[:-1], axis=1))


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--more", type=Path, required=True)
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("docs/pictures/gallery"))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        root = given.photos if (given.photos / case.source).exists() else given.more
        target = given.output / f"{case.name}.webp"
        write(row(case, root / case.source, given.peer), target, quality=90)
        print(target)


if __name__ == "__main__":
    run(main)
