"""The four numbers of CIFAR-10, ×2, by how low resolution was made, beside those that a notebook published.

    python -m benchmarks.cifar10 [--data FOLDER] [--models FILE …] [--crossed | --theirs] [--split test] [--take N]
        [--floats]

Each model is measured on the low resolution that it was trained on; with --crossed on every one. RGB, no border; PSNR,
SSIM and MAE are means over pictures, ± the sample's standard deviation. FOLDER holds cifar-10-batches-py; without it
pictures are drawn in that layout, whose numbers compare with each other alone. "linear" is the filter of 5×5 lr pixels
and their three colours, for each of the four hr pixels, whose squared error on the first 3,000 training pictures is the
least: it needs no training, and tells settings apart sooner than bicubic, which is not made for any of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from benchmarks.common import argument_parser, machine, run
from upres.data import open_source
from upres.data.draw import draw
from upres.degrade.bicubic import BicubicConfig
from upres.image import imresize
from upres.image.library_resize import reduced
from upres.metrics import Protocol, measure_several, metric
from upres.models import checkpoint

PUBLISHED = {"psnr": 28.13, "ssim": 0.9077, "mae": 0.0280, "mse": 0.0019}
# How near a setting has to come to be called the published one.
NEAR = {"psnr": 0.05, "ssim": 0.002, "mae": 0.0005, "mse": 0.0001}
SETTINGS = (
    BicubicConfig(kernel="matlab"),
    BicubicConfig(kernel="pillow"),
    BicubicConfig(kernel="tensorflow", antialias=True),
    BicubicConfig(kernel="matlab", antialias=False),
    BicubicConfig(kernel="tensorflow"),
    BicubicConfig(kernel="opencv"),
)
_AT_ONCE = 250
# lr pixels a side that the linear filter sees, and what it is fitted on.
_SEEN = 5
_FITTED = 3000

Pictures = NDArray[np.uint8]
Enlarging = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def lowered(hr: Pictures, setting: BicubicConfig, *, rounded: bool) -> NDArray[np.float32]:
    """Return `n h w c` at half the size, in [0, 1]; unrounded as MATLAB's kernel alone gives it."""
    stacked = np.ascontiguousarray(hr.transpose(1, 2, 0, 3)).reshape(*hr.shape[1:3], -1)
    if rounded:
        lr = reduced(stacked, 2, setting.kernel, antialias=setting.antialias).astype(np.float32) / 255
    else:
        lr = imresize(stacked.astype(np.float32) / 255, 0.5, antialias=bool(setting.antialias))
    height, width = lr.shape[:2]
    return np.ascontiguousarray(lr.reshape(height, width, len(hr), -1).transpose(2, 0, 1, 3))


def by_bicubic(lr: NDArray[np.float32]) -> NDArray[np.float32]:
    """Enlarge by MATLAB's bicubic, 8-bit pictures to 8-bit pictures."""
    stacked = np.rint(lr.transpose(1, 2, 0, 3) * 255).astype(np.uint8).reshape(*lr.shape[1:3], -1)
    sr = imresize(stacked, 2)
    return np.asarray(sr.reshape(*sr.shape[:2], len(lr), -1).transpose(2, 0, 1, 3) / 255, dtype=np.float32)


def by_filter(lr: NDArray[np.float32], hr: Pictures) -> Enlarging:
    """Return the linear filter with the least squared error on these pairs, 0.5 taken for the middle."""
    wanted = hr.astype(np.float32) / 255 - 0.5
    count, height, width, colours = lr.shape
    wanted = wanted.reshape(count, height, 2, width, 2, colours).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 4 * colours)
    seen = _neighbourhoods(lr)
    # A little ridge: neighbouring pixels say nearly the same.
    taps = np.linalg.solve(
        (seen.T @ seen).astype(np.float64) + 0.01 * np.eye(seen.shape[1]), (seen.T @ wanted).astype(np.float64)
    ).astype(np.float32)

    def enlarged(lr: NDArray[np.float32]) -> NDArray[np.float32]:
        count, height, width, colours = lr.shape
        sr = (_neighbourhoods(lr) @ taps).reshape(count, height, width, 2, 2, colours)
        sr = sr.transpose(0, 1, 3, 2, 4, 5).reshape(count, 2 * height, 2 * width, colours)
        result: NDArray[np.float32] = np.clip(sr + np.float32(0.5), 0, 1)
        return result

    return enlarged


