"""How PNG files of enlarged pictures are best written: bytes and milliseconds by filter and level of compression.

python -m benchmarks.png --photos PHOTOS [--count 6]

PHOTOS is a folder of photographs. Each is enlarged 4× first: what upres writes is smooth. The row
marked is how upres writes.
"""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path

import numpy as np
import pyvips

from benchmarks.common import argument_parser, machine, medians, run
from upres import imresize
from upres.data.evenly_spaced import evenly_spaced
from upres.evaluation.text_tables import text_table
from upres.image import picture_files, read
from upres.image.codecs.table import FORMATS, Writing

WAYS = [("none", 6), ("up", 1), ("up", 3), ("up", 6), ("sub", 3), ("avg", 3), ("all", 3), ("all", 6)]
_SIDE = 384


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=6, help="photographs, evenly spaced")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    files = picture_files(given.photos, recursive=True)
    images = [
        pyvips.Image.new_from_array(imresize(np.ascontiguousarray(read(files[place]).pixels[:_SIDE, :_SIDE]), 4))
        for place in evenly_spaced(len(files), given.count)
    ]
    print(machine("pyvips"))
    ours = FORMATS["png"].options(images[0], Writing())
    rows = []
    for filtered, level in WAYS:
        way = {"filter": filtered, "compression": level}
        milliseconds = [1000 * medians([partial(image.pngsave_buffer, **way)], given.repeats)[0] for image in images]
        size = sum(len(image.pngsave_buffer(**way)) for image in images) / len(images)
        mark = "upres" if way == ours else ""
        rows.append((filtered, str(level), f"{size / 1000:,.0f}", f"{statistics.mean(milliseconds):.0f}", mark))
    print(text_table(("filter", "level", "KB", "ms", ""), rows))


if __name__ == "__main__":
    run(main)
