"""Lay photographs out as DIV2K is published, to run its recipes where DIV2K cannot be had.

python -m tools.lay_out_div2k PHOTOS FOLDER

PHOTOS holds cid22, budgie and gb82. DIV2K_train_HR and DIV2K_train_LR_bicubic/X4 get cid22 and, reduced to about two
megapixels, budgie; DIV2K_valid_* gets gb82.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import argument_parser, run
from upres.image import Picture, imresize, picture_files, read, write

_SCALE = 4
_MOST_PIXELS = 2_800_000


def truth(path: Path) -> NDArray[np.uint8]:
    """Return a photograph of at most DIV2K's size whose sides are multiples of the scale, as DIV2K's are."""
    pixels: NDArray[np.uint8] = read(path).pixels[..., :3]
    shrink = math.ceil(math.sqrt(pixels.shape[0] * pixels.shape[1] / _MOST_PIXELS))
    if shrink > 1:
        pixels = imresize(pixels, 1 / shrink)
    height, width = (side - side % _SCALE for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    for split, first, names in (("train", 1, ("cid22", "budgie")), ("valid", 801, ("gb82",))):
        originals = arguments.folder / f"DIV2K_{split}_HR"
        partners = arguments.folder / f"DIV2K_{split}_LR_bicubic" / f"X{_SCALE}"
        originals.mkdir(parents=True, exist_ok=True)
        partners.mkdir(parents=True, exist_ok=True)
        files = [path for name in names for path in picture_files(arguments.photos / name, recursive=True)]
        for number, path in enumerate(files, first):
            hr = truth(path)
            write(Picture(hr), originals / f"{number:04d}.png")
            write(Picture(imresize(hr, 1 / _SCALE)), partners / f"{number:04d}x{_SCALE}.png")
        print(f"{originals}: {len(files)} pictures, and their partners in {partners}")


if __name__ == "__main__":
    run(main)
