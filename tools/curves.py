"""Draw how the shipped ×4 models learned: validation PSNR over all the steps that led to their weights.

python -m tools.curves --output docs/curves.png

Stages are read from docs/runs in their order: NAME-first.csv, -second, -third, -fourth, and last NAME.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common import argument_parser, epoch_rows, run
from upres.html.charts import Chart, Line
from upres.storage.atomic import write_whole
from upres.train.plots import charts_png

MODELS = ("base-x4", "best-x4", "fast-x4")
_STAGES = ("-first", "-second", "-third", "-fourth", "")


def learned(runs: Path, name: str) -> tuple[list[int], list[float], list[int]]:
    """Return steps, PSNR after them, and the steps at which a stage began."""
    steps: list[int] = []
    psnr: list[float] = []
    begun: list[int] = []
    for stage in _STAGES:
        path = runs / f"{name}{stage}.csv"
        if not path.is_file():
            continue
        before = steps[-1] if steps else 0
        begun += steps[-1:]
        for row in epoch_rows(path):
            steps.append(before + int(row["step"]))
            psnr.append(float(row["val_psnr"]))
    return steps, psnr, begun


def draw(arguments: argparse.Namespace) -> None:
    lines: list[Line] = []
    dots: list[tuple[int, float, float]] = []
    for number, name in enumerate(MODELS):
        steps, psnr, begun = learned(arguments.runs, name)
        lines.append(Line(name, "", [(step / 1000, value) for step, value in zip(steps, psnr, strict=True)]))
        dots += [(number, step / 1000, psnr[steps.index(step)]) for step in begun]
        print(f"{name}: {steps[-1]:,} steps, {psnr[-1]:.2f} dB")
    over = "thousand steps of 16 crops; a dot: a new stage begins, with its rate at the top again"
    write_whole(arguments.output, charts_png([Chart("validation PSNR", "dB", lines, over=over, dots=dots)], width=9))
    print(arguments.output)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--runs", type=Path, default=Path("docs/runs"))
    parser.add_argument("--output", type=Path, default=Path("docs/curves.png"))
    draw(parser.parse_args())


if __name__ == "__main__":
    run(main)
