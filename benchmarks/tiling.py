"""Whether a picture that is enlarged in tiles is the picture that is enlarged whole; mark: in 8 bits, none differs.

    python -m benchmarks.tiling [--sizes 200] [--seed 0] [--only NAME …]

For every shipped model, and every architecture with random weights (large ones with few channels), on every
backend in float32: random sizes down to 1×1, gray to RGB with alpha, each enlarged once in tiles of a random
side and once as one tile. Columns: how many tiles that took, how many 8-bit values there are and how many of
them differ, the largest difference in levels, and the largest difference of the float32 numbers behind them.
"""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.common import argument_parser, machine, run
from benchmarks.marks import Mark, held_against
from tests.small_archs import SMALL
from upres.archs import ARCHS
from upres.config.named_parts import parse_part
from upres.errors import UpresError
from upres.export.onnx import export_onnx
from upres.image import to_unit
from upres.models import checkpoint
from upres.models.facts import Facts
from upres.models.shipped import shipped
from upres.predictors import Predictor, open_predictor
from upres.predictors.bicubic import BicubicPredictor
from upres.predictors.executions import this_machine
from upres.upscaling.tiled_prediction import quantised
from upres.upscaling.upscaler import Upscaler

WORST = Mark("worst difference", "≤", 0, "of 255 levels")
BACKENDS = ("onnx", "openvino", "torch")
COLUMNS = "{:16} {:9} {:>7} {:>12} {:>7} {:>7} {:>8}"
_MOST, _LARGEST_TILE = 128, 64


@dataclass(frozen=True)
class Case:
    """One picture, and the tile it is cut into."""

    pixels: NDArray[np.uint8]
    tile: int


def cases(count: int, seed: int) -> list[Case]:
    """Return pictures of random sizes, small ones as often as large ones, the first of them one pixel."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        height, width = (
            (1, 1) if number == 0 else (round(math.exp(side)) for side in rng.uniform(0, math.log(_MOST), 2))
        )
        tile = round(math.exp(rng.uniform(math.log(4), math.log(_LARGEST_TILE))))
        pixels = rng.integers(0, 256, (height, width, 1 + number % 4), dtype=np.uint8)
        if pixels.shape[2] in (2, 4):
            pixels[: height // 2, : width // 2, -1] = 0
        made.append(Case(pixels, tile))
    return made


def models(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield names with the file for ONNX Runtime and OpenVINO, and the one for PyTorch."""
    for model in shipped():
        yield f"{model.name} ×{model.scale}", model.path, model.path
    for number, arch in enumerate(sorted(ARCHS)):
        torch.manual_seed(number)
        facts = Facts(name=arch, scale=2 + number % 3, arch={"name": arch, **SMALL.get(arch, {})})
        try:
            network = checkpoint.network_of(parse_part(ARCHS, facts.arch, where=arch, key="arch"), facts)
        except UpresError:  # an architecture that has not every scale has 2
            facts = dataclasses.replace(facts, scale=2)
            network = checkpoint.network_of(parse_part(ARCHS, facts.arch, where=arch, key="arch"), facts)
        if network.radius is None:
            continue  # it looks at everything: its tiles are blended, and nobody promises that they are exact
        facts = dataclasses.replace(facts, radius=network.radius, multiple=network.multiple)
        saved, exported = folder / f"{arch}.safetensors", folder / f"{arch}.onnx"
        checkpoint.save(saved, network, facts)
        export_onnx(saved, exported)
        yield f"{arch} ×{facts.scale}", exported, saved


def row(name: str, backend: str, predictor: Predictor, pictures: Sequence[Case]) -> tuple[int, tuple[str, ...]]:
    """Return the worst difference in levels, and a row of the table."""
    tiles = values = differing = worst = 0
    furthest = 0.0
    for case in pictures:
        lr = to_unit(case.pixels)
        tiled = Upscaler(predictor, tile=case.tile)
        results = tiled(lr), Upscaler(predictor, tile=2 * _MOST)(lr)
        levels = [quantised(sr, np.uint8).astype(int) for sr in results]
        difference = np.abs(levels[0] - levels[1])
        tiles += tiled.tiles(*lr.shape[:2], clear=lr.shape[2] in (2, 4))
        values += difference.size
        differing += int((difference > 0).sum())
        worst = max(worst, int(difference.max()))
        furthest = max(furthest, float(np.abs(results[0] - results[1]).max()))
    return worst, (name, backend, str(tiles), f"{values:,}", str(differing), str(worst), f"{furthest:.0e}")


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--sizes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="models whose name begins so")
    parser.add_argument("--backends", nargs="*", default=list(BACKENDS), choices=BACKENDS)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    print(machine("onnxruntime", "openvino", "torch"), flush=True)
    began, pictures, worst = time.perf_counter(), cases(given.sizes, given.seed), 0
    print(f"{given.sizes} sizes from seed {given.seed}, {given.threads} threads\n")
    print(COLUMNS.format("model", "backend", "tiles", "values", "differ", "levels", "float32"), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found: list[tuple[str, str, Predictor]] = []
        for name, exported, saved in models(Path(folder)):
            for backend in (one for one in given.backends if one in this_machine().backends):
                if not given.only or name.startswith(tuple(given.only)):
                    path = saved if backend == "torch" else exported
                    predictor = open_predictor(path, backend=backend, device="cpu", threads=given.threads)
                    found.append((name, backend, predictor))
        if not given.only:
            found.append(("bicubic ×3", "numpy", BicubicPredictor(3)))
        for name, backend, predictor in found:
            level, cells = row(name, backend, predictor, pictures)
            worst = max(worst, level)
            print(COLUMNS.format(*cells), flush=True)
    seconds = time.perf_counter() - began
    print(f"\n{seconds:.0f} s")
    held_against(WORST, worst)


if __name__ == "__main__":
    run(main)
