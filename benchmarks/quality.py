"""PSNR and SSIM of the shipped models, and of any others, on the benchmark sets: one table.

python -m benchmarks.quality --data DATA [MODEL …]

DATA holds the sets as folders.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import argument_parser
from upres.evaluation.evaluate import evaluate, open_entrants
from upres.evaluation.statistics import Evaluation
from upres.evaluation.test_sets import open_test_set
from upres.evaluation.text_tables import text_table
from upres.models.shipped import shipped
from upres.predictors.probing import open_probed_cached

SETS = ("Set5", "Set14", "BSD100")


def measured(model: str, scale: int, data: Path, name: str, limit: int | None = None) -> Evaluation:
    """Measure one model on one set under the papers' protocol."""
    return evaluate(open_entrants([model], scale), open_test_set(data / name, scale, limit=limit))


def row(model: str, scale: int, data: Path, sets: Sequence[str], limit: int | None) -> list[str]:
    cells = [model, f"×{scale}"]
    for name in sets:
        result = measured(model, scale, data, name, limit)
        cells.append(f"{result.mean(model, 'psnr'):.2f} / {result.mean(model, 'ssim'):.4f}")
    return cells


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("models", nargs="*", help="model files; without any, the shipped models and bicubic")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--limit", type=int, help="pictures a set, evenly spaced")
    arguments = parser.parse_args()
    wanted = [(model, open_probed_cached(model).facts.scale) for model in arguments.models]
    if not wanted:
        found = [(model.name, model.scale) for model in shipped()]
        wanted = [("bicubic", scale) for scale in sorted({scale for _, scale in found})] + found
    rows = [row(model, scale, arguments.data, arguments.sets, arguments.limit) for model, scale in wanted]
    print("PSNR / SSIM: luma BT.601 studio range, border = scale, 8-bit, lr by MATLAB bicubic, mean over pictures\n")
    print(text_table(("model", "scale", *arguments.sets), rows))


if __name__ == "__main__":
    main()
