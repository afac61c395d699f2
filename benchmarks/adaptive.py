"""How good is the network between a model's corners, for every quality that a picture may have been saved with?

python -m benchmarks.adaptive --data DATA [--scale 4] [--limit 20] [--before MODEL …] [MODEL]

DATA holds the sets as folders. Every input is the set's own MATLAB-bicubic lr, saved as the row says, and opened again.
Columns: the models to compare with (`--before`), the positions between the model's corners, and what is chosen for the
file when nobody says (`auto`). Luma PSNR, border = scale, 8 bits.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from benchmarks.common import argument_parser, run
from upres.evaluation.evaluate import Entrant, entrant, evaluate, open_entrants
from upres.evaluation.test_sets import TestPicture, TestSet, open_test_set
from upres.evaluation.text_tables import text_table
from upres.image.opening import OpenedPicture
from upres.metrics import standard_metrics
from upres.models.corners import POSITIONS, Position
from upres.predictors.probing import open_probed_cached
from upres.upscaling.choosing import denoise_for

Pixels = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Saved:
    """How lr was saved: as JPEG of these qualities one after the other, or not at all.

    Attributes:
        qualities: of each time, the last one last.
        colour: libvips' word for whether colour is stored at half its size.
        shift: pixels by which the second grid of blocks lies off the first.
    """

    qualities: tuple[int, ...] = ()
    colour: str = "on"
    shift: int = 0

    def __str__(self) -> str:
        if not self.qualities:
            return "clean"
        name = " after ".join(map(str, reversed(self.qualities)))
        extra = ["4:4:4"] * (self.colour == "off") + [f"shifted by {self.shift}"] * bool(self.shift)
        return ", ".join([f"JPEG {name}", *extra])

    def file(self, lr: Pixels) -> bytes:
        """Return lr as a file."""
        image = pyvips.Image.new_from_array(np.ascontiguousarray(lr)).copy(interpretation="srgb")
        if not self.qualities:
            data: bytes = image.pngsave_buffer()
            return data
        if self.shift:
            # Pixels before the first are taken from the picture itself, mirrored, and cut off after the first saving.
            image = image.embed(8, 8, image.width + 8, image.height + 8, extend="mirror")
            offset = 8 - self.shift
            image = image.crop(offset, offset, image.width - offset, image.height - offset)
        for number, quality in enumerate(self.qualities):
            data = image.jpegsave_buffer(Q=quality, subsample_mode=self.colour)
            if number == 0 and self.shift:
                opened = pyvips.Image.new_from_buffer(data, "")
                image = opened.crop(self.shift, self.shift, opened.width - self.shift, opened.height - self.shift)
            elif number + 1 < len(self.qualities):
                image = pyvips.Image.new_from_buffer(data, "")
        return data


ROWS = (
    Saved(),
    *(Saved((quality,)) for quality in (98, 95, 90, 85, 75, 60, 40)),
    Saved((98,), "off"),
    Saved((90,), "off"),
    Saved((75,), "off"),
    *(Saved((75, 90), shift=shift) for shift in (0, 1, 4)),
)


def saved(test_set: TestSet, how: Saved, chosen: dict[str, float], folder: Path) -> TestSet:
    """Return the set with its inputs saved so, and note which position each is given."""

    def pictures() -> Iterator[TestPicture]:
        for picture in test_set.pictures():
            path = folder / "lr"
            path.write_bytes(how.file(picture.lr))
            opened = OpenedPicture(path)
            chosen[picture.name] = denoise_for(opened).position
            yield dataclasses.replace(picture, lr=opened.picture().pixels)

    return dataclasses.replace(test_set, made=f"{test_set.made}; {how}", pictures=pictures)


def measure(test_set: TestSet, entrants: Sequence[Entrant], positions: Sequence[str], how: Saved) -> list[float]:
    """Return the mean PSNR of each entrant, of the best position, and of the chosen ones."""
    chosen: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        found = evaluate(
            entrants, saved(test_set, how, chosen, Path(folder)), metrics={"psnr": standard_metrics()["psnr"]}
        )
    means = [found.mean(one.name, "psnr") for one in entrants]
    auto = [found.values(f"{position:g}", "psnr")[number] for number, position in enumerate(chosen.values())]
    return [*means, max(found.mean(name, "psnr") for name in positions), float(np.mean(auto))]


def table(
    model: str | Path,
    scale: int,
    data: Path,
    sets: Sequence[str],
    *,
    before: Sequence[str] = (),
    limit: int | None = None,
    rows: Sequence[Saved] = ROWS,
) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the table that `main` prints."""
    steps = [number / POSITIONS for number in range(POSITIONS + 1)]
    others = open_entrants(before, scale)
    between = [entrant(f"{step:g}", open_probed_cached(model, scale, position=Position(step))) for step in steps]
    opened = [open_test_set(data / name, scale, limit=limit) for name in sets]
    positions = [one.name for one in between]
    found = []
    for how in rows:
        each = np.array([measure(one, [*others, *between], positions, how) for one in opened])
        means = np.average(each, axis=0, weights=[one.count for one in opened])
        found.append([str(how), *(f"{value:.3f}" for value in means)])
    return ["lr", *(Path(one.name).stem for one in others), *positions, "best", "auto"], found


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("model", nargs="?", default="base", help="a model with corners")
    parser.add_argument("--before", nargs="*", default=(), help="models to compare with")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=("Set14", "BSD100"))
    parser.add_argument("--limit", type=int, help="pictures a set, evenly spaced")
    arguments = parser.parse_args()
    chosen = {"before": arguments.before, "limit": arguments.limit}
    head, rows = table(arguments.model, arguments.scale, arguments.data, arguments.sets, **chosen)
    print(f"{arguments.model} ×{arguments.scale}, {' + '.join(arguments.sets)}: luma PSNR, dB\n")
    print(text_table(head, rows))


if __name__ == "__main__":
    run(main)
