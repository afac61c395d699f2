"""Draw how the shipped ×4 models learned: validation PSNR over all the steps that led to their weights.

python -m tools.curves --output docs/curves.png

Stages are read from docs/runs in their order: NAME-first.csv, -second, -third, and last NAME.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common import argument_parser, epoch_rows, run

MODELS = {"fast-x4": "#15803d", "base-x4": "#1d4ed8", "best-x4": "#c2410c"}
_STAGES = ("-first", "-second", "-third", "")


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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, colour in MODELS.items():
        steps, psnr, begun = learned(arguments.runs, name)
        axes.plot([step / 1000 for step in steps], psnr, color=colour, label=name)
        for step in begun:
            at = steps.index(step)
            axes.plot(step / 1000, psnr[at], "o", color=colour, markersize=5)
        print(f"{name}: {steps[-1]:,} steps, {psnr[-1]:.2f} dB")
    axes.set_xlabel("thousand steps of 16 crops; a dot: a new stage begins, with its rate at the top again")
    axes.set_ylabel("validation PSNR (dB)")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(arguments.output, dpi=110)
    print(arguments.output)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--runs", type=Path, default=Path("docs/runs"))
    parser.add_argument("--output", type=Path, default=Path("docs/curves.png"))
    draw(parser.parse_args())


if __name__ == "__main__":
    run(main)