def _neighbourhoods(lr: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return of each pixel what the filter sees, edges repeated, as rows."""
    edge = _SEEN // 2
    padded = np.pad(lr - np.float32(0.5), ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="edge")
    seen: NDArray[np.float32] = sliding_window_view(padded, (_SEEN, _SEEN), axis=(1, 2))
    return seen.reshape(-1, _SEEN**2 * lr.shape[-1])


def by_network(path: Path) -> tuple[Enlarging, dict[str, object]]:
    """Return a model file as a function, and the low resolution that it was trained on."""
    network, facts = checkpoint.load(path)
    network.eval()

    def enlarged(lr: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = torch.from_numpy(lr).permute(0, 3, 1, 2)
        with torch.inference_mode():
            parts = [network(batch[first : first + _AT_ONCE]) for first in range(0, len(batch), _AT_ONCE)]
        sr: NDArray[np.float32] = torch.cat(parts).clamp(0, 1).permute(0, 2, 3, 1).numpy()
        return sr

    return enlarged, {key: value for key, value in facts.degradation.items() if key != "name"}


def row(label: str, hr: Pictures, lr: NDArray[np.float32], enlarged: Enlarging, *, rounded: bool) -> str:
    """Return a line of the table."""
    sr = enlarged(lr)
    # Pictures in files have levels; a notebook that never writes one does not round.
    values = measure_several(
        {name: metric(name) for name in PUBLISHED},
        sr,
        hr,
        Protocol(space="rgb", border=0, quantised=rounded),
    )
    mean = {name: float(np.mean(found)) for name, found in values.items()}
    spread = {name: float(np.std(found, ddof=1)) for name, found in values.items()}
    far = [name for name, value in PUBLISHED.items() if abs(mean[name] - value) > NEAR[name]]
    verdict = "fits all four" if not far else f"not {', '.join(far)}"
    return (
        f"| {label} | {mean['psnr']:.2f} ± {spread['psnr']:.2f} | {mean['ssim']:.4f} ± {spread['ssim']:.4f} | "
        f"{mean['mae']:.4f} | {mean['mse']:.5f} | {verdict} |"
    )


def pictures(data: Path, split: str, take: int | None) -> tuple[str, Pictures]:
    """Return in words which pictures they are, and they, `n h w c`."""
    source = open_source(f"{data}?split={split}{f'&take={take}' if take else ''}", scale=2)
    return source.describe(), np.stack([source.sample(index).hr for index in range(len(source))])


def words(setting: BicubicConfig) -> str:
    return f"{setting.kernel}, {'antialiased' if setting.antialias else 'not antialiased'}"


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, help="the folder that holds cifar-10-batches-py")
    parser.add_argument("--models", type=Path, nargs="+", default=[], help="weights of networks that enlarge ×2")
    parser.add_argument("--crossed", action="store_true", help="each model on every low resolution")
    parser.add_argument("--theirs", action="store_true", help="only the low resolution that a model was trained on")
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument("--take", type=int, help="so many pictures; left out, all")
    parser.add_argument("--floats", action="store_true", help="round neither lr (MATLAB's kernel) nor sr to levels")
    given = parser.parse_args()
    print(machine("torch"))
    with tempfile.TemporaryDirectory() as name:
        data = draw("CIFAR-10", Path(name)) if given.data is None else given.data
        described, hr = pictures(data, given.split, given.take)
        _, fitted = pictures(data, "train", _FITTED)
    print(f"{described}; lr and sr {'as floats' if given.floats else 'of 8 bits'}\n")
    print("| low resolution | enlarged by | PSNR (dB) | SSIM | MAE | MSE | the published numbers |")
    print("|---|---|---|---|---|---|---|")
    networks = {path.stem if path.stem != "best" else path.parent.name: by_network(path) for path in given.models}
    for setting in SETTINGS:
        trained_on_it = {label for label, (_, trained) in networks.items() if BicubicConfig(**trained) == setting}  # type: ignore[arg-type]
        if (given.floats and setting.kernel != "matlab") or (given.theirs and not trained_on_it):
            continue
        lr = lowered(hr, setting, rounded=not given.floats)
        if not given.floats:
            print(row(f"{words(setting)} | bicubic", hr, lr, by_bicubic, rounded=True), flush=True)
        linear = by_filter(lowered(fitted, setting, rounded=not given.floats), fitted)
        print(row(f"{words(setting)} | linear", hr, lr, linear, rounded=not given.floats), flush=True)
        for label, (enlarged, _) in networks.items():
            if given.crossed or label in trained_on_it:
                print(row(f"{words(setting)} | {label}", hr, lr, enlarged, rounded=not given.floats), flush=True)


if __name__ == "__main__":
    run(main)
