"""The README's pictures of a phone's JPEG, before and after; written anew when the models change.

python -m tools.before_after --photos PHOTOS --output docs

PHOTOS holds gb82/path-lossless.webp.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from benchmarks.common import argument_parser, run

import upres
from upres.image import Picture, read, write

QUALITY = 85
TOP, LEFT, HEIGHT, WIDTH = 790, 290, 340, 340  # of the enlarged picture
_GAP = 6


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    original = read(arguments.photos / "gb82" / "path-lossless.webp").pixels
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        write(Picture(upres.imresize(original, 0.5)), photo, quality=QUALITY)
        after = upres.upscale(photo, scale=4).pixels  # a JPEG: the model for photographs
        before = upres.imresize(read(photo).pixels, 4)
    parts = [picture[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] for picture in (before, after)]
    gap = np.full((HEIGHT, _GAP, 3), 255, np.uint8)
    target = arguments.output / "phone-photo.webp"
    write(Picture(np.concatenate([parts[0], gap, parts[1]], axis=1)), target, quality=90)
    print(target)


if __name__ == "__main__":
    run(main)
