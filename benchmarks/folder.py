"""How long the predictor works of the time that a folder takes: the rest is waiting for files.

python -m benchmarks.folder --pictures 200

The pictures are of mixed sizes, formats and content, made by the script.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import argument_parser, run
from benchmarks.marks import Mark, held_against
from upres.evaluation.text_tables import text_table
from upres.image import Picture, imresize, write
from upres.predictors import Predictor
from upres.upscaling.batch import BatchSettings, find_jobs
from upres.upscaling.batch.engines.local import run as run_jobs
from upres.upscaling.loading import Upscalers
from upres.upscaling.sizes import Size

BUSY = Mark("the predictor works ÷ wall", "≥", 0.95)

_SUFFIXES = (".jpg", ".png", ".tif", ".webp")


class Timed(Predictor):
    """Adds up the time that a predictor works."""

    def __init__(self, predictor: Predictor) -> None:
        self.facts = predictor.facts
        self.how = predictor.how
        self.busy = 0.0
        self._predictor = predictor

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        began = time.perf_counter()
        try:
            return self._predictor.predict(lr)
        finally:
            self.busy += time.perf_counter() - began


def make(folder: Path, count: int, most: int) -> float:
    """Write the pictures, and return their megapixels."""
    generator = np.random.default_rng(0)
    pixels = 0
    for number in range(count):
        height, width = (int(side) for side in generator.integers(most // 4, most, 2))
        small = generator.random((height // 8 + 1, width // 8 + 1, 3), dtype=np.float32)
        smooth = np.clip(imresize(small, size=(height, width)), 0, 1)
        path = folder / f"sub{number % 5}" / f"{number:04}{_SUFFIXES[number % len(_SUFFIXES)]}"
        path.parent.mkdir(exist_ok=True)
        write(Picture((smooth * 255).astype(np.uint8)), path)
        pixels += height * width
    return pixels / 1e6


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--side", type=int, default=640, help="the longest side of a picture")
    parser.add_argument("--model", default="base")
    parser.add_argument("--scale", type=float)
    parser.add_argument("--backend", default="auto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "in", Path(name) / "out"
        source.mkdir()
        megapixels = make(source, given.pictures, given.side)
        jobs = find_jobs([source], target, label="")
        # For pictures that were compressed, a model with corners would be mixed: other predictors than the one timed.
        upscalers = Upscalers(given.model, Size(scale=given.scale), backend=given.backend, denoise=0.0)
        upscaler = upscalers.for_picture(1, 1)
        timed = [Timed(predictor) for predictor in upscaler.predictors]
        upscaler.enlargement.predictors = tuple(timed)
        began = time.perf_counter()
        failed = sum(outcome.error is not None for outcome in run_jobs(jobs, upscalers, BatchSettings()))
        wall = time.perf_counter() - began
    busy = sum(predictor.busy for predictor in timed)
    how = timed[0].how or timed[0].facts.name
    header = ("pictures", "failed", "MP in", "wall (s)", "busy (s)", "busy ÷ wall")
    cells = (given.pictures, failed, f"{megapixels:.1f}", f"{wall:.1f}", f"{busy:.1f}", f"{busy / wall:.3f}")
    print(f"predictor: {how}\n\n{text_table(header, [[str(cell) for cell in cells]])}\n")
    held_against(BUSY, busy / wall)


if __name__ == "__main__":
    run(main)
