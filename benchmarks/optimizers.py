"""What do the same steps teach the same network under each optimiser, and what does a step cost? One table.

python -m benchmarks.optimizers --photos PHOTOS

PHOTOS is the folder that the recipe base-x4 calls data. Every run sees the same batches (base-x4's, seed 1), anneals
its rate to nothing, and is measured on base-x4's validation pictures. Runs are kept below --runs and not repeated.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from benchmarks.common import argument_parser, epoch_rows, machine, run
from upres.evaluation.text_tables import text_table
from upres.recipes import read_recipe, run_recipe

NETWORKS = {
    "plain 32×6": {"name": "plainres", "width": 32, "blocks": 6},
    "folded 32×6": {"name": "repres", "width": 32, "blocks": 6},
}
OPTIMIZERS = {"adam": (8e-4, 2e-3), "soap": (5e-3,)}


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--runs", type=Path, default=Path("runs/optimizers"))
    arguments = parser.parse_args()
    rows = []
    for network, arch in NETWORKS.items():
        for optimizer, rates in OPTIMIZERS.items():
            for rate in rates:
                marks = trained(arguments, arch, optimizer, rate)
                psnr = [f"{float(mark['val_psnr']):.2f}" for mark in marks]
                seconds = min(float(mark["seconds"]) for mark in marks)
                cost = 1000 * seconds / (arguments.steps / len(marks))
                rows.append([network, optimizer, f"{rate:g}", *psnr, f"{cost:.0f}"])
    thirds = [str(arguments.steps * third // 3) for third in (1, 2, 3)]
    print(machine())
    print("×4, 16 crops of 32×32 a step, bf16; luma PSNR (dB) on base-x4's validation pictures after so many steps\n")
    print(text_table(("network", "optimizer", "rate", *thirds, "ms a step"), rows))


def trained(
    arguments: argparse.Namespace, arch: dict[str, object], optimizer: str, rate: float
) -> list[dict[str, str]]:
    """Train in three epochs, where that was not done before, and return their rows."""
    name = f"{arch['name']}-{optimizer}-{rate:g}-{arguments.steps}"
    folder = arguments.runs / name
    rows = folder / "metrics.csv"
    if not rows.is_file() or len(epoch_rows(rows)) < 3:
        settings = [
            f"name={name}",
            "init=null",
            f"arch={json.dumps(arch)}",
            f"train.optimizer={json.dumps({'name': optimizer, 'rate': rate})}",
            "train.epochs=3",
            f"train.steps_per_epoch={arguments.steps // 3}",
            "schedule.warmup=100",
        ]
        recipe = read_recipe("base-x4", settings=settings, data=arguments.photos)
        run_recipe(recipe, folder, resume=(folder / "last.ckpt").is_file(), log=partial(print, flush=True))
    return epoch_rows(rows)


if __name__ == "__main__":
    run(main)
