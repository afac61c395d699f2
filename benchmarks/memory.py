"""Peak memory of enlarging one file into another: one row for each size, each in a process of its own.

    python -m benchmarks.memory --megapixels 24:jpg:tif 100:jpg:tif
    python -m benchmarks.memory --pairs 24 100 --scale 2 --rows rows.txt

`--pairs` takes every kind of input with every format of output, progressive, interlaced and text ones among them;
`--from` and `--to` choose. Those that hold most come first, and of each the smaller picture: a row's ratio is to the
same pair at the smallest size. What does not fit the format, or not the memory, is refused before it is begun: its row
says so. `--rows` keeps the rows in a file, and measures only what is not in it.

The source is written in bands first, so that nothing but the enlargement is measured. `--model bicubic` (the
default) proves the structure in minutes; a network's own buffers come on top, and are what `--max-memory` plans.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import argument_parser, run
from benchmarks.marks import Mark, held_against
from upres.image import FileSink
from upres.image.bands import Shape
from upres.image.codecs import vips
from upres.image.metadata.tags import Tags

PEAK = Mark("peak memory", "<", 1000, "MB")
GROWTH = Mark("peak memory ÷ that of the smaller picture", "≤", 1.2)

_CHILD = """
import pathlib, re, resource, sys, time
import upres
from upres.errors import UpresError
from upres.config.amounts import parse_memory
source, target, model, scale, limit = sys.argv[1:]
began = time.perf_counter()
upscaler = upres.load(model, scale=float(scale), max_memory=parse_memory(limit), backend="onnx")
try:
    upscaler.file(source, target)
    refused = ""
except UpresError as error:
    refused = str(error)
status = pathlib.Path("/proc/self/status")  # getrusage counts what the parent had, too
if status.exists():
    peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(peak, time.perf_counter() - began, refused)
"""


def rows(height: int, width: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(0)
    for top in range(0, height, 128):
        count = min(128, height - top)
        slope = np.linspace(0, 200, width)[None, :, None] + np.linspace(0, 40, count)[:, None, None]
        yield (slope + generator.integers(0, 16, (count, width, 3))).astype(np.uint8)


KINDS = ("progressive.jpg", "interlaced.png", "jpg", "tif", "png", "bmp", "ppm", "webp", "text.ppm", "gif")
"""Inputs of `--pairs`: a suffix, and before it the way of writing it that upres itself has not."""

OUTPUTS = ("ppm", "tif", "bmp", "jpg", "png", "webp", "avif", "gif", "jxl")


def written(kind: str, folder: Path, height: int, width: int) -> Path:
    """Return a picture file of a kind."""
    way, _, suffix = kind.rpartition(".")
    path = folder / f"lr.{suffix}"
    if not way:
        FileSink(path).write_bands(rows(height, width), Shape(height, width, 3, "uint8"), Tags())
        return path
    if way == "text":
        with path.open("wb") as file:
            file.write(b"P3\n%d %d\n255\n" % (width, height))
            for band in rows(height, width):
                for row in band.reshape(len(band), -1).tolist():
                    file.write(" ".join(map(str, row)).encode() + b"\n")
        return path
    plain = written("tif", folder, height, width)
    save = vips.in_order(vips.load("tiff", plain, access="sequential"))
    if suffix == "jpg":
        save.jpegsave(str(path), interlace=True, subsample_mode="off", Q=90)
    else:
        save.pngsave(str(path), interlace=True, compression=1)
    return path


def measured(source: Path, target: Path, model: str, scale: float, limit: str) -> tuple[float, float, str]:
    """Return peak MB, seconds, and why it was refused, if it was."""
    arguments = [str(source), str(target), model, str(scale), limit]
    done = subprocess.run([sys.executable, "-c", _CHILD, *arguments], capture_output=True, text=True, check=True)
    target.unlink(missing_ok=True)
    peak, seconds, *refused = done.stdout.strip().split(" ", 2)
    return float(peak) / 1e6, float(seconds), refused[0].partition(": ")[2] if refused else ""


@dataclass(frozen=True)
class Row:
    """One pair at one size; it is kept as the line that is printed of it."""

    spec: str
    megapixels: float
    peak: float
    seconds: float
    refused: str = ""

    def __str__(self) -> str:
        line = f"{self.spec:>24} {self.megapixels:8.0f} {self.peak:8.0f} {self.seconds:8.1f}  {self.refused}"
        return line.rstrip()

    @classmethod
    def of(cls, line: str) -> Row:
        """Return the row of a line."""
        spec, megapixels, peak, seconds, *refused = line.split(maxsplit=4)
        return cls(spec, float(megapixels), float(peak), float(seconds), "".join(refused))


def known(rows: Path | None) -> dict[str, Row]:
    """Return the rows of a file, by their pair."""
    if rows is None or not rows.exists():
        return {}
    return {row.spec: row for row in map(Row.of, rows.read_text(encoding="utf-8").splitlines())}


def row_of(spec: str, folder: Path, given: argparse.Namespace) -> Row:
    """Make the source, if it is not in the folder yet, and measure."""
    megapixels, kind, suffix = spec.split(":")
    width = round((float(megapixels) * 1e6 * 3 / 2) ** 0.5)
    height = round(float(megapixels) * 1e6 / width)
    place = folder / f"{megapixels}.{kind}"
    if not place.exists():
        place.mkdir()
        written(kind, place, height, width)
    source = place / f"lr.{kind.rpartition('.')[2]}"
    peak, seconds, refused = measured(source, folder / f"sr.{suffix}", given.model, given.scale, given.max_memory)
    return Row(spec, width * height * given.scale**2 / 1e6, peak, seconds, refused)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--megapixels", nargs="+", default=["24:jpg:tif", "100:jpg:tif"], metavar="MP:FROM:TO")
    parser.add_argument("--model", default="bicubic")
    parser.add_argument("--scale", type=float, default=4)
    parser.add_argument("--max-memory", default="1GB")
    parser.add_argument("--pairs", nargs="+", metavar="MP", help="every input with every output, at so many megapixels")
    parser.add_argument("--from", nargs="+", default=KINDS, choices=KINDS, dest="kinds", help="inputs of --pairs")
    parser.add_argument("--to", nargs="+", default=OUTPUTS, choices=OUTPUTS, dest="outputs", help="outputs of --pairs")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="where rows are kept; what is in it is not measured")
    given = parser.parse_args()
    specs = given.megapixels
    if given.pairs:
        specs = [f"{size}:{kind}:{out}" for kind in given.kinds for out in given.outputs for size in given.pairs]
    print(f"model {given.model}, ×{given.scale:g}, --max-memory {given.max_memory}")
    print(f"{'megapixels':>24} {'out':>8} {'peak MB':>8} {'seconds':>8}")
    done = known(given.rows)
    smaller: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for spec in specs:
            if spec not in done:
                done[spec] = row_of(spec, Path(folder), given)
                if given.rows is not None:
                    with given.rows.open("a", encoding="utf-8") as file:
                        print(done[spec], file=file)
            row = done[spec]
            print(row, flush=True)
            if row.refused:
                continue
            held_against(PEAK, row.peak, spec)
            pair = spec.partition(":")[2]
            if pair in smaller:
                held_against(GROWTH, row.peak / smaller[pair], spec)
            smaller.setdefault(pair, row.peak)


if __name__ == "__main__":
    run(main)
