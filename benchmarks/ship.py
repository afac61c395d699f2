"""Make a trained checkpoint a shipped model: measure it, write its ONNX file with the scores among its facts.

python benchmarks/ship.py runs/base-x4/best.safetensors base --data ../shared/data/benchmarks
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from quality import measured
from upres.checkpoint import load
from upres.export import export_onnx

MODELS = Path(__file__).resolve().parents[1] / "src" / "upres" / "models"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name", help="the model's name, without its scale")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/benchmarks"))
    parser.add_argument("--sets", nargs="+", default=("Set5", "BSD100"))
    arguments = parser.parse_args()
    scale = load(arguments.checkpoint)[1].scale
    with tempfile.TemporaryDirectory() as folder:
        # What is measured is the file that ships, by the runtime that will run it.
        trial = export_onnx(arguments.checkpoint, Path(folder) / "trial.onnx").path
        scores = {}
        for name in arguments.sets:
            result = measured(str(trial), scale, arguments.data, name)
            scores[f"{name} psnr_y border {scale}"] = round(result.mean(str(trial), "psnr"), 3)
    output = MODELS / f"{arguments.name}-x{scale}.onnx"
    written = export_onnx(arguments.checkpoint, output, name=arguments.name, scores=scores)
    print(f"{output.name}: {written.facts.parameters:,} parameters, {scores}, parity {written.worst:.1e}")


if __name__ == "__main__":
    main()
