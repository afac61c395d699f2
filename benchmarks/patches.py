"""Training patches per second, one worker: upres' cache against decoding two PNG files a sample.

    python -m benchmarks.patches [--data FOLDER] [--quick]

The usual loop is the one most training code has: for each sample decode the whole hr and the whole lr file,
crop both at one place, flip and turn. It is given what helps it: files already in the system's memory, libvips
on one thread as the other side, and (first rows) pictures cut to 480×480 beforehand, as its users do.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("VIPS_CONCURRENCY", "1")  # read when libvips starts

import numpy as np
import pyvips
from numpy.typing import NDArray

from benchmarks.common import argument_parser, machine, medians, picture, run
from benchmarks.marks import Mark, held_against
from upres.data import Patches, build_cache
from upres.data.sources.folder import Folder, FolderConfig
from upres.degrade.bicubic import Bicubic, BicubicConfig
from upres.errors import DataError
from upres.evaluation.text_tables import text_table
from upres.image import Picture, imresize, picture_files, read, write

RATIO = Mark("patches a second ÷ those of the decoding loop", "≥", 10)

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class DecodingLoop:
    """Batches drawn by decoding a pair of files for each sample."""

    def __init__(self, hr: Sequence[Path], lr: Sequence[Path], *, patch: int, batch: int, scale: int) -> None:
        self.files = list(zip(hr, lr, strict=True))
        self.patch, self.batch, self.scale = patch, batch, scale

    def at(self, step: int) -> Batch:
        rng = np.random.default_rng(step)
        pairs = [self._sample(rng) for _ in range(self.batch)]
        return np.stack([small for small, _ in pairs]), np.stack([large for _, large in pairs])

    def _sample(self, rng: np.random.Generator) -> Batch:
        hr_file, lr_file = self.files[rng.integers(len(self.files))]
        hr, lr = _decoded(hr_file), _decoded(lr_file)
        side, scale = self.patch, self.scale
        top, left = (int(rng.integers(length - side + 1)) for length in lr.shape[:2])
        small = lr[top : top + side, left : left + side]
        large = hr[top * scale : (top + side) * scale, left * scale : (left + side) * scale]
        if rng.random() < 0.5:
            small, large = small[:, ::-1], large[:, ::-1]
        turns = int(rng.integers(4))
        return np.rot90(small, turns), np.rot90(large, turns)


def _decoded(path: Path) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = pyvips.Image.new_from_file(str(path), access="sequential").numpy()
    return pixels


def _pictures(data: Path | None, side: int, count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield `count` square pictures: cut from the middle of the folder's, or generated."""
    if data is None:
        for number in range(count):
            yield picture(side, side, seed=number)
        return
    found = 0
    for path in picture_files(data, recursive=True):
        pixels = read(path).pixels
        if pixels.dtype == np.uint8 and pixels.shape[2] == 3 and min(pixels.shape[:2]) >= side:
            top, left = ((length - side) // 2 for length in pixels.shape[:2])
            yield pixels[top : top + side, left : left + side]
            found += 1
            if found == count:
                return
    if not found:
        raise DataError(f"{data}: no 8-bit RGB picture of at least {side}×{side}; give another --data or lower --side")


@dataclass(frozen=True)
class Row:
    """Patches a second."""

    pictures: str
    patch: int
    loop: float
    ours: float

    @property
    def cells(self) -> tuple[str, ...]:
        return (
            self.pictures,
            f"{self.patch}",
            f"{self.loop:,.0f}",
            f"{self.ours:,.0f}",
            f"{self.ours / self.loop:.1f}",
        )


def _rows(work: Path, arguments: argparse.Namespace, side: int) -> list[Row]:
    scale = arguments.scale
    hr_folder, lr_folder = work / "HR", work / "LR"
    for folder in (hr_folder, lr_folder):
        folder.mkdir(parents=True)
    for number, hr in enumerate(_pictures(arguments.data, side, arguments.pictures)):
        write(Picture(np.ascontiguousarray(hr)), hr_folder / f"{number:04d}.png")
        write(Picture(imresize(hr, 1 / scale)), lr_folder / f"{number:04d}.png")
    cache = build_cache(
        [Folder(FolderConfig(path="HR"), root=work)],
        Bicubic(BicubicConfig()),
        "bicubic",
        scale=scale,
        colour="rgb",
        seed=0,
        home=work / "cache",
    )
    files = picture_files(hr_folder), picture_files(lr_folder)
    rows = []
    for patch in arguments.patch:
        if patch * scale > side:
            continue
        loop = DecodingLoop(*files, patch=patch, batch=arguments.batch, scale=scale)
        ours = Patches(cache, patch=patch, batch=arguments.batch, seed=0, steps=1)
        assert [a.shape for a in loop.at(0)] == [a.shape for a in ours.at(0)]  # and both are warm now
        counts = arguments.batches, arguments.batches * 8  # a cache's batch takes too little time to be timed alone

        def usual(loop: DecodingLoop = loop, count: int = counts[0]) -> None:
            for step in range(count):
                loop.at(step)

        def cached(ours: Patches = ours, count: int = counts[1]) -> None:
            for step in range(count):
                ours.at(step)

        seconds = medians([usual, cached], arguments.repeats)
        rates = [count * arguments.batch / taken for count, taken in zip(counts, seconds, strict=True)]
        rows.append(Row(f"{side}×{side}", patch, rates[0], rates[1]))
    return rows


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, help="folder of pictures; generated ones by default")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--side", type=int, nargs="+", default=[480, 1440], help="sides of the hr pictures")
    parser.add_argument("--patch", type=int, nargs="+", default=[32, 48, 64], help="sides of the lr patches")
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--batches", type=int, default=8, help="batches a measurement")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="seconds instead of a minute; numbers are rough")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.side, arguments.pictures, arguments.batches, arguments.repeats = arguments.side[:1], 2, 1, 3
    bad = [side for side in arguments.side if side % arguments.scale]
    if bad:
        parser.error(f"--side {bad[0]}: should be a multiple of the scale, {arguments.scale}")
    print(machine("pyvips"))
    pyvips.cache_set_max(0)  # libvips would hand out the decoded picture of the last time
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for side in arguments.side:
            rows += _rows(Path(folder) / str(side), arguments, side)
    source = f"from {arguments.data.name}" if arguments.data else "generated"
    print(
        f"{arguments.pictures} pictures {source}, ×{arguments.scale}, batches of {arguments.batch}, one worker, "
        f"median of {arguments.repeats} alternated\n"
    )
    header = ("picture", "patch", "decoding loop (1/s)", "upres (1/s)", "ratio")
    print(text_table(header, [row.cells for row in rows]), end="\n\n")
    for row in rows:
        held_against(RATIO, row.ours / row.loop, f"{row.pictures}, patches of {row.patch}")


if __name__ == "__main__":
    run(main)
