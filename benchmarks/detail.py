"""What does detail cost, and what does it buy? Fidelity and the distance of features, at each place of the slider.

python -m benchmarks.detail --data DATA --features FILE [--places 0 0.5 1] [--quality 85] [--also MODEL …] [MODEL]

DATA holds BSD100; of its pictures by name every fifth is taken, the 1st, the 6th, and so on (`--step`). Inputs are the
set's own MATLAB-bicubic lr, clean and saved as JPEG by Pillow, with colour at half the size, at the denoise that upres
chooses for that quality. FILE holds VGG19's filters up to conv3_4 (`upres.metrics.feature_distance`).
PSNR: luma, border = scale, 8 bits. VGG: unit-length features up to conv3_4, whole picture. back: sr made small again by
MATLAB's bicubic against lr, dB, the least of all pictures. shift: how far a channel's mean goes from lr's, the most of
all pictures, in levels. grid: the pattern that the error repeats at each lr pixel, as the loss of that name
measures it, in levels. NIQE: niqe-upres. between: for how many pictures of each place between the first and the last
PSNR, and the distance, lie between those of its neighbours.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common import argument_parser, run
from upres.config import parse_line
from upres.config.named_parts import build
from upres.evaluation.evaluate import Entrant, open_entrants
from upres.evaluation.test_sets import open_test_set
from upres.evaluation.text_tables import text_table
from upres.image import imresize
from upres.image.codecs.compression import Compression
from upres.losses.grid import Grid, GridConfig
from upres.metrics import METRICS, Metric, Protocol, measure_with, standard_metrics
from upres.predictors.opening import corners_for
from upres.upscaling.choosing import denoise_of

Pixels = NDArray[np.uint8]
COLUMNS = ("model", "PSNR", "VGG", "NIQE", "back", "shift", "grid")


@dataclass(frozen=True)
class Measured:
    """What one model made of one picture."""

    psnr: float
    vgg: float
    niqe: float
    back: float
    shift: float
    grid: float


def through_pillow(lr: Pixels, quality: int) -> Pixels:
    """Return lr as it comes back from a JPEG file by Pillow, with colour at half the size."""
    file = io.BytesIO()
    Image.fromarray(lr).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def measured(one: Entrant, lr: Pixels, hr: Pixels, metrics: dict[str, Metric], scale: int) -> Measured:
    sr: Any = one.upscaler(lr)
    found = measure_with(metrics, sr, hr, Protocol(border=scale))
    again = imresize(sr, size=(lr.shape[0], lr.shape[1])).astype(float)
    back = float(10 * np.log10(255**2 / max(np.square(again - lr).mean(), 1e-9)))
    shift = float(np.abs(sr.mean(axis=(0, 1)) - lr.mean(axis=(0, 1))).max())
    tensors = (torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32)) for pixels in (sr, hr))
    grid = float(Grid(GridConfig(factor=scale))(*tensors))
    return Measured(found["psnr"], found["vgg"], found["niqe-upres"], back, shift, grid)


def between(rows: Sequence[Sequence[Measured]], pick: str) -> str:
    """Return for how many pictures each inner place's figure lies between its neighbours'."""
    values = np.array([[getattr(one, pick) for one in row] for row in rows])
    inner = (values[1:-1] - values[:-2]) * (values[2:] - values[1:-1]) >= 0
    return " ".join(f"{count}/{values.shape[1]}" for count in inner.sum(axis=1)) or "–"


def cells(one: Entrant, row: Sequence[Measured]) -> tuple[str, ...]:
    """Return a model's name, and the means and the worst of what was measured of each picture."""
    return (
        one.name,
        f"{np.mean([each.psnr for each in row]):.3f}",
        f"{np.mean([each.vgg for each in row]):.3f}",
        f"{np.mean([each.niqe for each in row]):.2f}",
        f"{min(each.back for each in row):.1f}",
        f"{max(each.shift for each in row):.2f}",
        f"{np.mean([each.grid for each in row]):.3f}",
    )


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("model", nargs="?", default="base", help="a model with detailed corners")
    parser.add_argument("--data", required=True)
    parser.add_argument("--features", required=True, help="vgg19, or a file of it")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--set", dest="set_name", default="BSD100")
    parser.add_argument("--step", type=int, default=5)
    parser.add_argument("--quality", type=int, default=85)
    parser.add_argument("--places", type=float, nargs="+", default=(0, 0.25, 0.5, 0.75, 1))
    parser.add_argument("--also", nargs="*", default=("bicubic",), help="models to compare with")
    arguments = parser.parse_args()
    places = list(arguments.places)
    if not corners_for(arguments.model, arguments.scale).detailed:
        places = [0]
        print(f"{arguments.model} ×{arguments.scale} has no weights with more detail: its place 0 alone\n")
    measuring = Measuring(arguments.data, arguments.features, arguments.scale, arguments.set_name, arguments.step)
    print(measuring.title, "\n")
    for quality in (None, arguments.quality):
        denoise, entrants, found = measuring.found(arguments.model, places, quality, arguments.also)
        print("clean" if quality is None else f"JPEG {quality}", f"denoise {denoise:g}", sep=", ")
        print(text_table(COLUMNS, list(map(cells, entrants, found))))
        slider = found[: len(places)]
        print(f"between its neighbours: PSNR {between(slider, 'psnr')}, VGG {between(slider, 'vgg')}\n")


class Measuring:
    """Every n-th picture of a set, and the metrics; models are measured on them clean or from JPEG.

    Args:
        data: the folder of sets.
        features: VGG19's filters.
        scale: of the models.
        name: of the set.
        step: n.
    """

    def __init__(self, data: str | Path, features: str | Path, scale: int, name: str = "BSD100", step: int = 5) -> None:
        vgg = build(METRICS, parse_line(METRICS, f"vgg?features={features}", where="--features"))
        niqe = build(METRICS, parse_line(METRICS, "niqe-upres", where="niqe"))
        self._metrics = {**standard_metrics(), "vgg": vgg, "niqe-upres": niqe}
        self._scale = scale
        test_set = open_test_set(f"{data}/{name}", scale)
        self._pictures = sorted(test_set.pictures(), key=lambda picture: picture.name)[::step]
        originals = np.mean([niqe(picture.hr, picture.hr) for picture in self._pictures])
        self.title = f"{name} ×{scale}, {len(self._pictures)} pictures; NIQE of the originals {originals:.2f}"

    def found(
        self, model: str, places: Sequence[float], quality: int | None = None, also: Sequence[str] = ()
    ) -> tuple[float, list[Entrant], list[list[Measured]]]:
        """Return the denoise that was taken, the places of the model's slider and others, and what each came to.

        Args:
            model: name or path.
            places: of the slider.
            quality: of the JPEG that the pictures come from; `None` for clean ones.
            also: models to compare with.
        """
        lrs = [picture.lr if quality is None else through_pillow(picture.lr, quality) for picture in self._pictures]
        denoise = 0.0 if quality is None else denoise_of(Compression(quality, subsampled=True), "JPEG").position
        entrants = open_entrants(
            [*(f"{model}?denoise={denoise:g}&detail={place:g}" for place in places), *also], self._scale
        )
        found = [
            [
                measured(one, lr, picture.hr, self._metrics, self._scale)
                for picture, lr in zip(self._pictures, lrs, strict=True)
            ]
            for one in entrants
        ]
        return denoise, entrants, found


if __name__ == "__main__":
    run(main)
