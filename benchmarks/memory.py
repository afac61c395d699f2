"""Peak memory of enlarging one file into another: one row for each size, each in a process of its own.

    python -m benchmarks.memory --megapixels 24:jpg:tif 100:tif:tif
    python -m benchmarks.memory --pairs 24 --scale 2

`--pairs` takes every kind of input with every format of output, progressive, interlaced and text ones among them.
What does not fit the format, or not the memory, is refused before it is begun: its row says so.

The source is written in bands first, so that nothing but the enlargement is measured. `--model bicubic` (the
default) proves the structure in minutes; a network's own buffers come on top, and are what `--max-memory` plans.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.common import argument_parser, run
from benchmarks.marks import Mark, held_against
from upres.image import FileSink
from upres.image.bands import Shape
from upres.image.codecs import vips
from upres.image.metadata.tags import Tags

PEAK = Mark("peak memory", "<", 1000, "MB")
GROWTH = Mark("peak memory ÷ that of the first row", "≤", 1.2)

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


KINDS = ("jpg", "progressive.jpg", "png", "interlaced.png", "webp", "tif", "gif", "bmp", "ppm", "text.ppm")
"""Inputs of `--pairs`: a suffix, and before it the way of writing it that upres itself has not."""

OUTPUTS = ("jpg", "png", "webp", "tif", "avif", "jxl", "gif", "bmp", "ppm")


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
    save = vips.pyvips().Image.new_from_file(str(plain))
    if suffix == "jpg":
        save.jpegsave(str(path), interlace=True, subsample_mode="off", Q=90)
    else:
        save.pngsave(str(path), interlace=True, compression=1)
    return path


def measured(spec: str, model: str, scale: float, limit: str) -> tuple[str, float, float, float, str]:
    """Return `spec`, output megapixels, peak MB, seconds, and why it was refused, if it was."""
    megapixels, kind, target_suffix = spec.split(":")
    width = round((float(megapixels) * 1e6 * 3 / 2) ** 0.5)
    height = round(float(megapixels) * 1e6 / width)
    with tempfile.TemporaryDirectory() as folder:
        source, target = written(kind, Path(folder), height, width), Path(folder) / f"sr.{target_suffix}"
        arguments = [str(source), str(target), model, str(scale), limit]
        done = subprocess.run([sys.executable, "-c", _CHILD, *arguments], capture_output=True, text=True, check=True)
    peak, seconds, *refused = done.stdout.strip().split(" ", 2)
    reason = refused[0].partition(": ")[2] if refused else ""
    return spec, width * height * scale**2 / 1e6, float(peak) / 1e6, float(seconds), reason


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--megapixels", nargs="+", default=["24:jpg:tif", "100:tif:tif"], metavar="MP:FROM:TO")
    parser.add_argument("--model", default="bicubic")
    parser.add_argument("--scale", type=float, default=4)
    parser.add_argument("--max-memory", default="1GB")
    parser.add_argument("--pairs", metavar="MP", help="every input with every output, at so many megapixels")
    given = parser.parse_args()
    specs = [f"{given.pairs}:{kind}:{out}" for kind in KINDS for out in OUTPUTS] if given.pairs else given.megapixels
    print(f"model {given.model}, ×{given.scale:g}, --max-memory {given.max_memory}")
    print(f"{'megapixels':>16} {'out':>8} {'peak MB':>8} {'ratio':>6} {'seconds':>8}")
    first: float | None = None
    for spec in specs:
        name, out, peak, seconds, refused = measured(spec, given.model, given.scale, given.max_memory)
        first = first or peak
        print(f"{name:>16} {out:8.0f} {peak:8.0f} {peak / first:6.2f} {seconds:8.1f}  {refused}".rstrip(), flush=True)
        held_against(PEAK, peak, name)
        if peak is not first and not given.pairs:
            held_against(GROWTH, peak / first, name)


if __name__ == "__main__":
    run(main)
