"""Do models for photographs leave JPEG blocks behind? PSNR and blockiness on clean, noisy and compressed inputs.

python -m benchmarks.photo --data DATA [--scale 4] [--limit 20] [MODEL …]

DATA holds the sets as folders. Every input is the set's own MATLAB-bicubic lr, then what its column says; the original
is what it is compared with.
Blocks: by how many per cent luma steps more across the borders of lr's 8×8 blocks than across the other borders of
lr pixels; an original has about 0, and a model that shows more of it than bicubic amplifies blocks.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from benchmarks.common import argument_parser, run
from upres.evaluation.evaluate import Entrant, evaluate, open_entrants
from upres.evaluation.statistics import Evaluation
from upres.evaluation.test_sets import TestPicture, TestSet, open_test_set
from upres.evaluation.text_tables import text_table
from upres.image import luma
from upres.metrics import Metric, NoOptions, standard_metrics
from upres.models.shipped import shipped

Pixels = NDArray[np.uint8]
_BLOCK = 8


def through_jpeg(lr: Pixels, quality: int) -> Pixels:
    """Return lr as it comes back from a JPEG file with chroma at half size."""
    image = pyvips.Image.new_from_array(np.ascontiguousarray(lr)).copy(interpretation="srgb")
    data = image.jpegsave_buffer(Q=quality, subsample_mode="on")
    pixels: Pixels = pyvips.Image.new_from_buffer(data, "").numpy()
    return pixels


def with_noise(lr: Pixels, deviation: float, name: str) -> Pixels:
    """Return lr with Gaussian noise, the same for the same picture."""
    noise = np.random.default_rng(zlib.crc32(name.encode())).normal(0, deviation, lr.shape)
    noisy: Pixels = np.clip(np.round(lr + noise), 0, 255).astype(np.uint8)
    return noisy


INPUTS: dict[str, Callable[[Pixels, str], Pixels]] = {
    "clean": lambda lr, name: lr,
    "JPEG 75": lambda lr, name: through_jpeg(lr, 75),
    "noise 5": lambda lr, name: with_noise(lr, 5, name),
    "noise 5, JPEG 75": lambda lr, name: through_jpeg(with_noise(lr, 5, name), 75),
}


def blockiness(sr: Pixels, scale: int) -> float:
    """Return by what share luma steps more across the borders of lr's blocks than across lr's other pixel borders."""
    y = luma(sr / 255.0)
    across, other = [], []
    for plane in (y, y.T):
        borders = np.arange(scale, plane.shape[1] - scale, scale)
        away = max(1, scale // 2)
        steps = np.abs(plane[:, borders + away - 1] - plane[:, borders - away]).mean(axis=0)
        at_block = borders // scale % _BLOCK == 0
        across += list(steps[at_block])
        other += list(steps[~at_block])
    return float(np.mean(across) / np.mean(other) - 1) if across and other else 0.0


def changed(test_set: TestSet, name: str) -> TestSet:
    """Return the set with its inputs changed as `INPUTS` says."""

    def pictures() -> Iterator[TestPicture]:
        for picture in test_set.pictures():
            yield dataclasses.replace(picture, lr=INPUTS[name](picture.lr, picture.name))

    return dataclasses.replace(test_set, made=f"{test_set.made}; {name}", pictures=pictures)


class Blocks(Metric):
    """How much the blocks of lr's JPEG file stand out in sr; hr is not looked at."""

    title = "blocks"
    unit = "%"
    better = "less"
    words = "blocks: luma's steps across the borders of lr's blocks against its other steps, whole picture"
    by_protocol = False

    def __init__(self, scale: int) -> None:
        super().__init__(NoOptions())
        self._scale = scale

    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        return 100 * blockiness(sr, self._scale)


def measured(entrants: Sequence[Entrant], test_set: TestSet) -> Evaluation:
    return evaluate(entrants, test_set, metrics={**standard_metrics(), "blocks": Blocks(test_set.scale)})


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument(
        "models", nargs="*", help="model files or names; bicubic and all that are shipped are in any case"
    )
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=("Set5", "BSD100"))
    parser.add_argument("--limit", type=int, help="pictures a set, evenly spaced")
    arguments = parser.parse_args()
    names = ["bicubic", *(m.name for m in shipped() if m.scale == arguments.scale), *arguments.models]
    entrants = open_entrants(names, arguments.scale)
    for set_name in arguments.sets:
        test_set = open_test_set(arguments.data / set_name, arguments.scale, limit=arguments.limit)
        results = [measured(entrants, changed(test_set, name)) for name in INPUTS]
        print(f"{set_name} ×{arguments.scale}, {test_set.count} pictures: luma PSNR, dB · blocks, %\n")
        rows = [
            (
                entrant.name,
                *(f"{r.mean(entrant.name, 'psnr'):.2f} · {r.mean(entrant.name, 'blocks'):+.1f}" for r in results),
            )
            for entrant in entrants
        ]
        originals = 100 * float(np.mean([blockiness(picture.hr, arguments.scale) for picture in test_set.pictures()]))
        rows.append(("originals", *([f"{originals:+.1f}"] * len(results))))
        print(text_table(("model", *INPUTS), rows), end="\n\n")


if __name__ == "__main__":
    run(main)
