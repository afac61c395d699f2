"""The README's pictures, bicubic and upres side by side; written anew when the models change.

python -m tools.before_after --photos PHOTOS --more MORE --output docs/pictures

PHOTOS holds gb82, MORE what the list of further pictures lays out (city/, photo/). Crops of the first three
were trained on.
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np

import upres
from benchmarks.common import run
from tools.shown_parts import ShownPart, write_parts
from upres.image import Picture, read, write

HEIGHT, WIDTH = 300, 360
_GAP = 6


PARTS = (
    ShownPart("people", "city/akc-nyc-mulberry-street.webp", 2, 1290, 740),
    ShownPart("building", "city/dc-dc-rowhouses.webp", 2, 760, 1500),
    ShownPart("text", "photo/pop-kait-herzog-8242.webp", 4, 600, 330),
    ShownPart("phone-photo", "gb82/path-lossless.webp", 2, 790, 290, quality=85),
)


def side_by_side(part: ShownPart, original: Path, _: Namespace) -> Picture:
    """Return the crop of bicubic's result beside that of upres, each `HEIGHT` × `WIDTH`."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / ("small.png" if part.quality is None else "small.jpg")
        write(Picture(upres.imresize(read(original).pixels, 1 / part.shrink)), small, quality=part.quality or 95)
        after = upres.upscale(small, scale=4).pixels  # the model that its format gets
        before = upres.imresize(read(small).pixels, 4)
    rows, columns = slice(part.top, part.top + HEIGHT), slice(part.left, part.left + WIDTH)
    gap = np.full((HEIGHT, _GAP, 3), 255, np.uint8)
    return Picture(np.concatenate([before[rows, columns], gap, after[rows, columns]], axis=1))


def main() -> None:
    write_parts(PARTS, side_by_side, str(__doc__), "docs/pictures")


if __name__ == "__main__":
    run(main)
