"""PSNR and SSIM of the shipped models, and of any others, on the benchmark sets: one table.

python -m benchmarks.quality --data ../shared/data/benchmarks [MODEL …]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from upres.evaluation.evaluate import Entrant, Evaluation, evaluate
from upres.evaluation.results import text_table
from upres.evaluation.test_sets import open_test_set
from upres.metrics import Protocol
from upres.models.shipped import shipped
from upres.predictors import open_predictor
from upres.upscaling.upscaler import Upscaler

SETS = ("Set5", "Set14", "BSD100")


def measured(model: str, scale: int, data: Path, name: str, limit: int | None = None) -> Evaluation:
    """Measure one model on one set under the papers' protocol."""
    predictor = open_predictor(model, scale)
    entrant = Entrant(model, predictor.facts.parameters, Upscaler(predictor))
    test_set = open_test_set(data / name, scale, limit=limit)
    return evaluate([entrant], test_set, scale=scale, protocol=Protocol(space="luma", border=scale))


def row(model: str, scale: int, data: Path, sets: Sequence[str], limit: int | None) -> list[str]:
    cells = [model, f"×{scale}"]
    for name in sets:
        result = measured(model, scale, data, name, limit)
        cells.append(f"{result.mean(model, 'psnr'):.2f} / {result.mean(model, 'ssim'):.4f}")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="model files; without any, the shipped models and bicubic")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/benchmarks"))
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--limit", type=int, help="pictures a set, evenly spaced")
    arguments = parser.parse_args()
    wanted = [(model, open_predictor(model).facts.scale) for model in arguments.models]
    if not wanted:
        found = [(model.name, model.scale) for model in shipped()]
        wanted = [("bicubic", scale) for scale in sorted({scale for _, scale in found})] + found
    rows = [row(model, scale, arguments.data, arguments.sets, arguments.limit) for model, scale in wanted]
    print("PSNR / SSIM: luma BT.601 studio range, border = scale, 8-bit, lr by MATLAB bicubic, mean over pictures\n")
    print(text_table(("model", "scale", *arguments.sets), rows))


if __name__ == "__main__":
    main()
