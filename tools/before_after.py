"""The README's pictures, bicubic and upres side by side; written anew when the models change.

python -m tools.before_after --photos PHOTOS --more MORE --output docs/pictures

PHOTOS holds gb82, MORE what the list of further pictures lays out (city/, photo/). Crops of the first three
were trained on.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import upres
from benchmarks.common import argument_parser, run
from upres.image import Picture, read, write

HEIGHT, WIDTH = 300, 360
_GAP = 6


@dataclass(frozen=True)
class Case:
    """A picture, by how much it is reduced first, and where the crop of the enlarged one begins.

    Attributes:
        name: of the file that is written.
        source: below PHOTOS or MORE.
        shrink: the original's side ÷ that of what is enlarged.
        top, left: of the crop, in pixels of the enlarged picture.
        quality: saved as a JPEG of this quality before; `None` for a lossless file.
    """

    name: str
    source: str
    shrink: int
    top: int
    left: int
    quality: int | None = None


CASES = (
    Case("people", "city/akc-nyc-mulberry-street.webp", 2, 1290, 740),
    Case("building", "city/dc-dc-rowhouses.webp", 2, 760, 1500),
    Case("text", "photo/pop-kait-herzog-8242.webp", 4, 600, 330),
    Case("phone-photo", "gb82/path-lossless.webp", 2, 790, 290, quality=85),
)


def side_by_side(case: Case, original: Path) -> Picture:
    """Return the crop of bicubic's result beside that of upres, each `HEIGHT` × `WIDTH`."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / ("small.png" if case.quality is None else "small.jpg")
        write(Picture(upres.imresize(read(original).pixels, 1 / case.shrink)), small, quality=case.quality or 95)
        after = upres.upscale(small, scale=4).pixels  # the model that its format gets
        before = upres.imresize(read(small).pixels, 4)
    rows, columns = slice(case.top, case.top + HEIGHT), slice(case.left, case.left + WIDTH)
    gap = np.full((HEIGHT, _GAP, 3), 255, np.uint8)
    return Picture(np.concatenate([before[rows, columns], gap, after[rows, columns]], axis=1))


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--more", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        root = given.photos if (given.photos / case.source).exists() else given.more
        target = given.output / f"{case.name}.webp"
        write(side_by_side(case, root / case.source), target, quality=90)
        print(target)


if __name__ == "__main__":
    run(main)
