"""Low resolution, every model and the original of a few pictures, side by side, from the worst to the best."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.data.evenly_spaced import evenly_spaced
from upres.errors import extra
from upres.evaluation.statistics import Evaluation, PictureScores
from upres.evaluation.test_sets import TestPicture
from upres.storage.atomic import write_whole

MOST_SHOWN = 64
"""Rows that a sheet can have and still be looked at; half of what is held (`Triplets`)."""

# Side, in hr pixels, of what is shown of a large picture.
_CROP = 256


@dataclass(frozen=True)
class _View:
    """The middle of a picture: lr, what each model made of it, hr; and the PSNR of each model."""

    name: str
    pictures: Sequence[NDArray[Any]]
    psnr: Sequence[float]


class Triplets:
    """Keeps the middle of pictures while they are measured, so that none is decoded or enlarged again to be drawn.

    Args:
        most: how many pictures are held at once, 0.2 MB for each of their versions. Of larger sets the worst and the
            best are drawn, and between them about evenly spaced ones.
    """

    def __init__(self, *, most: int = 128) -> None:
        self._most = most
        self._views: list[_View] = []

    def take(self, picture: TestPicture, enlarged: Sequence[NDArray[Any]], scores: Sequence[PictureScores]) -> None:
        """Take one picture; hand this to `evaluate`."""
        side = picture.hr.shape[0] // picture.lr.shape[0]
        views = [
            _middle(picture.lr, picture, side, 1),
            *(_middle(pixels, picture, side, side) for pixels in (*enlarged, picture.hr)),
        ]
        self._views.append(_View(picture.name, views, [score.values["psnr"] for score in scores]))
        if len(self._views) > self._most:
            ranked = self._ranked()
            self._views = [ranked[place] for place in evenly_spaced(len(ranked), max(2, self._most // 2))]

    @property
    def names(self) -> list[str]:
        """Return which pictures are held, from the first model's worst to its best."""
        return [view.name for view in self._ranked()]

    def write(self, evaluation: Evaluation, path: Path, *, count: int = 4, each: bool = False) -> list[Path]:
        """Draw `count` of the pictures that were taken, evenly spaced by the first model's PSNR, on one sheet.

        Args:
            evaluation: whose models they are.
            path: of the sheet.
            count: how many pictures.
            each: draw each of them into a file of its own, too, `<path's name>_1.png` and so on, the worst first.

        Raises:
            MissingExtraError: matplotlib is not installed; the numbers do not need it.
        """
        ranked = self._ranked()
        chosen = [ranked[place] for place in evenly_spaced(len(ranked), count)]
        files = {path: chosen}
        if each:
            width = len(str(len(chosen)))
            for number, view in enumerate(chosen, start=1):
                files[path.with_name(f"{path.stem}_{number:0{width}}{path.suffix}")] = [view]
        for file, views in files.items():
            self._draw(evaluation, file, views)
        return list(files)

    @staticmethod
    def _draw(evaluation: Evaluation, path: Path, chosen: Sequence[_View]) -> None:
        with extra("train", path.name):
            from matplotlib.figure import Figure
        columns = len(evaluation.models) + 2
        figure = Figure(figsize=(2.7 * columns, 2.9 * len(chosen) + 0.4), dpi=110, layout="constrained")
        figure.suptitle(f"PSNR: {evaluation.protocol.describe()}", fontsize=9)
        for axes, view in zip(figure.subplots(len(chosen), columns, squeeze=False), chosen, strict=True):
            reached = zip(evaluation.models, view.psnr, strict=True)
            labels = ["low resolution", *(f"{_short(name)}  {psnr:.2f} dB" for name, psnr in reached), "original"]
            for axis, label, pixels in zip(axes, labels, view.pictures, strict=True):
                _show(axis, pixels, label)
            axes[0].set_ylabel(view.name[:28], fontsize=7)
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
        write_whole(path, stream.getvalue())

    def _ranked(self) -> list[_View]:
        return sorted(self._views, key=lambda view: view.psnr[0])


def _middle(pixels: NDArray[Any], picture: TestPicture, scale: int, shown_scale: int) -> NDArray[Any]:
    """Return a copy of the middle of a picture, the same part whether it is shown at lr or hr size."""
    spans = []
    for side in picture.lr.shape[:2]:
        length = min(side, max(1, _CROP // scale))
        start = (side - length) // 2
        spans.append(slice(start * shown_scale, (start + length) * shown_scale))
    return np.array(pixels[spans[0], spans[1]])


def _show(axis: Any, pixels: NDArray[Any], label: str) -> None:
    gray = pixels.shape[2] == 1
    axis.imshow(
        pixels[..., 0] if gray else pixels, cmap="gray" if gray else None, vmin=0, vmax=255, interpolation="nearest"
    )
    axis.set_title(label, fontsize=9)
    axis.set(xticks=[], yticks=[])


def _short(name: str) -> str:
    """Return what tells a model from the others: the run's name for weights in a run folder."""
    path = Path(name)
    if path.name == "best.safetensors" and path.parent.name:
        return path.parent.name[:24]
    return name if len(name) <= 24 else f"…{path.name[-23:]}"
