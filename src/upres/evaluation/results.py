"""What an evaluation leaves: a table, a CSV of every picture, a JSON with the protocol, triplets to look at."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

from upres.data.evenly_spaced import evenly
from upres.evaluation.evaluate import Evaluation
from upres.evaluation.test_sets import TestPicture
from upres.storage.atomic import write_whole

# Side, in hr pixels, of what the triplets show of a large picture.
_CROP = 256
_HEADINGS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "mae": "MAE", "vgg": "VGG distance"}


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table for a terminal: the first column left, the others right.

    >>> print(text_table(("model", "dB"), [("ours", "31.20"), ("bicubic", "28.42")]))
    model       dB
    ours     31.20
    bicubic  28.42
    """
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        ).rstrip()
        for line in lines
    )


def evaluation_table(evaluation: Evaluation) -> str:
    """Return the table that `upres evaluate` prints, its conditions on the line above it."""
    columns = ("psnr", "ssim", "mae", *evaluation.more)
    header = ("model", *(_HEADINGS.get(column, column) for column in columns), "seconds", "parameters")
    rows = [
        (
            entrant.name,
            *(_spread_text(evaluation, entrant.name, metric) for metric in columns),
            f"{evaluation.seconds(entrant.name):.2f}",
            f"{entrant.parameters:,}",
        )
        for entrant in evaluation.entrants
    ]
    return f"{evaluation.describe()}\n\n{text_table(header, rows)}"


def _spread_text(evaluation: Evaluation, model: str, metric: str) -> str:
    digits = 2 if metric == "psnr" else 4
    mean, deviation = evaluation.mean(model, metric), evaluation.deviation(model, metric)
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}" if math.isfinite(deviation) else f"{mean:.{digits}f}"


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write `evaluation.json` and `pictures.csv`; return their paths."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "picture", "width", "height", *evaluation.metrics, "seconds"))
    for row in evaluation.rows:
        figures = (f"{row.values[metric]:.6f}" for metric in evaluation.metrics)
        writer.writerow((row.model, row.picture, row.width, row.height, *figures, f"{row.seconds:.5f}"))
    paths = [folder / "evaluation.json", folder / "pictures.csv"]
    write_whole(paths[0], json.dumps(evaluation.as_json(), indent=2, ensure_ascii=False) + "\n")
    write_whole(paths[1], f"# {evaluation.describe()}\n{text.getvalue()}")
    return paths


def write_triplets(evaluation: Evaluation, path: Path, *, count: int = 4) -> Path:
    """Draw low resolution, every model and the original of a few pictures, the worst and the best among them.

    Raises:
        ImportError: matplotlib is not installed; the numbers do not need it.
    """
    from matplotlib.figure import Figure

    first = evaluation.entrants[0]
    chosen = _telling(evaluation, first.name, count)
    found = {picture.name: picture for picture in evaluation.test_set.pictures() if picture.name in chosen}
    columns = len(evaluation.entrants) + 2
    figure = Figure(figsize=(2.7 * columns, 2.9 * len(chosen) + 0.4), dpi=110, layout="constrained")
    figure.suptitle(f"PSNR: {evaluation.protocol.describe()}", fontsize=9)
    grid = figure.subplots(len(chosen), columns, squeeze=False)
    for axes, name in zip(grid, chosen, strict=True):
        picture = found[name]
        shown = [("low resolution", picture.lr, 1)]
        for entrant in evaluation.entrants:
            psnr = next(r.values["psnr"] for r in evaluation.rows if (r.model, r.picture) == (entrant.name, name))
            label = f"{_short(entrant.name)}  {psnr:.2f} dB"
            shown.append((label, entrant.upscaler(picture.lr), evaluation.scale))
        shown.append(("original", picture.hr, evaluation.scale))
        for axis, (label, pixels, scale) in zip(axes, shown, strict=True):
            rows, columns_ = _middle(picture, evaluation.scale, scale)
            view = pixels[rows, columns_]
            gray = view.shape[2] == 1
            axis.imshow(
                view[..., 0] if gray else view, cmap="gray" if gray else None, vmin=0, vmax=255, interpolation="nearest"
            )
            axis.set_title(label, fontsize=9)
            axis.set(xticks=[], yticks=[])
        axes[0].set_ylabel(name[:28], fontsize=7)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    write_whole(path, stream.getvalue())
    return path


def _telling(evaluation: Evaluation, model: str, count: int) -> list[str]:
    rows = sorted((row for row in evaluation.rows if row.model == model), key=lambda row: row.values["psnr"])
    return [rows[place].picture for place in evenly(len(rows), count)]


def _middle(picture: TestPicture, scale: int, shown_scale: int) -> tuple[slice, slice]:
    """Return the middle of a picture, the same part whether it is shown at lr or hr size."""
    spans = []
    for side in picture.lr.shape[:2]:
        length = min(side, max(1, _CROP // scale))
        start = (side - length) // 2
        spans.append(slice(start * shown_scale, (start + length) * shown_scale))
    return spans[0], spans[1]


def _short(name: str) -> str:
    """Return what tells a model from the others: the run's name for weights in a run folder."""
    path = Path(name)
    if path.name == "best.safetensors" and path.parent.name:
        return path.parent.name[:24]
    return name if len(name) <= 24 else f"…{path.name[-23:]}"
