"""Peak memory of enlarging one file into another: one row for each size, each in a process of its own.

    python -m benchmarks.memory --megapixels 24:jpg:tif 100:tif:tif

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
from upres.image.metadata.tags import Tags

PEAK = Mark("peak memory", "<", 1000, "MB")
GROWTH = Mark("peak memory ÷ that of the first row", "≤", 1.2)

_CHILD = """
import resource, sys, time
import upres
from upres.upscaling.memory import parse_memory
source, target, model, scale, limit = sys.argv[1:]
began = time.perf_counter()
upscaler = upres.load(model, scale=float(scale), max_memory=parse_memory(limit), backend="onnx")
upscaler.file(source, target)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(peak, time.perf_counter() - began)
"""


def rows(height: int, width: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(0)
    for top in range(0, height, 128):
        count = min(128, height - top)
        slope = np.linspace(0, 200, width)[None, :, None] + np.linspace(0, 40, count)[:, None, None]
        yield (slope + generator.integers(0, 16, (count, width, 3))).astype(np.uint8)


def measured(spec: str, model: str, scale: float, limit: str) -> tuple[str, float, float, float]:
    """Return `spec`, output megapixels, peak MB and seconds."""
    megapixels, source_suffix, target_suffix = spec.split(":")
    width = round((float(megapixels) * 1e6 * 3 / 2) ** 0.5)
    height = round(float(megapixels) * 1e6 / width)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / f"lr.{source_suffix}", Path(folder) / f"sr.{target_suffix}"
        FileSink(source).write_bands(rows(height, width), Shape(height, width, 3, "uint8"), Tags())
        arguments = [str(source), str(target), model, str(scale), limit]
        done = subprocess.run([sys.executable, "-c", _CHILD, *arguments], capture_output=True, text=True, check=True)
    peak, seconds = (float(number) for number in done.stdout.split())
    return spec, width * height * scale**2 / 1e6, peak / 1e6, seconds


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--megapixels", nargs="+", default=["24:jpg:tif", "100:tif:tif"], metavar="MP:FROM:TO")
    parser.add_argument("--model", default="bicubic")
    parser.add_argument("--scale", type=float, default=4)
    parser.add_argument("--max-memory", default="1GB")
    given = parser.parse_args()
    print(f"model {given.model}, ×{given.scale:g}, --max-memory {given.max_memory}")
    print(f"{'megapixels':>16} {'out':>8} {'peak MB':>8} {'ratio':>6} {'seconds':>8}")
    first: float | None = None
    for spec in given.megapixels:
        name, out, peak, seconds = measured(spec, given.model, given.scale, given.max_memory)
        first = first or peak
        print(f"{name:>16} {out:8.0f} {peak:8.0f} {peak / first:6.2f} {seconds:8.1f}", flush=True)
        held_against(PEAK, peak, name)
        if peak is not first:
            held_against(GROWTH, peak / first, name)


if __name__ == "__main__":
    run(main)
